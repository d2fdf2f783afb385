"""Wherever a mask meets an image, it lies on it, is turned onto it and told, or is refused."""

import json
import logging

import nibabel
import numpy as np
import pytest
import tifffile

from napari_medseg.app.evaluate import evaluate
from napari_medseg.app.images import add_images
from napari_medseg.app.masks import add_with_masks
from napari_medseg.app.plan_round import RetrainOptions, plan_retrain
from napari_medseg.app.predict import PredictRequest
from napari_medseg.errors import ShapeError
from napari_medseg.io import find_pairs, read_image, write_mask
from napari_medseg.project import Project
from napari_medseg.project.run_spec import Pair
from src_train.dataset import load_pair

AFFINE = np.array([[-0.8, 0.1, 0, 90], [0.1, -0.8, 0, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
WEIGHTS = PredictRequest(network="lgms-net-3d", weights="hippocampus", device="cpu")
SIDES = (20, 24, 10)
TURNED = np.array([[1, -1], [2, 1], [0, -1]])


def save(folder, affine, data):
    folder.mkdir(exist_ok=True)
    nibabel.Nifti1Image(data, affine).to_filename(folder / "a.nii.gz")


@pytest.fixture
def data():
    data = np.zeros(SIDES, np.float32)
    data[2:7, 3:9, 1:4] = 100
    return data


@pytest.fixture
def elsewhere(tmp_path, data):
    """A mask with its image's voxels, and another header."""
    save(tmp_path / "i", AFFINE, data)
    save(tmp_path / "m", np.eye(4), (data > 0).astype(np.uint8))
    return tmp_path


@pytest.fixture
def turned(tmp_path, data):
    """A mask on its image's grid, stored in another order."""
    save(tmp_path / "i", AFFINE, data)
    mask = nibabel.orientations.apply_orientation((data > 0).astype(np.uint8), TURNED)
    save(tmp_path / "m", AFFINE @ nibabel.orientations.inv_ornt_aff(TURNED, SIDES), mask)
    return tmp_path


REFUSED = (
    r"m/a\.nii\.gz is 10 x 24 x 20 px of 1 x 1 x 1 mm, from .* expected the geometry of its image .*i/a\.nii\.gz: "
)
TOLD = r"was turned onto its image's voxels"


def test_added_to_a_project(elsewhere):
    with Project.create(elsewhere / "p") as project:
        with pytest.raises(ShapeError, match=REFUSED):
            add_with_masks(project, [elsewhere / "i"], elsewhere / "m")
        assert project.cases() == []


def test_added_to_a_project_in_another_order(turned, data):
    with Project.create(turned / "p") as project:
        result = add_with_masks(project, [turned / "i"], turned / "m")
        assert len(result.told) == 1
        assert TOLD in result.told[0]
        np.testing.assert_array_equal(project.labels(1), read_image(turned / "i" / "a.nii.gz").data > 50)


def test_scored(elsewhere):
    with pytest.raises(ShapeError, match=REFUSED):
        evaluate(find_pairs(elsewhere / "i", elsewhere / "m"), WEIGHTS)


def test_scored_in_another_order_as_in_the_image_s(turned, data):
    pairs = find_pairs(turned / "i", turned / "m")
    report = evaluate(pairs, WEIGHTS)
    assert len(report["told"]) == 1
    assert TOLD in report["told"][0]
    save(turned / "m", AFFINE, (data > 0).astype(np.uint8))
    plain = evaluate(pairs, WEIGHTS)
    assert plain["told"] == []
    assert {**plain["mean"], "seconds": 0} == {**report["mean"], "seconds": 0}
    # a figure is a figure, told or not
    json.dumps(report)


def test_trained_on(elsewhere):
    pair = Pair(name="a", image="i/a.nii.gz", mask="m/a.nii.gz")
    with pytest.raises(ShapeError, match=REFUSED):
        load_pair(pair, elsewhere, classes={1: "x"})


def test_trained_on_in_another_order(turned, caplog):
    sample = load_pair(Pair(name="a", image="i/a.nii.gz", mask="m/a.nii.gz"), turned, classes={1: "x"})
    np.testing.assert_array_equal(sample.mask > 0, sample.image > 50)
    assert [TOLD in record.message for record in caplog.records if record.levelno == logging.WARNING] == [True]


def test_a_project_s_own_masks_go_into_training_on_their_volumes(tmp_path):
    """Whatever the header, the trainer finds the project's masks on their images."""
    rng = np.random.default_rng(0)
    with Project.create(tmp_path / "p") as project:
        for number in range(2):
            values = rng.normal(100, 9, SIDES).astype(np.float32)
            (tmp_path / "i").mkdir(exist_ok=True)
            image = nibabel.Nifti1Image(values, None)
            image.header.set_zooms((0.8, 0.8, 2.5))
            image.header.set_sform(AFFINE @ np.diag((1, 1, 1 + number, 1)), 2)
            image.header.set_qform(AFFINE, 1)
            image.to_filename(tmp_path / "i" / f"{number}.nii.gz")
        cases, _ = add_images(project, [tmp_path / "i"])
        for case in cases:
            labels = np.zeros(case.shape, np.uint8)
            labels[2:5, 3:9, 4:12] = 1
            project.commit_stroke(case.id, labels)
            project.accept(case.id)
        spec, folder = plan_retrain(project, RetrainOptions(network="lgms-net-3d", weights="hippocampus"))
        for pair in spec.data.train:
            np.testing.assert_array_equal(load_pair(pair, folder, classes={1: "a", 2: "b"}).mask, labels)


def test_the_mask_of_a_picture_comes_back_from_nifti(tmp_path):
    """Written as one slice, it is the picture's mask again; one of another size, or turned, is not."""
    rng = np.random.default_rng(0)
    picture, mask = rng.integers(0, 255, (12, 20), np.uint8), np.zeros((12, 20), np.uint8)
    mask[2:5, 3:9] = 1
    (tmp_path / "i").mkdir()
    tifffile.imwrite(tmp_path / "i" / "a.tif", picture)
    image = read_image(tmp_path / "i" / "a.tif")
    write_mask(tmp_path / "a_mask.nii.gz", mask, grid=image.grid)
    pair = Pair(name="a", image="i/a.tif", mask="a_mask.nii.gz")
    np.testing.assert_array_equal(load_pair(pair, tmp_path, classes=1).mask, mask)
    project = Project.create(tmp_path / "p")
    (tmp_path / "m").mkdir()
    (tmp_path / "a_mask.nii.gz").rename(tmp_path / "m" / "a_mask.nii.gz")
    assert add_with_masks(project, [tmp_path / "i"], tmp_path / "m").used == 1
    np.testing.assert_array_equal(project.labels(1), mask)
    project.close()
    for name, data, affine in (("small", mask[:, 1:], np.eye(4)), ("turned", mask, np.diag((-1.0, 1, 1, 1)))):
        nibabel.Nifti1Image(data.T[..., None], affine).to_filename(tmp_path / f"{name}.nii.gz")
        with pytest.raises(ShapeError, match=f"mask .*{name}"):
            load_pair(Pair(name="a", image="i/a.tif", mask=f"{name}.nii.gz"), tmp_path, classes=1)

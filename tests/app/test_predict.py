"""Predicting files replaces nobody's work and says at once what cannot be segmented."""

import shutil

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app.predict import PredictRequest, check_kind, predict_files
from napari_medseg.app.samples import samples_of
from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io import write_mask

REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")


@pytest.fixture
def folder(tmp_path):
    """An image with a mask that someone made beside it."""
    sample = samples_of("nuclei")[0]
    folder = tmp_path / "d"
    folder.mkdir()
    shutil.copy(sample.image, folder / "0001.png")
    shutil.copy(sample.mask, folder / "0001_mask.png")
    return folder


def test_a_mask_beside_its_image_is_never_replaced(folder):
    before = (folder / "0001_mask.png").read_bytes()
    for paths in ([folder], [folder / "0001.png"]):
        with pytest.raises(InputError, match=r"0001_mask\.png is there already, beside the image 0001\.png"):
            predict_files(paths, REQUEST, folder / ".." / "d", format="png")
    assert (folder / "0001_mask.png").read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_masks_beside_their_images_are_not_segmented(folder):
    # another suffix than theirs replaces nothing
    assert predict_files([folder], REQUEST, folder) == [folder / "0001_mask.tif"]


def test_the_kind_of_a_file_is_checked_by_its_name(tmp_path):
    with pytest.raises(ShapeError, match=r"rgb\.jpg is of the wrong kind; lgms-net-3d expects \(Z, Y, X\), a volume"):
        check_kind("lgms-net-3d", [tmp_path / "rgb.jpg"])
    with pytest.raises(ShapeError, match=r"a\.nii\.gz is of the wrong kind; .* Choose a network for volumes"):
        check_kind("cmunext-xxs", [tmp_path / "a.png", tmp_path / "a.nii.gz"])
    # before weights are looked for
    request = PredictRequest(network="lgms-net-3d", weights="none", device="cpu")
    with pytest.raises(ShapeError, match=r"rgb\.jpg"):
        predict_files([tmp_path / "rgb.jpg"], request, tmp_path / "out")


def test_a_box_that_cannot_be_used_names_its_image(tmp_path):
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.json").write_text('{"a": [[100, 100, 200, 200]]}')
    request = PredictRequest(network="dcsnet-s", weights="generalist", device="cpu")
    with pytest.raises(InputError, match=r"a\.png: box 1 .* lies outside the image"):
        predict_files([tmp_path / "a.png"], request, tmp_path / "out", boxes=tmp_path / "b.json")


def test_volumes_are_refused_by_networks_for_images_even_where_they_are_thin(tmp_path):
    # (Z, Y, X) of three columns could pass for a colour image
    write_mask(tmp_path / "thin.nii.gz", np.ones((8, 9, 3), np.uint8))
    with pytest.raises(ShapeError, match="is of the wrong kind"):
        predict_files([tmp_path / "thin.nii.gz"], REQUEST, tmp_path / "out")

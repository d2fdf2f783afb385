"""Masks of many images in one file, and files beside masks: by the paths that panel and terminal take."""

import json
import shutil

import numpy as np
import pytest

from napari_medseg.app.export import export_losses, export_project
from napari_medseg.app.losses import file_losses, mask_losses
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.samples import samples_of
from napari_medseg.errors import Cancelled, FilesThereError, PartlyDoneError
from napari_medseg.io import Grid, read_grid, read_mask, write_image
from napari_medseg.names import clean_name
from napari_medseg.project import Project

NAMES = ["größe", 'a "b", c', "emoji 🔬"]
# as files can be called everywhere
CLEAN = [clean_name(name) for name in NAMES]
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")


@pytest.fixture
def project(tmp_path):
    """Three images and a volume, with accepted masks: two squares that touch at a corner, of class 1, and one of 2."""
    (tmp_path / "i").mkdir()
    with Project.create(tmp_path / "p") as made:
        made.set_class(1, 'Krebs "größer" 🔬', "#336699")
        made.set_class(2, "cyst", "#ffffff")
        for number, name in enumerate(NAMES):
            image = np.full((20, 30 + number), number, np.uint8)
            path = write_image(tmp_path / "i" / f"{name}.tif", image, spacing=(0.5, 0.25), unit="mm")
            made.add_case(path, shape=image.shape, group=name, grid=read_grid(path))
        volume = write_image(tmp_path / "i" / "deep.nii.gz", np.zeros((2, 20, 30), np.uint8), volume=True)
        made.add_case(volume, shape=(2, 20, 30), group="deep")
        for case in made.cases():
            mask = np.zeros(case.shape, np.uint8)
            mask[..., 2:6, 2:6], mask[..., 6:10, 6:10], mask[..., 12:16, 2:6] = 1, 1, 2
            made.commit_stroke(case.id, mask)
            made.accept(case.id)
        yield made


def test_a_project_becomes_one_coco_file_and_its_volumes_their_own(project, tmp_path):
    out = tmp_path / "out"
    written = export_project(project, out, format="coco", objects=True)
    names = ["deep_mask.nii.gz", "deep_objects.nii.gz", "masks.coco.json", "objects.coco.json"]
    assert sorted(path.name for path in written) == sorted(path.name for path in out.iterdir()) == names
    found = json.loads((out / "masks.coco.json").read_text(), parse_constant=pytest.fail)
    assert [one["file_name"] for one in found["images"]] == [f"{name}.tif" for name in NAMES]
    assert [one["medseg"]["provenance"]["case"] for one in found["images"]] == CLEAN
    assert [one["name"] for one in found["categories"]] == ['Krebs "größer" 🔬', "cyst"]
    assert found["categories"][0]["color"] == [0x33, 0x66, 0x99]
    # what touches at a corner is one
    assert [(one["image_id"], one["category_id"], one["area"]) for one in found["annotations"]] == [
        (image, label, area) for image in (1, 2, 3) for label, area in ((1, 32), (2, 16))
    ]
    with pytest.raises(FilesThereError, match="4 files, first"):
        export_project(project, out, format="coco", objects=True)
    assert export_project(project, out, format="coco", objects=True, overwrite=True) == written
    assert len(list(out.iterdir())) == 4


def test_one_image_has_a_file_of_its_own(project, tmp_path):
    (only,) = export_project(project, tmp_path / "out", format="coco", case_ids=[1])
    assert only.name == f"{NAMES[0]}_mask.coco.json"
    np.testing.assert_array_equal(read_mask(only), project.labels(1))


def test_geojson_has_a_file_for_each_image(project, tmp_path):
    written = export_project(project, tmp_path / "out", format="geojson", case_ids=[1, 2, 3])
    assert [path.name for path in written] == [f"{name}_mask.geojson" for name in CLEAN]
    for case, path in zip(project.cases(), written, strict=False):
        np.testing.assert_array_equal(read_mask(path), project.labels(case.id))


def test_what_cannot_be_written_is_left_out_of_the_file(project, tmp_path, monkeypatch):
    whole = Project.revision_labels

    def damaged(self, number):
        if number == 2:
            raise FilesThereError("damaged.", [], 0)
        return whole(self, number)

    monkeypatch.setattr(Project, "revision_labels", damaged)
    with pytest.raises(PartlyDoneError) as caught:
        export_project(project, tmp_path / "out", format="coco", case_ids=[1, 2, 3])
    assert [path.name for path in caught.value.done] == ["masks.coco.json"]
    found = json.loads((tmp_path / "out" / "masks.coco.json").read_text())
    assert [one["file_name"] for one in found["images"]] == [f"{NAMES[0]}.tif", f"{NAMES[2]}.tif"]


def test_who_stops_half_way_leaves_nothing_behind(project, tmp_path):
    def stop(share, name):
        if name == NAMES[2]:
            raise Cancelled

    with pytest.raises(Cancelled):
        export_project(project, tmp_path / "out", format="coco", case_ids=[1, 2, 3], progress=stop)
    assert list((tmp_path / "out").iterdir()) == []


def test_objects_keep_their_class_and_touching_ones_are_parted(project, tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    y, x = np.indices(mask.shape)
    for middle in (9, 18):
        mask[(y - 10) ** 2 + (x - middle) ** 2 <= 25] = 2
    mask[0, 0] = 1
    project.commit_stroke(1, mask)
    project.accept(1)
    for format, key in (("coco", "annotations"), ("geojson", "features")):
        files = export_project(project, tmp_path / format, format=format, case_ids=[1], objects=True)
        counts = [len(json.loads(path.read_text())[key]) for path in files]
        assert counts == [2, 2]
        # too small for an object
        np.testing.assert_array_equal(read_mask(files[1]), np.where(mask == 1, 0, mask))


def test_a_folder_is_predicted_into_one_file(tmp_path):
    (tmp_path / "i").mkdir()
    for sample, name in zip(samples_of("nuclei"), ("ä", "b"), strict=False):
        shutil.copy(sample.image, tmp_path / "i" / f"{name}.png")
    wishes = {"format": "coco", "probabilities": True}
    written = predict_files([tmp_path / "i"], REQUEST, tmp_path / "o", **wishes)
    assert sorted(path.name for path in written) == ["b_prob.tif", "masks.coco.json", "ä_prob.tif"]
    found = json.loads((tmp_path / "o" / "masks.coco.json").read_text())
    assert {one["file_name"] for one in found["images"]} == {"ä.png", "b.png"}
    assert [one["name"] for one in found["categories"]] == ["nucleus"]
    with pytest.raises(FilesThereError, match=r"masks\.coco\.json"):
        predict_files([tmp_path / "i"], REQUEST, tmp_path / "o", format="coco")


def test_a_file_beside_a_mask_is_told_counted_and_never_replaced_unasked(project, tmp_path):
    size = "PNG does not keep the size of its pixels, for other programs."
    assert export_losses(project, format="png") == [f"{size} It goes into a file beside each mask, NAME_mask.png.json."]
    written = export_project(project, tmp_path / "out", format="png", case_ids=[1, 2, 3])
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert len(written) == 6
    for path in written[::2]:
        path.unlink()
    with pytest.raises(FilesThereError, match=r"3 files, first .*_mask\.png\.json"):
        export_project(project, tmp_path / "out", format="png", case_ids=[1, 2, 3])
    assert len(export_project(project, tmp_path / "out", format="png", case_ids=[1, 2, 3], overwrite=True)) == 6


def test_what_images_lose_is_told_before_they_are_predicted(tmp_path):
    image = np.zeros((64, 64), np.uint8)
    sized = write_image(tmp_path / "a.tif", image, spacing=(0.5, 0.25), unit="mm")
    bare = write_image(tmp_path / "b.tif", image)
    (told,) = file_losses([sized, bare, tmp_path / "none.png"], format="png")
    assert told.endswith("It goes into a file beside each mask, NAME_mask.png.json.")
    assert file_losses([bare], format="png") == []
    said = []
    written = predict_files([sized], REQUEST, tmp_path / "o", format="png", tell=said.append)
    assert told in said
    assert [path.name for path in written] == ["a_mask.png", "a_mask.png.json"]
    # numbers of many objects are refused by a format of bytes; a list of objects has only classes
    assert mask_losses([Grid((2, 3))], format="coco", objects=True) == []

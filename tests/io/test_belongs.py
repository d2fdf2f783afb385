"""A mask of ours knows its image: another one of the same size does not get it in silence."""

import json
import shutil

import numpy as np
import pytest

from napari_medseg.errors import InputError
from napari_medseg.io import FORMATS, check_sizes, fit_mask, read_image, read_mask, write_image, write_mask
from napari_medseg.io.belongs import image_sha256
from napari_medseg.io.format import Kept

DATA = np.random.default_rng(0).integers(0, 255, (6, 8)).astype(np.uint8)
# DICOM-SEG refers to the pictures themselves
WRITTEN = [one for one in FORMATS if one.write_mask is not None and 2 in one.takes.axes and one.name != "dicom-seg"]


def fitted(image, mask):
    return fit_mask(read_image(image), read_mask(mask), image_path=image, mask_path=mask)[1]


@pytest.mark.parametrize("format", WRITTEN, ids=lambda one: one.name)
def test_a_mask_is_taken_by_its_own_image_alone(tmp_path, format):
    for folder, change in (("A", 0), ("B", 1)):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / "img.tif", DATA // 2 + change)
    own, other = tmp_path / "A" / "img.tif", tmp_path / "B" / "img.tif"
    told = {"image": own.name, "image_sha256": image_sha256(own), "classes": {1: "a"}}
    mask = write_mask(tmp_path / f"img_mask{format.suffix}", DATA > 99, provenance=told)
    assert format.keeps.provenance is not Kept.NOT
    assert fitted(own, mask) is None and check_sizes([(own, mask)]) == []
    # the same bytes under another name are the same image
    assert fitted(shutil.copy(own, tmp_path / "renamed.tif"), mask) is None
    # of the same name: another one, or the same that was saved anew
    assert "was made on another file of the name 'img.tif'" in fitted(other, mask)
    assert len(check_sizes([(other, mask)])) == 1
    # nothing but its size speaks for it
    stranger = shutil.copy(other, tmp_path / "b.tif")
    for check in (fitted, lambda image, mask: check_sizes([(image, mask)])):
        with pytest.raises(
            InputError, match=r"says that it was made on the image 'img\.tif'; it is given with .*b\.tif"
        ):
            check(stranger, mask)


def test_an_image_in_another_format_has_its_name_still(tmp_path):
    own = write_image(tmp_path / "img.tif", DATA)
    told = {"image": own.name, "image_sha256": image_sha256(own)}
    mask = write_mask(tmp_path / "img_mask.png", DATA > 99, provenance=told)
    from PIL import Image

    Image.fromarray(DATA).save(tmp_path / "IMG.png")
    assert "or that was saved anew since" in fitted(tmp_path / "IMG.png", mask)


def test_masks_that_say_nothing_of_their_image_are_taken(tmp_path):
    image = write_image(tmp_path / "b.tif", DATA)
    for told in (None, {}, {"image": "a.tif"}, {"image_sha256": None}, {"image_sha256": 3, "image": "a.tif"}):
        assert fitted(image, write_mask(tmp_path / "b_mask.tif", DATA > 99, provenance=told)) is None
    # without the name of its image there is nothing to tell it by
    mask = write_mask(tmp_path / "b_mask.tif", DATA > 99, provenance={"image_sha256": "0" * 64})
    with pytest.raises(InputError, match="made on another image; it is given with"):
        fitted(image, mask)


@pytest.mark.parametrize(
    ("name", "fits"), [("b.png", True), ("train/b.png", True), ("x\\b.jpg", True), ("a.png", False)]
)
def test_coco_of_other_programs_says_the_name_of_its_image(tmp_path, name, fits):
    image = write_image(tmp_path / "b.tif", DATA)
    mask = write_mask(tmp_path / "b_mask.coco.json", DATA > 99)
    found = json.loads(mask.read_text())
    found["images"][0].pop("medseg")
    found["images"][0]["file_name"] = name
    mask.write_text(json.dumps(found))
    if fits:
        assert fitted(image, mask) is None
        return
    with pytest.raises(
        InputError, match=r"made on the image 'a\.png'; it is given with .*b\.tif. Give it with its own im"
    ):
        fitted(image, mask)

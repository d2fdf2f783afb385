"""What a look into a folder passes over is counted, and what belongs to an image is not."""

import os
import shutil
import sys

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from napari_medseg.io import Grid, read_image, walk_images, write_mask
from napari_medseg.io.passed import passed_over, passed_told
from tests.io.dicom_files import write_series


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(place / "a.png")
    return place


def test_files_of_other_formats_and_folders_are_counted(folder):
    for name in ("b.gif", "c.webp", "d.txt", ".hidden"):
        (folder / name).write_bytes(b"x")
    (folder / "deeper").mkdir()
    files, folders = passed_over(folder)
    assert [path.name for path in files] == ["b.gif", "c.webp", "d.txt"]
    assert [path.name for path in folders] == ["deeper"]
    assert passed_told(folder) == (
        f"3 files in {folder} are no images that MedSeg reads, first b.gif. "
        f"1 folder inside {folder} was not looked into: deeper."
    )
    assert passed_told(folder, folders=False).endswith("first b.gif.")


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes there")
def test_a_pipe_is_one_of_them(folder):
    os.mkfifo(folder / "b.png")
    assert passed_over(folder) == ([folder / "b.png"], [])
    assert walk_images([folder])[0] == [folder / "a.png"]


def test_what_belongs_to_images_is_not_counted(folder):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((3, 4, 5), np.uint8)), str(folder / "v.mhd"))
    # a mask with a file beside it
    write_mask(folder / "a_mask.nii.gz", np.ones((1, 8, 8), np.uint8), grid=Grid((1, 8, 8)), provenance={"x": 1})
    (folder / "a_lesions.csv").write_text("x")
    assert passed_told(folder) == ""


def test_a_folder_that_is_one_image_holds_nothing_else(tmp_path):
    write_series(tmp_path / "ct", np.zeros((3, 6, 7), np.int16), np.eye(4))
    assert passed_told(tmp_path / "ct") == ""
    assert passed_told(tmp_path) == ""


def test_of_masks_those_count_that_can_be_none(folder):
    shutil.copy(folder / "a.png", folder / "a.webp")
    assert passed_told(folder, masks=True).startswith("1 file in")
    assert "is no mask that MedSeg reads: a.webp" in passed_told(folder, masks=True)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".jfif", ".jpe", ".JPG"])
def test_jpeg_goes_by_all_its_names(tmp_path, suffix):
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / f"a{suffix}", "JPEG")
    assert read_image(tmp_path / f"a{suffix}").shape == (8, 8)
    assert walk_images([tmp_path])[0] == [tmp_path / f"a{suffix}"]

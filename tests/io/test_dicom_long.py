"""Many slices, few, none, and a disk that goes away meanwhile: told in a sentence, and ended at any moment."""

import shutil

import numpy as np
import pytest

from napari_medseg.errors import Cancelled, ImageReadError
from napari_medseg.io import read_image, walk_images
from napari_medseg.io.dicom_series import list_series
from tests.io.dicom_files import CT, write, write_series

DATA = np.random.default_rng(0).integers(-900, 2000, (6, 10, 12)).astype(np.int16)
AXIAL = np.array([[0.5, 0, 0, -3], [0, 0.6, 0, -4], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])


@pytest.fixture
def folder(tmp_path):
    return write_series(tmp_path / "Größe 1", DATA, AXIAL, names=[f"Bild {n} ü" for n in range(len(DATA))])


def test_how_far_it_is_and_the_end_of_it(folder):
    for work in (list_series, read_image):
        shares = []
        work(folder, shares.append)
        assert len(shares) == len(DATA) and shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1

        def stop(share):
            if share > 0.4:
                raise Cancelled

        with pytest.raises(Cancelled):
            work(folder, stop)


@pytest.mark.parametrize("gone", ["file", "folder"])
def test_a_drive_that_vanishes_half_way_is_told(folder, gone):
    def vanish(share):
        if share > 0.4:
            shutil.rmtree(folder) if gone == "folder" else (folder / "Bild 5 ü").unlink(missing_ok=True)

    with pytest.raises(ImageReadError, match=r"cannot be read \(no such file or directory\).*Check the drive") as told:
        read_image(folder, vanish)
    assert str(told.value).count(". ") == 1


def test_empty_and_damaged_files_beside_a_series_are_told(folder):
    (folder / "last.dcm").write_bytes(b"")
    (folder / "half.dcm").write_bytes((folder / "Bild 0 ü").read_bytes()[:300])
    image = read_image(folder)
    assert image.shape == DATA.shape
    assert image.told == ("2 DICOM files there are empty or damaged, and were left out; they may be slices of it.",)


def test_a_volume_of_one_slice_is_an_image(tmp_path):
    folder = write_series(tmp_path / "one", DATA[:1], AXIAL)
    (image,), _ = walk_images([folder])
    assert read_image(image).shape == DATA.shape[1:]
    # of one slice in many frames, nothing else is said
    path = write(tmp_path / "frames.dcm", DATA[:1], kind=CT)
    assert read_image(path).shape == DATA.shape[1:]

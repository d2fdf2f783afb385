"""Many slices, few, none, and a disk that goes away meanwhile: told in a sentence, and ended at any moment."""

import io
import re
import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from napari_medseg.errors import Cancelled, ImageReadError
from napari_medseg.io import read_grid, read_image, walk_images
from napari_medseg.io.dicom import refusal
from napari_medseg.io.dicom_end import is_cut
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
    assert image.told == (
        "2 DICOM files there are empty or damaged, and were left out; they may be slices of it: half.dcm, last.dcm.",
    )


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEGLSLossless, ImplicitVRLittleEndian])
@pytest.mark.parametrize("left", [0.0, 0.5, 0.999])
def test_a_slice_that_is_cut_off_in_its_pixels_is_none(tmp_path, syntax, left):
    packed = None if syntax == ImplicitVRLittleEndian else syntax
    folder = write_series(tmp_path / "a", DATA, AXIAL, syntax=packed)
    if packed != syntax:
        for file in folder.iterdir():
            whole = pydicom.dcmread(file)
            whole.file_meta.TransferSyntaxUID = syntax
            whole.save_as(file, implicit_vr=True, little_endian=True)
    file = min(folder.iterdir())
    blob, pixels = file.read_bytes(), len(pydicom.dcmread(file).PixelData)
    # where they begin, from the end: what ends packed ones has eight bytes
    end = len(blob) - 8 * (packed is not None) - pixels + int(pixels * left)
    # a copy of a slice that is whole, cut off: what is left is that volume
    (folder / "zzz.dcm").write_bytes(blob[:end])
    image = read_image(folder)
    assert image.shape == DATA.shape
    assert image.told == (
        "1 DICOM file there is empty or damaged, and was left out; it may be a slice of it: zzz.dcm.",
    )
    assert list_series(folder)[0].slices == len(DATA)


@pytest.mark.parametrize("left", [0, 200, -10])
def test_where_a_slice_is_missing_the_damaged_file_is_named(tmp_path, left):
    folder = write_series(tmp_path / "a", DATA, AXIAL, names=[f"{n}.dcm" for n in range(len(DATA))])
    (folder / "3.dcm").write_bytes((folder / "3.dcm").read_bytes()[:left])
    words = r"has gaps: 1 slice\(s\) are missing.*1 DICOM file there is empty or damaged.*of it: 3\.dcm\."
    with pytest.raises(ImageReadError, match=words):
        read_image(folder)
    with pytest.raises(ImageReadError, match=words):
        read_grid(folder)
    (series,) = list_series(folder)
    assert re.search(words, refusal(series, folder))


def test_copies_without_a_number_are_known_by_their_bytes(tmp_path):
    folder = write_series(tmp_path / "a", DATA, AXIAL)
    for file in folder.iterdir():
        whole = pydicom.dcmread(file)
        whole.SOPInstanceUID = whole.file_meta.MediaStorageSOPInstanceUID = ""
        whole.save_as(file, enforce_file_format=False)
    first = sorted(folder.iterdir())[0]
    shutil.copy(first, folder / "zzz.dcm")
    image = read_image(folder)
    assert image.shape == DATA.shape
    assert image.told == ("1 of its files is a copy of another, and was left out.",)


def test_a_volume_of_one_slice_is_an_image(tmp_path):
    folder = write_series(tmp_path / "one", DATA[:1], AXIAL)
    (image,), _ = walk_images([folder])
    assert read_image(image).shape == DATA.shape[1:]
    # of one slice in many frames, nothing else is said
    path = write(tmp_path / "frames.dcm", DATA[:1], kind=CT)
    assert read_image(path).shape == DATA.shape[1:]


def test_big_numbers_first_are_counted_too():
    head = bytes.fromhex("7fe00010") + b"OW\0\0"
    for length, cut in ((6, False), (7, True)):
        assert is_cut(io.BytesIO(head + length.to_bytes(4, "big") + bytes(6))) == cut

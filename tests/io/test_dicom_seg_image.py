"""A DICOM-SEG lies on the image that it was drawn on, and on no other that happens to lie at the same coordinates."""

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from napari_medseg.errors import InputError
from napari_medseg.io import check_sizes, read_image, write_mask
from napari_medseg.io.dicom_series import list_series
from tests.io import dicom_files
from tests.io.seg_files import LIES, back, enhanced, labels_of, series, written

FRAME = {"FrameOfReferenceUID": "1.2.3.4"}


def fits(path, source):
    """Whether a mask is taken for one of an image, by both ways to ask."""
    image, said = read_image(source), set()
    for ask in (lambda: back(path, image, source), lambda: check_sizes([(source, path)])):
        try:
            ask()
        except InputError as error:
            said.add(str(error))
            assert "was not drawn on" in str(error) and dicom_files.MARKER not in str(error)
        else:
            said.add("")
    (text,) = said
    return text


def changed(path, **tags):
    """Other tags in a file, or in those of a folder; None leaves one out."""
    for file in path.iterdir() if path.is_dir() else [path]:
        whole = pydicom.dcmread(file)
        for name, value in tags.items():
            value = value() if callable(value) else value
            if value is None:
                whole.pop(name, None)
            else:
                setattr(whole, name, value)
        whole.file_meta.MediaStorageSOPInstanceUID = whole.get("SOPInstanceUID") or ""
        whole.save_as(file)
    return path


@pytest.mark.parametrize(
    ("image", "mask", "word"),
    [
        ({}, {}, ""),
        ({"SOPInstanceUID": generate_uid}, {}, "none of the image's 5 picture(s) is among the 5 to which"),
        ({"SOPInstanceUID": ""}, {}, "none of the image's 0 picture(s) is among the 5"),
        ({"FrameOfReferenceUID": "1.2.3.5"}, {}, "in another space"),
        # a patient who was renamed is the same pictures
        ({"PatientID": "other"}, {}, ""),
        ({"FrameOfReferenceUID": ""}, {}, ""),
        # a mask that refers to no picture
        ({}, {"ReferencedSeriesSequence": None}, ""),
        ({}, {"FrameOfReferenceUID": "1.2.3.5"}, "in another space"),
    ],
)
def test_a_mask_of_another_is_refused_though_it_lies_at_the_same_place(tmp_path, image, mask, word):
    source = series(tmp_path / "i", LIES["axial"], **FRAME)
    path, _, _ = written(tmp_path, source)
    changed(path, **mask)
    changed(source, **image)
    text = fits(path, source)
    assert (word in text) if word else text == ""


@pytest.mark.parametrize("space", ["", "1.2.3.4"])
@pytest.mark.parametrize("own", ["", "1.2.3.4"])
def test_of_a_mask_that_refers_to_nothing_the_space_decides(tmp_path, space, own):
    source = series(tmp_path / "i", LIES["axial"], **FRAME)
    path, _, _ = written(tmp_path, source)
    whole = pydicom.dcmread(path)
    whole.FrameOfReferenceUID = space
    whole.pop("ReferencedSeriesSequence")
    for group in whole.PerFrameFunctionalGroupsSequence:
        group.pop("DerivationImageSequence", None)
    whole.save_as(path)
    changed(source, FrameOfReferenceUID=own)
    assert (fits(path, source) == "") == (space == own)


def test_one_file_is_known_too(tmp_path):
    source = enhanced(tmp_path / "mr.dcm", LIES["axial"])
    path, _, _ = written(tmp_path, source)
    assert fits(path, source) == ""
    changed(source, SOPInstanceUID=generate_uid)
    assert "none of the image's 1 picture(s)" in fits(path, source)


def test_one_of_several_series_of_a_folder_has_a_mask_of_its_own(tmp_path):
    folder = series(tmp_path / "i", LIES["axial"], **FRAME)
    names = [f"b{n}" for n in range(5)]
    series(folder, LIES["axial"], names=names, **FRAME)
    one, other = (folder / found.name for found in list_series(folder))
    image = read_image(one)
    path = write_mask(tmp_path / "m.seg.dcm", labels_of(image.shape), grid=image.grid, source=one)
    np.testing.assert_array_equal(back(path, image, one), labels_of(image.shape))
    assert fits(path, one) == "" and "among the 5 to which it refers" in fits(path, other)

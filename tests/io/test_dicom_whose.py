"""Slices of one patient, study and space are a volume; a mixture is refused, and names nobody."""

import numpy as np
import pytest

from napari_medseg.errors import ImageReadError
from napari_medseg.io import list_images, read_grid, read_image, write_mask
from napari_medseg.io.dicom_series import list_series
from tests.io.dicom_files import MARKER, write_series
from tests.io.test_dicom_series import AXIAL, DATA

OTHER = {
    "patient": {"PatientID": "ZZMARKER9"},
    "patient by name alone": {"PatientName": "ZZMARKER^OTHER"},
    "patient by day of birth": {"PatientBirthDate": "19990101"},
    "patient not named": {"PatientID": "", "PatientName": ""},
    "study": {"StudyInstanceUID": "1.2.3.9"},
    "frame of reference": {"FrameOfReferenceUID": "1.2.3.8"},
    "modality": {"Modality": "PT"},
    "PhotometricInterpretation": {"PhotometricInterpretation": "MONOCHROME1"},
}
BELOW = AXIAL @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1.0]])
FACTS = {"StudyInstanceUID": "1.2.3.1", "FrameOfReferenceUID": "1.2.3.2"}


def two(folder, *, uid, slices, **other):
    """A series of four slices, and others that lie where it goes on, with the same number of a series."""
    write_series(folder, DATA, AXIAL, SeriesInstanceUID=uid, **FACTS)
    names = [f"other{n}" for n in range(slices)]
    return write_series(folder, DATA[:slices], BELOW, names=names, SeriesInstanceUID=uid, **(FACTS | other))


@pytest.mark.parametrize("uid", ["", "1.2.3.4"], ids=["blank", "one number"])
@pytest.mark.parametrize("what", OTHER)
def test_a_slice_of_another_is_never_taken_into_a_series(tmp_path, what, uid):
    folder = two(tmp_path / "CT", uid=uid, slices=1, **OTHER[what])
    (series,) = list_series(folder)
    assert series.mixed == (what.split(" by ")[0].split(" not ")[0],)
    image = tmp_path / "m.seg.dcm"
    for attempt in (
        lambda: read_image(folder),
        lambda: read_grid(folder),
        lambda: read_image(folder / series.name),
        lambda: write_mask(image, np.ones((5, 6, 7), np.uint8), spacing=(1, 1, 1), unit="mm", source=folder),
    ):
        with pytest.raises(ImageReadError, match=f"mixes slices that differ in {series.mixed[0]}, and call") as caught:
            attempt()
        text = str(caught.value)
        assert MARKER not in text and "1.2.3" not in text and "\n" not in text
    assert not image.exists() and MARKER not in repr(series)


@pytest.mark.parametrize("uid", ["", "1.2.3.4"], ids=["blank", "one number"])
@pytest.mark.parametrize("what", OTHER)
def test_volumes_of_several_are_series_each(tmp_path, what, uid):
    folder = two(tmp_path / "CT", uid=uid, slices=3, **OTHER[what])
    found = list_series(folder)
    assert sorted(one.slices for one in found) == [3, 4] and not any(one.mixed for one in found)
    assert len({one.key for one in found}) == 2
    with pytest.raises(ImageReadError, match="holds 2 series of slices"):
        read_image(folder)
    assert sorted(read_image(path).shape for path in list_images(folder)) == [(3, 6, 7), (4, 6, 7)]
    # a name stays what it was when the folder is looked at anew
    (other,) = (one for one in found if folder / "other0" in one.files)
    assert other.name in {path.name for path in list_images(folder)}


def test_slices_of_several_patients_are_pictures_each(tmp_path):
    for n in range(3):
        write_series(
            tmp_path / "CT", DATA[:1], AXIAL, names=[f"{n}"], SeriesInstanceUID="", PatientID=f"ZZMARKER{n}", **FACTS
        )
    assert list_images(tmp_path / "CT") == [tmp_path / "CT" / f"{n}" for n in range(3)]
    assert not any(one.mixed or one.is_volume for one in list_series(tmp_path / "CT"))


def test_a_name_that_is_only_written_otherwise_is_the_same(tmp_path):
    folder = two(tmp_path / "CT", uid="", slices=1, PatientName="zzmarker^Name^^ ")
    assert read_image(folder).shape == (5, 6, 7)

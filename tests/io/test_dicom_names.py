"""What DICOM images are called: by their files where these name nobody, else by what they are."""

import numpy as np
import pytest

from napari_medseg.errors import ImageReadError
from napari_medseg.io import files_of, is_there, is_volume, list_images, name_of, read_grid, read_image, walk_images
from napari_medseg.io.dicom_names import names_people, neutral
from napari_medseg.io.dicom_series import list_series
from tests.io.dicom_files import CT, NAMES, US, write, write_series

DATA = np.random.default_rng(0).integers(-900, 2000, (4, 10, 12)).astype(np.int16)
AXIAL = np.array([[0.5, 0, 0, -3], [0, 0.6, 0, -4], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("text", "tags", "named"),
    [
        ("Thorax", {"PatientName": "Müller^Jörg"}, False),
        ("Thorax Mueller", {"PatientName": "Müller^Jörg"}, True),
        ("thorax_MULLER_1", {"PatientName": "Müller^Jörg"}, True),
        ("JOERG", {"PatientName": "Müller^Jörg"}, True),
        ("André", {"PatientName": "ANDRE^A"}, True),
        ("MuellerJoerg", {"PatientName": "Müller^Jörg"}, True),
        # short ones only as words of their own
        ("slices lift", {"PatientName": "Lif^A"}, False),
        ("scan of Lif", {"PatientName": "Lif^A"}, True),
        ("PAT00123", {"PatientID": "00123"}, True),
        ("CT 19010203", {"PatientBirthDate": "19010203"}, True),
        ("CT 03.02.1901", {"PatientBirthDate": "19010203"}, True),
        ("A-77.12", {"AccessionNumber": "A7712"}, True),
        ("by Dr Meier", {"ReferringPhysicianName": "Meier^Dr"}, True),
        ("Dr. what", {"ReferringPhysicianName": "Meier^Dr"}, False),
        # what stands where nothing is known is nobody
        ("series 0000", {"PatientID": "0000", "PatientName": "", "PatientBirthDate": "00000000"}, False),
        ("anonymous", {"PatientName": "Anonymous"}, False),
        ("a", {}, False),
    ],
)
def test_a_text_that_says_what_the_tags_say_of_a_person(text, tags, named):
    assert names_people(text, tags) is named


def test_a_series_is_called_by_what_it_is():
    assert neutral("CT", 3, 20, volume=True) == "CT-series3-20slices"
    assert neutral("", 0, 2, volume=False) == "DICOM-2pictures"


@pytest.fixture
def mixed(tmp_path):
    """Two volumes, a scout and a note, in a folder that is called like a patient."""
    folder = tmp_path / "ZZMARKER Jörg"
    first = {"SeriesNumber": 2, "SeriesDescription": "Thorax"}
    write_series(folder, DATA, AXIAL, names=[f"a {n}" for n in range(4)], **first)
    second = {"SeriesNumber": 3, "SeriesDescription": "Thorax ZZMARKER"}
    write_series(folder, DATA[:3], AXIAL, names=[f"b {n}" for n in range(3)], **second)
    write(folder / "scout", DATA[0], kind=CT, SeriesNumber=1)
    (folder / "notes.txt").write_text("none")
    return folder


def test_a_series_of_a_mixed_folder_is_an_image_by_its_name(mixed):
    scout, one, other = list_series(mixed)
    assert (one.description, other.description) == ("Thorax", "")
    path = mixed / one.name
    assert path.name.startswith("CT-series2-4slices-") and not path.exists()
    assert is_there(path) and is_volume(path) and set(files_of(path)) == set(one.files)
    np.testing.assert_array_equal(np.sort(read_image(path).data, None), np.sort(DATA, None))
    np.testing.assert_allclose(read_grid(path).affine, read_image(path).grid.affine)
    assert name_of(path) == "CT-series2-4slices" and name_of(path, alone=True) == path.name
    # of a folder all are taken, each once
    wanted = {path, mixed / other.name, *scout.files}
    assert set(list_images(mixed)) == set(walk_images([mixed])[0]) == wanted
    with pytest.raises(ImageReadError, match=r"holds 2 series of slices .* that 'medseg series' lists"):
        read_image(mixed)


def test_a_name_that_no_series_has_is_told(mixed):
    gone = mixed / "CT-series2-4slices-00000000"
    with pytest.raises(ImageReadError, match="names no series that lies in ZZMARKER Jörg; expected one of these"):
        read_image(gone)
    assert not is_there(mixed / "CT-series2") and not is_there(mixed / "none" / gone.name)


@pytest.mark.parametrize(("name", "called"), [("left eye", "left eye"), (f"{NAMES['PatientID']}_1", None)])
def test_a_file_keeps_its_name_where_that_names_nobody(tmp_path, name, called):
    """Masks are found by it."""
    for suffix in ("", ".dcm"):
        path = write(tmp_path / f"{name}{suffix}", DATA[0], kind=US, SeriesNumber=7)
        found = name_of(path)
        assert found == called if called else found.startswith("US-series7-1picture-")


@pytest.mark.parametrize(("name", "kept"), [("case01", True), ("ZZMARKER^NAME", False)])
def test_a_folder_of_one_series_is_called_by_the_series_and_files_beside_it_by_the_folder(tmp_path, name, kept):
    folder = write_series(tmp_path / name, DATA, AXIAL)
    assert name_of(folder) == "CT-4slices"
    assert (name_of(folder, alone=True) == name) is kept
    assert "ZZ" not in name_of(folder, alone=True)

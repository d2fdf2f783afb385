"""Series of DICOM slices: laid one on the other where they lie, or refused in a sentence."""

import shutil
import warnings

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import generate_uid

from napari_medseg.errors import ImageReadError
from napari_medseg.io import (
    files_of,
    fit_mask,
    is_volume,
    list_images,
    read_grid,
    read_image,
    read_mask,
    stem_of,
    walk_images,
    write_image,
    write_mask,
)
from napari_medseg.io.dicom import read_series
from napari_medseg.io.dicom_file import open_listed
from napari_medseg.io.dicom_place import PlaceError, Slice, stack
from napari_medseg.io.dicom_series import list_series
from napari_medseg.io.orientation import letters_of
from tests.io.dicom_files import CT, MARKER, US, dataset, of, slices, write, write_series

DATA = np.random.default_rng(0).integers(-900, 2000, (4, 6, 7)).astype(np.int16)
# to the left and the back, as most series lie; then coronal, sagittal, oblique, and by a tilted gantry
AXIAL = np.array([[0.5, 0, 0, -100], [0, 0.6, 0, -120], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])
CORONAL = np.array([[0.5, 0, 0, -100], [0, 0, 2.5, -120], [0, -0.6, 0, 40], [0, 0, 0, 1.0]])
SAGITTAL = np.array([[0, 0, 2.5, -100], [0.5, 0, 0, -120], [0, -0.6, 0, 40], [0, 0, 0, 1.0]])
OBLIQUE = np.array([[0.4, -0.36, 0, 3], [0.24, 0.384, 1.5, -7], [-0.18, -0.288, 2.0, 11], [0, 0, 0, 1.0]])
TILTED = np.array([[0.5, 0, 0, -100], [0, 0.6, 0.7, -120], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])
BACKWARDS = AXIAL @ np.diag([1, 1, -1, 1.0])


def value_at(image, lps):
    """Of the voxel at a place in mm, x to the left, y to the back."""
    index = np.linalg.solve(image.grid.affine, [-lps[0], -lps[1], lps[2], 1])[:3]
    np.testing.assert_allclose(index, np.round(index), atol=1e-3)
    return image.data[tuple(np.round(index).astype(int)[::-1])]


@pytest.mark.parametrize(
    "affine", [AXIAL, BACKWARDS, CORONAL, SAGITTAL, TILTED], ids=["axial", "backwards", "coronal", "sagittal", "tilted"]
)
def test_each_voxel_lies_where_its_slice_says(tmp_path, affine):
    folder = write_series(tmp_path / "CT", DATA, affine, RescaleIntercept=-24, RescaleSlope=1)
    image, grid = read_image(folder), read_grid(folder)
    assert image.volume and is_volume(folder) and stem_of(folder) == "CT"
    assert (image.shape, image.unit, image.told) == (grid.shape, "mm", ())
    np.testing.assert_allclose(grid.affine, image.grid.affine)
    assert letters_of(grid) == ("S", "A", "R")
    # its axes run to the right, the front and the head
    assert (np.diag(image.grid.affine)[:3] > 0).all()
    for z, y, x in np.ndindex(DATA.shape):
        assert value_at(image, affine @ (x, y, z, 1)) == DATA[z, y, x] - 24


@pytest.mark.parametrize("affine", [AXIAL, BACKWARDS, CORONAL, SAGITTAL], ids=["ax", "back", "cor", "sag"])
def test_another_program_has_them_at_the_same_place(tmp_path, affine):
    folder = write_series(tmp_path / "CT", DATA, affine)
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    other, image = SimpleITK.ReadImage(names), read_image(folder)
    assert other.GetNumberOfPixels() == image.data.size
    for z, y, x in np.ndindex(DATA.shape):
        place = other.TransformIndexToPhysicalPoint((x, y, z))
        assert other.GetPixel(x, y, z) == value_at(image, place)


def place(position, directions=(1.0, 0, 0, 0, 1, 0), spacing=(0.6, 0.5), shape=(6, 7)):
    return Slice(tuple(map(float, position)), tuple(map(float, directions)), spacing, shape)


@settings(max_examples=60, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-1, 1)] * 4),
    sizes=st.tuples(*[st.floats(0.1, 5)] * 3),
    shear=st.tuples(*[st.floats(-0.4, 0.4)] * 2),
    order=st.permutations(range(5)),
)
def test_any_evenly_spaced_slices_are_a_volume(turn, sizes, shear, order):
    quaternion = np.add(turn, (1.5, 0, 0, 0))
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    directions = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = directions * sizes
    affine[:3, 2] += directions[:, :2] @ shear * sizes[2]
    affine[:3, 3] = 12, -34, 56
    across = [
        Slice(tuple((affine @ (0, 0, n, 1))[:3]), tuple(directions[:, :2].T.ravel()), (sizes[1], sizes[0]), (6, 7))
        for n in order
    ]
    found = stack(across)
    assert [order[n] for n in found.order] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.affine, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-9)


@pytest.mark.parametrize(
    ("lie", "word"),
    [
        ([place((0, 0, z)) for z in (0, 2, 4, 8)], r"has gaps: 1 slice\(s\) are missing among 4"),
        ([place((0, 0, z)) for z in (0, 2, 4, 5, 7)], "from 1 to 2 mm apart"),
        ([place((0, 0, z)) for z in (0, 0, 2, 2)], "several slices at one place, 2 times"),
        ([place((0, 0, z)) for z in (0, 2)] + [place((0, 0, 4), (1, 0, 0, 0, 0, -1))], "in several directions"),
        ([place((0, 0, z)) for z in (0, 2)] + [place((0, 0, 4), shape=(7, 7))], "slices of 7 x 6 and 7 x 7 px"),
        ([place((0, 0, z)) for z in (0, 2)] + [place((0, 0, 4), spacing=(1, 1))], "several pixel sizes"),
        ([place((x, 0, z)) for x, z in ((0, 0), (1, 2), (0, 4))], "beside the line"),
        ([place((0, 0, z), (1, 0, 0, 1, 0, 0)) for z in (0, 2)], "directions at right angles"),
        ([place((0, 0, z), (2, 0, 0, 0, 1, 0)) for z in (0, 2)], "directions at right angles"),
        ([place((0, 0, z)) for z in (0, float("nan"))], "says of its place what is none"),
        ([place((0, 0, z), spacing=(0, 1)) for z in (0, 2)], "says of its place what is none"),
        ([place((0, 0, z)) for z in (0, 1e9)], "nowhere"),
    ],
)
def test_what_is_no_volume_is_told(lie, word):
    with pytest.raises(PlaceError, match=word):
        stack(lie)


def refused(path):
    with pytest.raises(ImageReadError) as caught:
        read_image(path)
    text = str(caught.value)
    assert path.name in text and text.endswith(".") and "\n" not in text and MARKER not in text
    return text


def test_a_missing_slice_is_told(tmp_path):
    folder = write_series(tmp_path / "CT", np.repeat(DATA, 2, 0), AXIAL)
    # the third from below
    (folder / "IM0017").unlink()
    assert "has gaps: 1 slice(s) are missing among 7" in refused(folder)


def test_phases_are_told_and_copies_left_out(tmp_path):
    folder = write_series(tmp_path / "CT", DATA, AXIAL)
    one = sorted(folder.iterdir())[0]
    shutil.copy(one, folder / "copy")
    image = read_image(folder)
    assert image.told == ("1 of its files is a copy of another, and was left out.",)
    assert image.shape == DATA.shape
    same = {name: getattr(dcmread(one), name) for name in ("SeriesInstanceUID", "StudyInstanceUID")}
    write_series(folder, DATA + 1, AXIAL, names=[f"p{n}" for n in range(4)], **same)
    assert "several slices at one place, 4 times, as phases" in refused(folder)


def test_several_series_are_listed_and_none_is_guessed(tmp_path):
    folder = write_series(tmp_path / "f", DATA, AXIAL, SeriesDescription="Thorax", SeriesNumber=2)
    names = [f"b{n}" for n in range(3)]
    write_series(folder, DATA[:3], CORONAL, names=names, SeriesDescription="Head", SeriesNumber=1, Modality="MR")
    write(folder / "single", DATA[0], SeriesNumber=3, Modality="OT")
    report = dataset(DATA[0], kind="1.2.840.10008.5.1.4.1.1.88.33", SeriesNumber=4)
    del report.Rows, report.Columns, report.PixelData
    report.save_as(folder / "report", enforce_file_format=True)
    found = list_series(folder)
    assert [(one.modality, one.description, one.number, one.slices, one.is_volume) for one in found] == [
        ("MR", "Head", 1, 3, True),
        ("CT", "Thorax", 2, 4, True),
        ("OT", "", 3, 1, False),
    ]
    assert MARKER not in repr(found)
    assert "holds 2 series of slices (MR of 3, CT of 4); expected one" in refused(folder)
    assert read_series(found[0]).shape == (6, 3, 7)
    # a file by itself is that file
    assert read_image(folder / "b1").shape == (6, 7)


def test_pictures_of_a_folder_that_lie_nowhere_are_images_each(tmp_path):
    for name in "ab":
        write(tmp_path / name, DATA[0], kind=US, SeriesInstanceUID=generate_uid())
    assert list_images(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert "is a folder" in refused(tmp_path)


def test_a_folder_of_one_series_is_one_image_whatever_lies_beside(tmp_path):
    folder = write_series(tmp_path / "study" / "1.2.3", DATA, AXIAL)
    write_image(tmp_path / "study" / "a.tif", DATA[0].astype(np.uint8))
    assert list_images(tmp_path / "study") == [folder, tmp_path / "study" / "a.tif"]
    assert walk_images([folder]) == ([folder], [])
    # another image in it is left out, and that is told
    write(folder / "scout", DATA[0], kind=CT)
    assert read_image(folder).told == ("1 other DICOM image there is no slice of it, and was left out.",)
    # its own mask does not make it another
    before, grid = files_of(folder), read_grid(folder)
    mask = write_mask(folder / "1.2.3_mask.nii.gz", (read_image(folder).data > 0).astype(np.uint8), grid=grid)
    assert walk_images([folder]) == ([folder], [])
    assert files_of(folder) == before and len(before) == len(DATA)
    image = read_image(folder)
    fitted, told = fit_mask(image, read_mask(mask), image_path=folder, mask_path=mask)
    np.testing.assert_array_equal(fitted, image.data > 0)
    assert told is None


def test_a_mask_of_a_tilted_series_lies_on_it_in_another_program(tmp_path):
    folder = write_series(tmp_path / "CT", DATA, OBLIQUE, kind=CT)
    image = read_image(folder)
    mask = write_mask(tmp_path / "m.nii.gz", (image.data > 500).astype(np.uint8), grid=image.grid)
    other = SimpleITK.ReadImage(str(mask))
    for z, y, x in np.ndindex(DATA.shape):
        at = other.TransformPhysicalPointToIndex([float(v) for v in (OBLIQUE @ (x, y, z, 1))[:3]])
        assert other.GetPixel(at) == (DATA[z, y, x] > 500)


def test_headers_are_read_once_until_a_file_changes(tmp_path, monkeypatch):
    folder = write_series(tmp_path / "CT", DATA, AXIAL)
    assert is_volume(folder)
    read = []

    def watched(path, tags):
        read.append(path.name)
        return open_listed(path, tags)

    monkeypatch.setattr("napari_medseg.io.dicom_series.open_listed", watched)
    # a project's own file beside them changes with each stroke
    (folder / "project.sqlite").write_bytes(b"x" * 300)
    assert is_volume(folder) and read == []
    shutil.copy(folder / "IM0003", folder / "IM0004")
    assert is_volume(folder) and read == ["IM0004"]


def test_a_dicomdir_is_read_as_the_folder_it_names(tmp_path):
    write_series(tmp_path / "DISC" / "SUB", DATA, AXIAL, SeriesDescription="Thorax")
    names = sorted(path.name for path in (tmp_path / "DISC" / "SUB").iterdir())
    index = _index(tmp_path / "DISC" / "DICOMDIR", [["SUB", name] for name in names])
    assert [(one.description, one.slices) for one in list_series(index)] == [("Thorax", 4)]
    np.testing.assert_array_equal(read_image(index).data, read_image(tmp_path / "DISC" / "SUB").data)
    assert len(files_of(index)) == 4
    # in a folder it is passed over: what it names lies there
    assert list_images(tmp_path / "DISC") == [tmp_path / "DISC" / "SUB"]
    write(tmp_path / "outside", DATA[0])
    _index(tmp_path / "DISC" / "DICOMDIR", [["..", "outside"]])
    assert "names a file outside its folder" in refused(index)


def _index(path, files):
    from pydicom.sequence import Sequence

    found = dataset(np.zeros((2, 2), np.uint8), kind="1.2.840.10008.1.3.10")
    del found.PixelData, found.Rows, found.Columns
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = [of(DirectoryRecordType="IMAGE", ReferencedFileID=one) for one in files]
    found.DirectoryRecordSequence = Sequence(records)
    found.save_as(path, enforce_file_format=True)
    return path


def test_a_series_of_colour_is_shown_in_grey(tmp_path):
    each, shared = slices(DATA, AXIAL)
    colour = np.repeat((DATA > 0).astype(np.uint8)[..., None] * np.uint8(200), 3, -1)
    (tmp_path / "s").mkdir()
    shared |= {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}
    for z in range(4):
        write(tmp_path / "s" / f"{z}", colour[z], ImagePositionPatient=each[z], **shared)
    image = read_image(tmp_path / "s")
    assert image.shape == DATA.shape and "grey" in image.told[0]
    assert set(np.unique(image.data)) == {0, 200}


def test_a_damaged_slice_is_named(tmp_path):
    folder = write_series(tmp_path / "CT", DATA, AXIAL)
    one = folder / "IM0010"
    one.write_bytes(one.read_bytes()[:-60])
    with pytest.raises(ImageReadError, match=r"has gaps.*damaged.*: IM0010\."):
        read_image(folder)
    with pytest.raises(ImageReadError, match=r"IM0010 has pixels, packed as .* that cannot be unpacked"):
        read_image(one)


def test_a_link_to_itself_among_slices_stops_nobody(tmp_path):
    write_series(tmp_path, DATA, AXIAL)
    (tmp_path / "loop").symlink_to("loop")
    assert len(list_series(tmp_path)) == 1

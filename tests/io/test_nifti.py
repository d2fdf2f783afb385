"""NIfTI volumes: read the right way up, written back onto the same voxels."""

import gzip
import json
import struct

import nibabel
import numpy as np
import pytest

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io import (
    format_of,
    read_boxes,
    read_grid,
    read_image,
    read_mask,
    stem_of,
    suffix_of,
    write_image,
    write_mask,
)

TURNS = [np.diag((1.0, 1, 1)), np.diag((-2.0, -2, 3)), np.array([[0, 0, 1.5], [-0.7, 0, 0], [0, 0.9, 0]])]


def save(path, data, turn=TURNS[0]):
    affine = np.eye(4)
    affine[:3, :3] = turn
    affine[:3, 3] = (10, -20, 5)
    nibabel.Nifti1Image(data, affine).to_filename(path)
    return affine


@pytest.mark.parametrize("turn", TURNS, ids=["RAS", "LPS", "permuted"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_mask_lies_on_the_voxels_of_its_image(tmp_path, turn, suffix):
    data = np.random.default_rng(0).integers(0, 400, (7, 9, 11)).astype(np.int16)
    affine = save(tmp_path / f"a{suffix}", data, turn)
    image = read_image(tmp_path / f"a{suffix}")
    write_mask(tmp_path / f"m{suffix}", image.data > 200, grid=image.grid, provenance={"network": "n"})
    found = nibabel.load(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(np.asarray(found.dataobj), data > 200)
    np.testing.assert_allclose(found.affine, affine)
    assert json.loads(found.header.extensions[0].get_content())["medseg"] == {"network": "n"}
    np.testing.assert_array_equal(read_mask(tmp_path / f"m{suffix}"), image.data > 200)


@pytest.mark.parametrize("turn", TURNS, ids=["RAS", "LPS", "permuted"])
def test_the_same_patient_reads_alike_however_it_is_stored(tmp_path, turn):
    """A bright voxel at a known place in mm is found at the same place along (Z, Y, X)."""
    data = np.zeros((8, 8, 8), np.float32)
    data[1, 2, 6] = 1
    affine = save(tmp_path / "a.nii", data, turn)
    image = read_image(tmp_path / "a.nii")
    where = np.argwhere(image.data)[0] * np.array(image.spacing)
    corners = nibabel.affines.apply_affine(affine, np.array(list(np.ndindex(2, 2, 2))) * 7)
    mm = nibabel.affines.apply_affine(affine, (1, 2, 6)) - corners.min(axis=0)
    np.testing.assert_allclose(where, mm[::-1], atol=1e-6)


def test_a_volume_is_no_longer_tied_to_its_file(tmp_path):
    """Else Windows lets nobody replace it, and a file that is cut short ends the program elsewhere."""
    save(tmp_path / "a.nii", np.ones((8, 8, 8), np.float32))
    image = read_image(tmp_path / "a.nii")
    with (tmp_path / "a.nii").open("r+b") as stream:
        stream.seek(352)
        stream.write(bytes(8 * 8 * 8 * 4))
    assert image.data.sum() == 8 * 8 * 8


def test_spacing_is_kept_without_a_file_to_copy_it_from(tmp_path):
    write_image(tmp_path / "a.nii.gz", np.zeros((3, 4, 5), np.float32), spacing=(3, 2, 1), unit="mm", volume=True)
    image = read_image(tmp_path / "a.nii.gz")
    assert image.volume
    assert (image.shape, image.spacing, image.unit) == ((3, 4, 5), (3, 2, 1), "mm")
    write_mask(tmp_path / "flat.nii.gz", np.ones((4, 5), bool), spacing=(2, 1), unit="mm")
    assert read_image(tmp_path / "flat.nii.gz").shape == (1, 4, 5)


@pytest.mark.parametrize("blob", [b"", b"nonsense", "half"])
def test_a_damaged_volume_is_named(tmp_path, blob):
    path = tmp_path / "a.nii.gz"
    if blob == "half":
        save(path, np.random.default_rng(0).random((20, 20, 20)))
        blob = path.read_bytes()[:2000]
    path.write_bytes(blob)
    with pytest.raises(ImageReadError, match=r"a\.nii\.gz is (damaged|empty)"):
        read_image(path)
    path.write_bytes(gzip.compress(b"x" * 500))
    with pytest.raises(ImageReadError, match="damaged or no NIfTI"):
        read_image(path)


def test_a_series_is_no_volume(tmp_path):
    save(tmp_path / "a.nii", np.zeros((3, 3, 3, 5), np.float32))
    with pytest.raises(ImageReadError, match=r"shape \(3, 3, 3, 5\); expected one volume"):
        read_image(tmp_path / "a.nii")
    save(tmp_path / "a.nii", np.zeros((3, 4, 5, 1), np.float32))
    assert read_image(tmp_path / "a.nii").shape == (5, 4, 3)


def test_a_volume_needs_a_format_that_holds_it(tmp_path):
    with pytest.raises(InputError, match=r"a mask of a volume is written as \.nii\.gz, \.nii"):
        write_mask(tmp_path / "a.png", np.zeros((3, 4, 5), np.uint8))


def test_names_without_both_suffixes():
    assert [(stem_of(p), suffix_of(p)) for p in ("d/a.b.nii.gz", "A.NII.GZ", "x.tif")] == [
        ("a.b", ".nii.gz"),
        ("A", ".nii.gz"),
        ("x", ".tif"),
    ]


def test_boxes_from_json_and_csv(tmp_path):
    wanted = {"a.png": [(1, 2, 30, 40), (5.5, 6, 7, 8)], "b": [(0, 0, 9, 9)]}
    (tmp_path / "a.json").write_text(json.dumps(wanted))
    rows = [f"{name},{','.join(map(str, box))}" for name, boxes in wanted.items() for box in boxes]
    (tmp_path / "a.csv").write_text("\n".join(["image,y0,x0,y1,x1", *rows]))
    assert read_boxes(tmp_path / "a.json") == read_boxes(tmp_path / "a.csv") == wanted


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.json", "[1]", "holds other than"),
        ("a.json", '{"x": [[1, 2, 3]]}', r"'x', box 1 is \[1, 2, 3\]; expected four numbers"),
        ("a.csv", "image,x,y\na,1,2", "expected image, y0, x0, y1, x1"),
        ("a.csv", "image,y0,x0,y1,x1\na,1,2,z,4", "line 2 is"),
        ("a.txt", "", "read from .json and .csv"),
    ],
)
def test_boxes_that_cannot_be_read_are_named(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_boxes(tmp_path / name)


def test_no_flipped_bit_of_a_compressed_volume_is_read_as_other_voxels(tmp_path):
    data = np.random.default_rng(0).integers(0, 200, (8, 8, 8)).astype(np.uint8)
    save(tmp_path / "a.nii", data)
    whole = gzip.compress((tmp_path / "a.nii").read_bytes(), mtime=0)
    refused = 0
    # behind the header of gzip itself, of which no sum is kept
    for bit in range(10 * 8, len(whole) * 8, 37):
        blob = bytearray(whole)
        blob[bit // 8] ^= 1 << bit % 8
        (tmp_path / "b.nii.gz").write_bytes(blob)
        for read in (read_image, read_mask):
            with pytest.raises(ImageReadError, match=r"b\.nii\.gz (is damaged or no NIfTI|has the [qs]form_code)"):
                read(tmp_path / "b.nii.gz")
        refused += 1
    assert refused > 100


def scaled(path, labels, dtype):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(dtype)
    nibabel.Nifti1Image(labels.astype(float), np.eye(4), header).to_filename(path)
    return path


@pytest.mark.parametrize("dtype", [np.int16, np.uint8])
@pytest.mark.parametrize("most", [1, 2, 7, 100])
def test_labels_with_a_scale_are_whole_numbers(tmp_path, dtype, most):
    labels = np.random.default_rng(0).integers(0, most + 1, (6, 7, 8))
    path = scaled(tmp_path / "m.nii.gz", labels, dtype)
    assert nibabel.load(path).dataobj.slope != 1
    np.testing.assert_array_equal(read_mask(path), labels.transpose())


@pytest.mark.parametrize(
    "values", [[0, 1, 1.5, 2], [0, 0.3, 1], [0, 1, 2, 3, 700]], ids=["between", "probabilities", "too coarse"]
)
def test_what_a_scale_cannot_tell_is_refused(tmp_path, values):
    data = np.resize(np.array(values, float), (6, 7, 8))
    with pytest.raises(ImageReadError, match="holds fractions"):
        read_mask(scaled(tmp_path / "m.nii", data, np.uint8))


def test_an_image_with_a_scale_keeps_its_fractions(tmp_path):
    data = np.linspace(0, 2, 8 * 9 * 10).reshape(8, 9, 10)
    found = read_image(scaled(tmp_path / "a.nii", data, np.int16)).data
    np.testing.assert_allclose(found, data.transpose(), atol=1e-4)


def test_a_file_that_calls_itself_labels_has_no_white(tmp_path):
    data = np.zeros((4, 5, 6), np.uint8)
    data[1:3] = 255
    image = nibabel.Nifti1Image(data, np.eye(4))
    for intent, wanted in (("none", 1), ("label", 255)):
        image.header.set_intent(intent)
        image.to_filename(tmp_path / "m.nii")
        assert read_mask(tmp_path / "m.nii").max() == wanted


@pytest.mark.parametrize(("slope", "intercept"), [(1.0001, 0), (1, 1e-7), (1.0, -1e-4), (0.9999, 0)])
def test_labels_that_rounding_moved_are_whole_numbers(tmp_path, slope, intercept):
    labels = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    file = nibabel.Nifti1Image(labels, np.eye(4), header)
    file.to_filename(tmp_path / "m.nii")
    raw = bytearray((tmp_path / "m.nii").read_bytes())
    raw[112:120] = struct.pack("<2f", slope, intercept)
    (tmp_path / "m.nii").write_bytes(raw)
    found = read_mask(tmp_path / "m.nii")
    np.testing.assert_array_equal(found, labels.transpose())


def test_a_scale_that_moves_labels_apart_is_not_mended(tmp_path):
    nibabel.Nifti1Image(np.arange(24, dtype=np.uint8).reshape(4, 3, 2), np.eye(4)).to_filename(tmp_path / "m.nii")
    raw = bytearray((tmp_path / "m.nii").read_bytes())
    raw[112:120] = struct.pack("<2f", 1.25, 0)
    (tmp_path / "m.nii").write_bytes(raw)
    with pytest.raises(ImageReadError, match="fractions"):
        read_mask(tmp_path / "m.nii")


@pytest.mark.parametrize(
    ("at", "form", "value", "said"),
    [
        (108, "<f", 0, "voxels begin at byte 0; expected 352"),
        (108, "<f", 348, "voxels begin at byte 348; expected 352"),
        (252, "<h", 99, "has the qform_code 99; expected 0 to 5"),
        (254, "<h", 6, "has the sform_code 6; expected 0 to 5"),
        (254, "<h", -5, "has the sform_code -5; expected 0 to 5"),
    ],
)
def test_what_programs_would_read_differently_is_refused(tmp_path, at, form, value, said):
    save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8))
    blob = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into(form, blob, at, value)
    (tmp_path / "a.nii").write_bytes(blob)
    for read in (read_image, read_mask, read_grid):
        with pytest.raises(ImageReadError, match=said):
            read(tmp_path / "a.nii")


@pytest.mark.parametrize(("side", "version"), [(32767, 1), (32768, 2), (70_000, 2)])
@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_too_long_for_the_first_version_goes_into_the_second(tmp_path, side, version, axis):
    labels = np.zeros((side, 2) if axis == 0 else (2, side), np.uint8)
    labels[-1, -1] = 3
    path = write_mask(tmp_path / "m.nii.gz", labels, spacing=(0.5, 0.25), unit="mm")
    assert (side > format_of(path).takes.longest) == (version == 2)
    assert nibabel.load(path).header["sizeof_hdr"] == {1: 348, 2: 540}[version]
    np.testing.assert_array_equal(read_mask(path)[0], labels)
    assert read_grid(path).spacing_mm[-2:] == (0.5, 0.25)

"""A mask is written where its image lies, field by field of the header, or not at all."""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK

from napari_medseg.errors import ImageReadError, InputError, ShapeError
from napari_medseg.io import Grid, fit_mask, read_grid, read_image, read_mask, write_mask, write_probabilities
from tests.io.nifti_files import FORMS, PLACES, SQUARE, placed, save, spatial, turn, volume


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("forms", FORMS)
@pytest.mark.parametrize("place", SQUARE)
def test_a_mask_has_the_whole_geometry_of_its_image(tmp_path, place, forms, suffix):
    """By nibabel, by SimpleITK and field by field: written, and written again from what the project would keep."""
    data = volume()
    path = save(tmp_path / f"a{suffix}", data, **FORMS[forms](PLACES[place]))
    image = read_image(path)
    kept = Grid.from_json(image.grid.to_json())
    for number, grid in enumerate((image.grid, kept)):
        out = write_mask(tmp_path / f"m{number}{suffix}", image.data > 200, grid=grid, provenance={"network": "n"})
        np.testing.assert_array_equal(np.asarray(nibabel.load(out).dataobj), data > 200)
        np.testing.assert_array_equal(nibabel.load(out).affine, nibabel.load(path).affine)
        assert spatial(out) == spatial(path)
        ours, theirs = SimpleITK.ReadImage(str(out)), SimpleITK.ReadImage(str(path))
        for ask in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
            assert getattr(ours, ask)() == getattr(theirs, ask)()
        mask, told = fit_mask(image, read_mask(out), image_path=path, mask_path=out)
        np.testing.assert_array_equal(mask, image.data > 200)
        assert told is None


def test_a_sheared_volume_keeps_its_shear(tmp_path):
    data = volume()
    path = save(tmp_path / "a.nii", data, sform=PLACES["sheared"])
    image = read_image(path)
    out = write_mask(tmp_path / "m.nii", image.data > 200, grid=image.grid)
    np.testing.assert_allclose(nibabel.load(out).affine, PLACES["sheared"], rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(nibabel.load(out).dataobj), data > 200)
    assert spatial(out) == spatial(path)


@pytest.mark.parametrize("unit", ["micron", "meter", "unknown"])
def test_units_of_a_header_are_followed_and_given_back(tmp_path, unit):
    scale = {"micron": 1e-3, "meter": 1e3, "unknown": 1}[unit]
    file = nibabel.Nifti1Image(volume(), placed(turn(20)))
    file.header.set_xyzt_units(unit)
    file.to_filename(tmp_path / "a.nii")
    image = read_image(tmp_path / "a.nii")
    np.testing.assert_allclose(image.spacing, np.array((2.5, 0.75, 0.5)) * scale, rtol=1e-5)
    assert image.unit == "mm"
    assert spatial(write_mask(tmp_path / "m.nii", image.data > 9, grid=image.grid)) == spatial(tmp_path / "a.nii")


@pytest.mark.parametrize("form", ["sform", "qform", None])
def test_a_slice_with_two_axes_is_a_volume_of_one(tmp_path, form):
    data = volume(sides=(5, 7))
    # of its third axis, such a header need not say anything
    path = save(tmp_path / "a.nii", data, **({form: PLACES["flipped"]} if form else {}))
    image = read_image(path)
    assert image.shape == (1, 7, 5)
    out = write_mask(tmp_path / "m.nii", image.data > 200, grid=image.grid)
    np.testing.assert_array_equal(np.asarray(nibabel.load(out).dataobj), data > 200)
    assert spatial(out) == spatial(path)
    assert SimpleITK.ReadImage(str(out)).GetSize() == SimpleITK.ReadImage(str(path)).GetSize()
    assert fit_mask(image, read_mask(out), image_path=path, mask_path=out)[1] is None


def test_long_headers_stay_long(tmp_path):
    path = save(tmp_path / "a.nii", volume(), sform=PLACES["oblique"], kind=nibabel.Nifti2Image)
    image = read_image(path)
    out = write_mask(tmp_path / "m.nii", image.data > 200, grid=image.grid)
    assert isinstance(nibabel.load(out), nibabel.Nifti2Image)
    assert spatial(out) == spatial(path)


@pytest.mark.parametrize("how", ["big endian", "time unit", "not a number", "quaternion of no rotation", "fourth axis"])
def test_what_else_headers_hold_is_kept(tmp_path, how):
    data, affine = volume(), PLACES["oblique"]
    file = nibabel.Nifti1Image(data if how != "fourth axis" else data[..., None], affine)
    if how == "big endian":
        file = nibabel.Nifti1Image(data, affine, nibabel.Nifti1Header(endianness=">"))
    header = file.header
    header.set_xyzt_units("mm", "sec" if how == "time unit" else None)
    if how == "not a number":
        header["quatern_b"] = header["qoffset_x"] = np.nan
    if how == "quaternion of no rotation":
        header["quatern_b"] = header["quatern_c"] = 3
        header["qform_code"] = 1
    file.to_filename(tmp_path / "a.nii")
    image = read_image(tmp_path / "a.nii")
    grid = Grid.from_json(image.grid.to_json())
    out = write_mask(tmp_path / "m.nii", image.data > 200, grid=grid)
    np.testing.assert_array_equal(np.asarray(nibabel.load(out).dataobj), data > 200)
    np.testing.assert_equal(spatial(out), spatial(tmp_path / "a.nii"))
    assert fit_mask(image, read_mask(out), image_path=tmp_path / "a.nii", mask_path=out)[1] is None


# ---- what no geometry is ---------------------------------------------------------------------------------------------

NOWHERE = {
    "zeros": np.zeros((4, 4)),
    "flat": np.diag((1.0, 0, 1, 1)),
    "two axes alike": np.array([[1.0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    "nan": np.diag((1.0, np.nan, 1, 1)),
    "infinite": np.diag((1.0, np.inf, 1, 1)),
    "huge": np.diag((1.0, 1e30, 1, 1)),
}


@pytest.mark.parametrize("affine", NOWHERE)
def test_a_header_that_puts_voxels_nowhere_is_told(tmp_path, affine):
    save(tmp_path / "a.nii", volume(), sform=np.eye(4), codes=(2, 0))
    with (tmp_path / "a.nii").open("r+b") as stream:
        stream.seek(280)
        stream.write(NOWHERE[affine][:3].astype("<f4").tobytes())
    with pytest.raises(ImageReadError, match=r"has the sform \(code 2\) .* expected voxels of some size in three dir"):
        read_image(tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match="three directions"):
        read_grid(tmp_path / "a.nii")


BAD_SIZES = [0, -1, "NaN", "Infinity", 1e-320, 1e300, '"a"', "null", "true", "[1]", "1" + "0" * 400]


@pytest.mark.parametrize("size", BAD_SIZES, ids=[str(size)[:12] for size in BAD_SIZES])
def test_a_size_that_no_pixel_has_is_refused_in_a_png(tmp_path, size):
    from PIL import Image, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("medseg", f'{{"spacing": [0.5, {size}], "unit": "mm"}}')
    Image.new("L", (4, 3)).save(tmp_path / "a.png", pnginfo=text)
    with pytest.raises(ImageReadError, match=r"a\.png says that a pixel measures 0\.5 x .* mm; expected 1e-08 to"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), 1e-320])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".nii.gz"])
def test_a_size_that_no_pixel_has_is_not_written(tmp_path, size, suffix):
    with pytest.raises(InputError, match="would get pixels of"):
        write_mask(tmp_path / f"m{suffix}", np.eye(3, dtype=np.uint8), spacing=(0.5, size), unit="mm")
    assert not list(tmp_path.iterdir())


def test_labels_of_another_shape_than_their_grid_are_not_written(tmp_path):
    image = read_image(save(tmp_path / "a.nii", volume(), sform=PLACES["oblique"]))
    with pytest.raises(ShapeError, match="9 x 7 x 5"):
        write_mask(tmp_path / "m.nii", image.data[:-1] > 3, grid=image.grid)


# ---- maps, and volumes that come from elsewhere ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_maps_have_the_pixel_size_of_their_image(tmp_path, suffix):
    grid = Grid((6, 8), spacing=(0.5, 0.25), unit="mm")
    image = read_image(write_probabilities(tmp_path / f"a_prob{suffix}", np.full((6, 8), 0.5), grid=grid))
    np.testing.assert_allclose(image.spacing, (0.5, 0.25), rtol=1e-6)


def test_maps_lie_on_their_volume(tmp_path):
    path = save(tmp_path / "a.nii", volume(), **FORMS["apart"](PLACES["oblique"]))
    grid = read_image(path).grid
    out = write_probabilities(tmp_path / "a_prob.nii.gz", np.full((9, 7, 5), 0.5), grid=grid)
    assert spatial(out) == spatial(path)


@pytest.mark.parametrize("place", SQUARE)
def test_a_grid_that_is_no_nifti_s_is_written_as_it_is(tmp_path, place):
    """Of a layer, and of the formats to come: an affine of the array is enough."""
    data = np.random.default_rng(0).random((9, 7, 5)) > 0.5
    write_mask(tmp_path / "m.nii", data, grid=Grid.of_affine((9, 7, 5), PLACES[place]))
    found = nibabel.load(tmp_path / "m.nii")
    np.testing.assert_allclose(found.affine, PLACES[place], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.get_qform(), PLACES[place], rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(found.dataobj).transpose(), data)
    SimpleITK.ReadImage(str(tmp_path / "m.nii"))


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", json.dumps({"shape": 3}), '{"shape": [1], "affine": [[1]]}'])
def test_what_is_no_grid_is_not_read_as_one(text):
    with pytest.raises(ValueError):
        Grid.from_json(text)

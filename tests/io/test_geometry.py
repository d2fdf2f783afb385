"""A mask lies on its image, is turned onto it, or is refused: nothing else."""

import itertools
import json

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.errors import ImageReadError, InputError, ShapeError
from napari_medseg.io import (
    Grid,
    check_sizes,
    fit_mask,
    read_grid,
    read_image,
    read_mask,
    write_image,
    write_mask,
    write_probabilities,
)

SIDES = (5, 7, 9)


def turn(degrees, axis=2):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    square = np.eye(3)
    others = [a for a in range(3) if a != axis]
    square[np.ix_(others, others)] = [[c, -s], [s, c]]
    return square


def placed(directions, sizes=(0.5, 0.75, 2.5), origin=(10, -20, 30)):
    affine = np.eye(4)
    affine[:3, :3] = directions @ np.diag(sizes)
    affine[:3, 3] = origin
    return affine


SHEAR = np.eye(3) + np.eye(3, k=1) * 0.2
PLACES = {
    "straight": placed(np.eye(3)),
    "flipped": placed(np.diag((-1, -1, 1))),
    "permuted": placed(np.eye(3)[[2, 0, 1]]),
    "left-handed": placed(np.diag((-1, 1, 1))),
    "oblique": placed(turn(20) @ turn(-10, 0)),
    "nearly diagonal": placed(turn(44.9)),
    "far": placed(turn(20), origin=(3e4, -2e5, 1e4)),
    "sheared": placed(SHEAR),
}
SQUARE = [name for name in PLACES if name != "sheared"]


def save(path, data, sform=None, qform=None, codes=(1, 1), kind=nibabel.Nifti1Image):
    image = kind(data, None)
    if sform is not None:
        image.header.set_zooms(nibabel.affines.voxel_sizes(sform)[: data.ndim])
        image.header.set_sform(sform, codes[0])
    if qform is not None:
        image.header.set_qform(qform, codes[1], strip_shears=True)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return path


def spatial(path):
    header = nibabel.load(path).header
    names = [n for n in header if n.startswith(("q", "s")) and n not in ("scl_slope", "scl_inter", "sizeof_hdr")]
    kept = [n for n in names if n.startswith(("qform", "sform", "quatern", "qoffset", "srow"))]
    return {name: np.asarray(header[name]).tolist() for name in (*kept, "pixdim", "xyzt_units", "dim_info")}


def volume(seed=0, sides=SIDES):
    return np.random.default_rng(seed).integers(0, 400, sides).astype(np.int16)


FORMS = {
    "both": lambda a: {"sform": a, "qform": a},
    "sform only": lambda a: {"sform": a},
    "qform only": lambda a: {"qform": a},
    "neither": lambda a: {},
    "other codes": lambda a: {"sform": a, "qform": a, "codes": (4, 2)},
    "apart": lambda a: {"sform": a, "qform": placed(turn(7), origin=(16, -27, 21)), "codes": (2, 1)},
}


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


# ---- pairs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("order", "signs"), [((0, 1, 2), (-1, -1, 1)), ((2, 0, 1), (1, 1, 1)), ((1, 0, 2), (-1, 1, -1))]
)
def test_another_order_of_axes_is_brought_to_the_image_and_told(tmp_path, place, order, signs):
    data = volume()
    path = save(tmp_path / "a.nii", data, sform=PLACES[place])
    image = read_image(path)
    orientation = np.column_stack((order, signs))
    turned = nibabel.orientations.apply_orientation((data > 200).astype(np.uint8), orientation)
    other = PLACES[place] @ nibabel.orientations.inv_ornt_aff(orientation, SIDES)
    mask_path = save(tmp_path / "m.nii", turned, sform=other)
    mask, told = fit_mask(image, read_mask(mask_path), image_path=path, mask_path=mask_path)
    np.testing.assert_array_equal(mask, image.data > 200)
    assert "was turned onto its image's voxels" in told
    assert check_sizes([(path, mask_path)]) == [told]


@settings(max_examples=60, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    sizes=st.tuples(*[st.floats(0.2, 6)] * 3),
    order=st.permutations(range(3)),
    signs=st.tuples(*[st.sampled_from((-1, 1))] * 3),
)
def test_any_grid_is_found_again_in_any_order(tmp_path_factory, angles, sizes, order, signs):
    """However a volume lies, the same grid stored otherwise gives the same labels on its pixels."""
    folder = tmp_path_factory.mktemp("any")
    data = volume()
    affine = placed(turn(angles[0]) @ turn(angles[1], 0) @ turn(angles[2], 1), sizes)
    path = save(folder / "a.nii", data, sform=affine)
    image = read_image(path)
    orientation = np.column_stack((order, signs))
    mask_path = save(
        folder / "m.nii",
        nibabel.orientations.apply_orientation((data > 200).astype(np.uint8), orientation),
        sform=affine @ nibabel.orientations.inv_ornt_aff(orientation, SIDES),
    )
    mask, _ = fit_mask(image, read_mask(mask_path), image_path=path, mask_path=mask_path)
    np.testing.assert_array_equal(mask, image.data > 200)


WRONG = {
    "identity": np.eye(4),
    "shifted by half a voxel": placed(turn(20), origin=(10.25, -20, 30)),
    "other spacing": placed(turn(20), sizes=(0.5, 0.75, 3)),
    "other angle": placed(turn(24)),
    "mirrored in place": placed(turn(20) @ np.diag((-1, 1, 1))),
    "mirrored image": placed(np.diag((-1, 1, 1)) @ turn(20), origin=(-10, -20, 30)),
    "sheared": placed(turn(20) @ SHEAR),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("forms", ["sform only", "both"])
def test_a_mask_that_lies_elsewhere_is_refused_with_both_geometries(tmp_path, wrong, forms):
    path = save(tmp_path / "a.nii", volume(), **FORMS[forms](placed(turn(20))))
    mask_path = save(tmp_path / "m.nii", np.ones(SIDES, np.uint8), sform=WRONG[wrong])
    with pytest.raises(
        ShapeError, match=r"(?s)m\.nii is 9 x 7 x 5 px of .*expected the geometry of its image .*a\.nii: 9 x 7 x 5 px"
    ):
        fit_mask(read_image(path), read_mask(mask_path), image_path=path, mask_path=mask_path)
    with pytest.raises(ShapeError, match="expected the geometry"):
        check_sizes([(path, mask_path)])


def test_a_mask_of_cube_shape_is_not_turned_by_chance(tmp_path):
    """Equal sides say nothing: only the header does."""
    path = save(tmp_path / "a.nii", volume(sides=(6, 6, 6)), sform=placed(np.eye(3), sizes=(1, 1, 1), origin=(0, 0, 0)))
    swapped = save(
        tmp_path / "m.nii", np.ones((6, 6, 6), np.uint8), sform=placed(np.eye(3)[[1, 0, 2]], (1, 1, 1), (0, 0, 1))
    )
    with pytest.raises(ShapeError, match="expected the geometry"):
        fit_mask(read_image(path), read_mask(swapped), image_path=path, mask_path=swapped)


@pytest.mark.parametrize("swapped", [False, True], ids=["the mask says nothing", "the image says nothing"])
@pytest.mark.parametrize("how", ["ImageJ", "RAS", "LPS"])
def test_voxels_of_unknown_size_are_laid_by_their_shape_and_told(tmp_path, how, swapped):
    data = np.random.default_rng(0).integers(0, 3, (3, 4, 6)).astype(np.uint8)
    bare = tmp_path / "bare.tif"
    tifffile.imwrite(bare, data, photometric="minisblack")
    if how == "ImageJ":
        known = tmp_path / "known.tif"
        facts = {"axes": "ZYX", "unit": "mm", "spacing": 2.0}
        tifffile.imwrite(known, data, imagej=True, resolution=(2, 1 / 0.6), metadata=facts)
    else:
        affine = placed(np.eye(3) if how == "RAS" else np.diag((-1, -1, 1)))
        known = save(tmp_path / "known.nii.gz", data.transpose(), sform=affine)
    path, mask_path = (bare, known) if swapped else (known, bare)
    image, mask = read_image(path), read_mask(mask_path)
    if how == "LPS":
        # it was turned when it was read; whether the other's voxels run as it did or as they do is not known
        with pytest.raises(ShapeError, match=r"bare\.tif does not say .* and .*known\.nii\.gz is stored LPS"):
            fit_mask(image, mask, image_path=path, mask_path=mask_path)
        return
    found, told = fit_mask(image, mask, image_path=path, mask_path=mask_path)
    np.testing.assert_array_equal(found, data)
    assert "bare.tif does not say how large its voxels are" in told
    assert check_sizes([(path, mask_path)]) == [told]
    tifffile.imwrite(bare, data[:2], photometric="minisblack")
    with pytest.raises(ShapeError, match="Give a mask of the image's size"):
        check_sizes([(path, mask_path)])


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_rounded_headers_are_equal(tmp_path, digits):
    """A header whose numbers went through text with a few digits, or through float32, is the same grid."""
    affine = placed(turn(20), sizes=(0.4945055, 0.49450547, 2.5))
    path = save(tmp_path / "a.nii", volume(), sform=affine)
    mask_path = save(tmp_path / "m.nii", np.ones(SIDES, np.uint8), sform=np.round(affine, digits))
    assert fit_mask(read_image(path), read_mask(mask_path), image_path=path, mask_path=mask_path)[1] is None


@pytest.mark.parametrize("forms", FORMS)
@pytest.mark.parametrize("place", SQUARE)
def test_a_mask_that_itk_wrote_lies_on_its_image(tmp_path, place, forms):
    """3D Slicer and ITK-SNAP read one of the header's geometries and write that one into both."""
    path = save(tmp_path / "a.nii.gz", volume(), **FORMS[forms](PLACES[place]))
    mask_path = tmp_path / "m.nii.gz"
    SimpleITK.WriteImage(SimpleITK.Cast(SimpleITK.ReadImage(str(path)) > 200, SimpleITK.sitkUInt8), str(mask_path))
    image = read_image(path)
    mask, _ = fit_mask(image, read_mask(mask_path), image_path=path, mask_path=mask_path)
    np.testing.assert_array_equal(mask, image.data > 200)


def test_a_mask_moved_by_its_sform_is_not_taken_by_its_old_qform(tmp_path):
    """Registration moves the sform and leaves the qform: what programs read first counts."""
    path = save(tmp_path / "a.nii", volume(), sform=PLACES["oblique"], qform=PLACES["oblique"])
    moved = save(tmp_path / "m.nii", np.ones(SIDES, np.uint8), sform=PLACES["far"], qform=PLACES["oblique"])
    with pytest.raises(ShapeError, match="expected the geometry"):
        fit_mask(read_image(path), read_mask(moved), image_path=path, mask_path=moved)


@pytest.mark.parametrize(
    ("of_image", "of_mask", "fits"),
    [
        (((0.5, 0.25), "mm"), ((0.5, 0.25), "mm"), True),
        (((500, 250), "um"), ((0.5, 0.25), "mm"), True),
        (((0.5, 0.25), "mm"), (None, "px"), True),
        ((None, "px"), ((0.5, 0.25), "mm"), True),
        (((0.5, 0.25), "mm"), ((0.501, 0.2503), "mm"), True),
        (((0.5, 0.25), "mm"), ((0.25, 0.5), "mm"), False),
        (((0.5, 0.5), "mm"), ((1.0, 1.0), "mm"), False),
        (((0.5, 0.5), "mm"), ((0.5, 0.5), "um"), False),
    ],
)
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_pixels_of_another_size_are_refused(tmp_path, of_image, of_mask, fits, suffix):
    path = write_image(tmp_path / "a.tif", np.zeros((6, 8), np.uint8), spacing=of_image[0], unit=of_image[1])
    mask_path = write_mask(tmp_path / f"m{suffix}", np.eye(6, 8, dtype=np.uint8), spacing=of_mask[0], unit=of_mask[1])
    image = read_image(path)
    if fits:
        mask, told = fit_mask(image, read_mask(mask_path), image_path=path, mask_path=mask_path)
        np.testing.assert_array_equal(mask, np.eye(6, 8))
        assert told is None
    else:
        with pytest.raises(ShapeError, match=r"6 x 8 px of .* expected the geometry of its image .* 6 x 8 px of"):
            fit_mask(image, read_mask(mask_path), image_path=path, mask_path=mask_path)


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


def test_axes_and_signs_cover_every_orientation():
    """All 48 turns of a grid lay its mask back, label by label."""
    from pathlib import Path

    from napari_medseg.io.geometry import lay

    image = Grid.of_affine(SIDES[::-1], placed(turn(20)))
    labels = np.arange(np.prod(SIDES)).reshape(SIDES)
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((-1, 1), repeat=3)):
        orientation = np.column_stack((order, signs))
        moved = nibabel.orientations.apply_orientation(labels, orientation)
        affine = image.affine @ nibabel.orientations.inv_ornt_aff(orientation, SIDES)
        mask = Grid.of_affine(moved.shape[::-1], affine)
        found = lay(image, mask, image_path=Path("a"), mask_path=Path("m"))(moved.transpose())
        np.testing.assert_array_equal(found, labels.transpose())

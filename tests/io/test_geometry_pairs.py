"""A mask lies on its image, is turned onto it, or is refused: nothing else."""

import itertools

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.errors import ShapeError
from napari_medseg.io import Grid, check_sizes, fit_mask, read_image, read_mask, write_image, write_mask
from tests.io.nifti_files import FORMS, PLACES, SHEAR, SIDES, SQUARE, placed, save, turn, volume


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

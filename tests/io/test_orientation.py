"""To which sides of the patient a volume's axes run: as nibabel says, in every order and direction."""

from itertools import permutations, product

import nibabel
import numpy as np
import pytest

from napari_medseg.io import Grid, fit_mask, formats_for, read_grid, read_image, read_mask, write_image, write_mask
from napari_medseg.io.orientation import letters_of, why_none
from tests.io.test_contract import at_hand

SHAPE = (5, 6, 7)
TURNS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def turned(order, signs, tilt=0.0):
    """An affine of unequal voxels whose axes run in this order and direction, tilted by so much."""
    affine = np.zeros((4, 4))
    for column, (row, sign, size) in enumerate(zip(order, signs, (0.8, 1.0, 2.5), strict=True)):
        affine[row, column] = sign * size
    cos, sin = np.cos(tilt), np.sin(tilt)
    affine[:3, :3] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ affine[:3, :3]
    affine[:, 3] = (4, -5, 6, 1)
    return affine


@pytest.mark.parametrize("tilt", [0.0, 0.3, -0.6])
def test_of_any_order_and_direction_they_are_nibabels(tilt):
    for order, signs in TURNS:
        affine = turned(order, signs, tilt)
        grid = Grid.of_affine(SHAPE, affine, header={"some": "format"})
        assert letters_of(grid) == nibabel.aff2axcodes(affine)[::-1]


def test_what_was_turned_as_it_was_read_says_where_its_voxels_are_now(tmp_path):
    """The one bright voxel is the patient's rightmost, foremost and highest, however the file lies."""
    for order, signs in TURNS:
        affine = turned(order, signs)
        data = np.zeros((4, 5, 6), np.uint8)
        corners = [
            tuple(n - 1 if high else 0 for n, high in zip(data.shape, at, strict=True))
            for at in product((0, 1), repeat=3)
        ]
        data[max(corners, key=lambda corner: (affine @ (*corner, 1))[:3].sum())] = 1
        nibabel.Nifti1Image(data, affine).to_filename(tmp_path / "v.nii")
        image = read_image(tmp_path / "v.nii")
        at = np.argwhere(image.data == 1)[0]
        letters = letters_of(image.grid)
        for index, size, letter in zip(at, image.data.shape, letters, strict=True):
            assert index == (size - 1 if letter in "RAS" else 0)


def test_without_a_word_of_the_file_there_are_none(tmp_path):
    nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), None).to_filename(tmp_path / "v.nii")
    silent = read_image(tmp_path / "v.nii").grid
    assert letters_of(silent) is None and "sform" in why_none(silent)
    # as a layer of one's own is shown
    assert letters_of(Grid.of_affine(SHAPE, np.eye(4))) is None
    assert letters_of(Grid((6, 7))) is None


def test_a_volume_without_sides_that_is_kept_as_a_file_has_none_afterwards_either(tmp_path):
    write_image(tmp_path / "v.nii.gz", np.zeros(SHAPE, np.uint8), volume=True)
    grid = read_image(tmp_path / "v.nii.gz").grid
    assert letters_of(grid) is None and why_none(grid)
    # nor once its project has kept it
    assert letters_of(Grid.from_json(grid.to_json())) is None


@pytest.mark.parametrize("spacing", [None, (2.5, 0.5, 0.25)])
@pytest.mark.parametrize("image_format", at_hand(formats_for("image", 3)), ids=lambda one: one.name)
@pytest.mark.parametrize("mask_format", at_hand(formats_for("mask", 3)), ids=lambda one: one.name)
def test_what_no_file_said_is_said_by_none_of_ours(tmp_path, image_format, mask_format, spacing):
    """Of slices that were stacked, and of masks of them: no letters, and nothing turned."""
    if mask_format.takes.of_format:
        pytest.skip("of images that say it alone")
    data = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    grid = Grid.of_affine(SHAPE, np.diag((*(spacing or (1, 1, 1))[::-1], 1)), unit="px" if spacing is None else "mm")
    image = read_image(write_image(tmp_path / f"i{image_format.suffix}", data, grid=grid, volume=True))
    write_mask(tmp_path / f"m{mask_format.suffix}", data, grid=image.grid)
    mask = read_mask(tmp_path / f"m{mask_format.suffix}")
    for path in (tmp_path / f"i{image_format.suffix}", tmp_path / f"m{mask_format.suffix}"):
        assert why_none(read_grid(path))
        if path.name.endswith(".nii.gz"):
            header = nibabel.load(path).header
            assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)
            np.testing.assert_array_equal(np.asarray(nibabel.load(path).dataobj).transpose(), data)
        if path.suffix == ".nrrd":
            assert b"space: " not in path.read_bytes()[:600]
        if path.suffix == ".mha":
            assert b"AnatomicalOrientation = ???" in path.read_bytes()[:600]
    np.testing.assert_array_equal(image.data, data)
    np.testing.assert_array_equal(fit_mask(image, mask, image_path=tmp_path, mask_path=tmp_path)[0], data)

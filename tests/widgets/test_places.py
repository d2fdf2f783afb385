"""Does a mask lie on its image, and on which? Layers without a window."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_medseg.app.layer_keys import GRID_KEY, SIZE_KEY
from napari_medseg.app.places import apart, grid_under, image_under, moved
from napari_medseg.errors import InputError
from napari_medseg.io import read_image
from napari_medseg.widgets.layers import made_for, new_labels, place_of

MOVES = {
    "scale": {2: (2, 1), 3: (2, 1, 1)},
    "translate": {2: (0, 5), 3: (0, 0, 5)},
    "rotate": {2: 90, 3: (0, 0, 90)},
    "shear": {2: (0.5,), 3: (0.5, 0, 0)},
    "affine": {2: np.diag((1, 2, 1)), 3: np.diag((1, 1, 2, 1))},
}


def image(axes, name="image", **more):
    return Image(np.zeros((4, 6, 8)[-axes:]), name=name, **more)


@pytest.fixture
def volume(tmp_path):
    import nibabel

    affine = np.array([[-1.0, 0, 0, 90], [0, -1, 0, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
    nibabel.Nifti1Image(np.zeros((8, 6, 4), np.float32), affine).to_filename(tmp_path / "v.nii.gz")
    read = read_image(tmp_path / "v.nii.gz")
    facts = {GRID_KEY: read.grid, SIZE_KEY: read.spacing}
    return Image(read.data, name="v", scale=read.spacing, units=("mm",) * 3, metadata=facts)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("part", MOVES)
def test_a_mask_that_was_moved_does_not_lie_on_its_image(axes, part):
    below = image(axes, scale=(0.7,) * axes, translate=(3,) * axes)
    mask = new_labels(below, np.zeros(below.data.shape, np.uint8), name="mask")
    assert apart(mask, below) is None
    setattr(mask, part, MOVES[part][axes])
    assert f"'mask' has {part} " in apart(mask, below)
    with pytest.raises(InputError, match=f"'mask' has {part} .*expected .* as its image 'image'"):
        grid_under([below], mask)
    # where both were moved alike, it does again
    for name, value in place_of(below).items():
        setattr(mask, name, value)
    setattr(below, part, MOVES[part][axes])
    setattr(mask, part, MOVES[part][axes])
    assert apart(mask, below) is None


@pytest.mark.parametrize("part", MOVES)
def test_a_volume_that_was_moved_away_from_its_file_is_refused_with_what_was_expected(volume, part):
    assert moved(volume) is None
    mask = Labels(np.zeros(volume.data.shape, np.uint8), name="mine", **place_of(volume))
    ground = grid_under([volume], mask)
    assert ground is volume.metadata[GRID_KEY]
    assert ground.spacing == (2.5, 1.0, 1.0)
    for layer in (volume, mask):
        setattr(layer, part, MOVES[part][3])
    with pytest.raises(InputError, match=f"'v' has {part} .*as in its file"):
        grid_under([volume], mask)


@pytest.mark.parametrize("part", MOVES)
def test_a_mask_keeps_its_grid_when_its_image_is_gone_unless_it_is_moved(volume, part):
    mask = new_labels(volume, np.zeros(volume.data.shape, np.uint8), name="mask")
    assert grid_under([], mask) is volume.metadata[GRID_KEY]
    setattr(mask, part, MOVES[part][3])
    with pytest.raises(InputError, match=f"'mask' has {part} "):
        grid_under([], mask)


def test_a_mask_lies_on_the_image_it_was_made_for_or_that_has_its_shape_and_place():
    own, twin, far = image(2, "own"), image(2, "twin"), image(2, "far", translate=(50, 50))
    mask = Labels(np.zeros((6, 8), np.uint8), name="m")
    assert image_under([], mask) is None
    assert image_under([far, own], mask) is own
    assert image_under([Image(np.zeros((8, 6)))], mask) is None
    mask.metadata.update(made_for(twin, " mask"))
    assert image_under([own, twin, far], mask) is twin
    mask.data = np.zeros((3, 3), np.uint8)
    with pytest.raises(InputError, match=r"'m' has shape \(3, 3\); expected \(6, 8\), as its image 'twin'"):
        image_under([own, twin], mask)


def test_images_of_one_shape_and_place_that_differ_in_their_files_are_not_guessed_from(volume):
    other = Image(volume.data, name="other", **place_of(volume))
    mask = Labels(np.zeros(volume.data.shape, np.uint8), name="m", **place_of(volume))
    with pytest.raises(InputError, match="'m' lies on 'v', 'other'"):
        image_under([volume, other], mask)
    other.metadata.update(volume.metadata)
    assert image_under([volume, other], mask) is volume


@pytest.mark.parametrize("part", ["translate", "rotate", "shear"])
def test_a_mask_on_no_image_that_lies_askew_is_refused(part):
    mask = Labels(np.zeros((6, 8), np.uint8), name="m", scale=(0.5, 0.5), units=("mm", "mm"))
    assert grid_under([], mask).spacing == (0.5, 0.5)
    setattr(mask, part, MOVES[part][2])
    with pytest.raises(InputError, match=f"'m' has {part} .*lies on no image here"):
        grid_under([], mask)


def test_a_mask_without_units_gets_the_pixel_size_of_its_image():
    below = image(2, scale=(0.5, 0.5), units=("mm", "mm"))
    mask = Labels(np.zeros((6, 8), np.uint8), scale=(0.5, 0.5))
    ground = grid_under([below], mask)
    assert (ground.spacing, ground.unit) == ((0.5, 0.5), "mm")

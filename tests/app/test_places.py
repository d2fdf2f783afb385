"""On which grid a mask is written: that of the image it lies on, its own, or none, which is told."""

import napari.layers
import numpy as np
import pytest

from napari_medseg.app.layer_keys import facts_of
from napari_medseg.app.places import apart, grid_of, grid_under, image_under, matrix_of
from napari_medseg.errors import InputError
from napari_medseg.io import Grid, Image

SHAPE = (4, 6, 8)
AFFINE = np.array([[-0.5, 0, 0.1, 90], [0, -0.75, 0, 126], [-0.1, 0, 2.5, -72], [0, 0, 0, 1]])
MOVES = {
    "scale": (2.5, 1.5, 1),
    "translate": (1, 0, 0),
    "rotate": (0, 0, 10),
    "shear": (0.2, 0, 0),
    "affine": np.diag((1, 1, 1.5, 1)),
}


def volume(name="scan", **place):
    """A layer as the panel and our reader show a volume."""
    read = Image(np.zeros(SHAPE, np.float32), spacing=(2.5, 0.75, 0.5), unit="mm", grid=Grid.of_affine(SHAPE, AFFINE))
    place = {"scale": read.spacing, "units": ("millimeter",) * 3, **place}
    return napari.layers.Image(read.data, name=name, metadata=facts_of(read), **place)


def labels(like=None, shape=SHAPE, **place):
    if like is not None:
        place = {"scale": like.scale, "units": like.units, "translate": like.translate, **place}
    return napari.layers.Labels(np.zeros(shape, np.uint8), name="mine", **place)


def test_a_mask_of_ones_own_on_a_volume_gets_its_grid():
    image = volume()
    assert grid_under([image], labels(image)) is image.metadata["medseg_grid"]
    # said in other words, the same place
    affine = np.diag((2.5, 0.75, 0.5, 1))
    assert grid_under([image], labels(affine=affine)) is image.metadata["medseg_grid"]
    assert grid_under([volume(), image], labels(image)).affine is not None


@pytest.mark.parametrize("part", MOVES)
def test_a_mask_that_was_moved_off_its_image_is_refused(part):
    image = volume()
    mask = labels(image)
    setattr(mask, part, MOVES[part])
    assert f"'mine' has {part}" in apart(mask, image)
    with pytest.raises(InputError, match=f"'mine' has {part} .* as its image 'scan'.* Set its {part} back"):
        grid_under([image], mask)


@pytest.mark.parametrize("part", MOVES)
def test_a_volume_of_a_file_that_was_moved_with_its_mask_is_refused(part):
    """Where it is seen is no longer where its file lies."""
    image = volume()
    mask = labels(image)
    for layer in (image, mask):
        setattr(layer, part, MOVES[part])
    with pytest.raises(InputError, match=f"'scan' has {part} .* as in its file"):
        grid_under([image], mask)


@pytest.mark.parametrize("part", [None, *MOVES])
@pytest.mark.parametrize("on_image", [True, False])
def test_a_volume_without_a_file_lies_as_it_is_shown(part, on_image):
    image = napari.layers.Image(np.zeros(SHAPE), scale=(3, 2, 1), units=("um",) * 3)
    mask = labels(image)
    for layer in (image, mask):
        if part is not None:
            setattr(layer, part, MOVES[part])
    grid = grid_under([image] if on_image else [], mask)
    for index in np.ndindex(2, 2, 2):
        seen = np.array(mask.data_to_world(index))[::-1] * 1e-3
        np.testing.assert_allclose((grid.affine @ (*index[::-1], 1))[:3], seen)
    assert grid.unit == "mm"
    assert grid.shape == SHAPE


@pytest.mark.parametrize("part", ["translate", "rotate", "shear"])
def test_a_flat_mask_alone_that_no_file_could_place_is_refused(part):
    mask = napari.layers.Labels(np.zeros((6, 8), np.uint8), name="mine", scale=(2, 2), units=("mm", "mm"))
    assert grid_under([], mask).spacing == (2, 2)
    setattr(mask, part, {"translate": (0, 1), "rotate": 30, "shear": (0.1,)}[part])
    with pytest.raises(InputError, match=f"'mine' has {part} .* lies on no image here"):
        grid_under([], mask)
    # on its image it goes with it
    image = napari.layers.Image(np.zeros((6, 8)), scale=(2, 2), units=("mm", "mm"))
    setattr(image, part, getattr(mask, part))
    assert grid_under([image], mask).spacing == pytest.approx((2, 2), rel=0.02)


@pytest.mark.parametrize(
    ("place", "sizes", "unit"),
    [
        ({"scale": (0.5, 0.25), "units": ("mm", "mm")}, (0.5, 0.25), "mm"),
        ({"scale": (0.5, 0.25), "units": ("micrometer",) * 2}, (0.5, 0.25), "um"),
        ({"scale": (0.5, 0.25)}, None, "px"),
        ({"affine": np.diag((0.5, 0.25, 1)), "units": ("mm", "mm")}, (0.5, 0.25), "mm"),
        ({"scale": (-0.5, 0.25), "units": ("mm", "mm")}, (0.5, 0.25), "mm"),
    ],
)
def test_sizes_of_pixels_are_those_on_the_screen(place, sizes, unit):
    grid = grid_of(napari.layers.Image(np.zeros((6, 8, 3)), rgb=True, **place))
    assert (grid.spacing, grid.unit, grid.shape) == (sizes, unit, (6, 8))


def test_two_volumes_that_lie_alike_on_the_screen_but_not_in_the_patient_are_told():
    one, other = volume("one"), volume("other")
    other.metadata["medseg_grid"] = Grid.of_affine(SHAPE, np.diag((0.5, 0.75, 2.5, 1)))
    with pytest.raises(InputError, match="'mine' lies on 'one', 'other', whose files lie differently"):
        image_under([one, other], labels(one))


def test_a_layer_s_place_is_a_matrix():
    layer = labels(scale=(3, 2, 1), translate=(30, 20, 10))
    np.testing.assert_allclose(matrix_of(layer), [[1, 0, 0, 10], [0, 2, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])

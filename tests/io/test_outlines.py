"""Polygons along the edges of pixels, judged by shapely and by scikit-image."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.draw import polygon2mask
from skimage.measure import label

from napari_medseg.io.outlines import corners, fill, number_pieces, outlines

# few values make pieces that touch, nest and meet at corners
small = hnp.arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


def shapes_of(objects):
    return {
        number: shapely.MultiPolygon([shapely.Polygon(rings[0], rings[1:]) for rings in polygons])
        for number, polygons in outlines(objects).items()
    }


@settings(max_examples=300, deadline=None)
@given(small)
def test_polygons_are_sound_and_hold_just_the_pixels_of_their_object(objects):
    shapes = shapes_of(objects)
    assert shapes.keys() == set(np.unique(objects)) - {0}
    y, x = np.indices(objects.shape)
    centres = shapely.points(x + 0.5, y + 0.5)
    for number, shape in shapes.items():
        assert shape.is_valid, shapely.is_valid_reason(shape)
        assert shape.area == (objects == number).sum()
        np.testing.assert_array_equal(shapely.contains(shape, centres), objects == number)


@settings(max_examples=300, deadline=None)
@given(small)
def test_polygons_become_the_same_pixels_again(objects):
    found = np.zeros_like(objects)
    for number, polygons in outlines(objects).items():
        for rings in polygons:
            y, x = fill([np.array(ring) for ring in rings], objects.shape)
            assert not found[y, x].any()
            found[y, x] = number
    np.testing.assert_array_equal(found, objects)


@settings(max_examples=100, deadline=None)
@given(small)
def test_scikit_image_rasterises_them_to_the_same_mask(objects):
    """Its polygons lie on the centres of pixels, and it takes no holes: they are taken away."""
    found = np.zeros_like(objects)
    for number, polygons in outlines(objects).items():
        for rings in polygons:
            inside = [polygon2mask(objects.shape, np.array(ring)[:, ::-1] - 0.5) for ring in rings]
            found[np.logical_xor.reduce(inside)] = number
    np.testing.assert_array_equal(found, objects)


@settings(max_examples=100, deadline=None)
@given(small)
def test_rings_are_closed_have_no_needless_points_and_run_as_geojson_says(objects):
    for polygons in outlines(objects).values():
        for rings in polygons:
            for place, ring in enumerate(rings):
                assert ring[0] == ring[-1]
                assert shapely.LinearRing(ring).is_ccw == (place == 0)
                steps = np.diff(np.array(ring), axis=0)
                assert ((steps == 0).sum(axis=1) == 1).all()
                # across and down by turns
                assert ((steps[:-1, 0] == 0) != (steps[1:, 0] == 0)).all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-4, 14), st.floats(-4, 14)), min_size=3, max_size=7),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_any_polygon_holds_the_pixels_whose_centres_it_holds(points, shape):
    ring = np.array(points)
    found = np.zeros(shape, bool)
    found[fill([ring], shape)] = True
    y, x = np.indices(shape)
    centres = np.stack([x + 0.5, y + 0.5], axis=-1)
    # by the even-odd rule, one edge at a time
    wanted = np.zeros(shape, bool)
    near = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (y0 <= centres[..., 1]) != (y1 <= centres[..., 1])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = x0 + (centres[..., 1] - y0) / (y1 - y0) * (x1 - x0)
        wanted ^= crosses & (at < centres[..., 0])
        near |= crosses & (np.abs(at - centres[..., 0]) < 1e-9)
    np.testing.assert_array_equal(found[~near], wanted[~near])


def test_pieces_that_touch_at_a_corner_are_one_and_labels_part_them():
    labels = np.array([[1, 0, 0, 2], [0, 1, 2, 2], [0, 0, 0, 0], [1, 1, 0, 2]])
    pieces = number_pieces(labels)
    assert [len(np.unique(pieces[labels == value])) for value in (1, 2)] == [2, 2]
    assert pieces.max() == 4 and (pieces[labels == 0] == 0).all()
    np.testing.assert_array_equal(pieces, label(labels, connectivity=2))


@pytest.mark.parametrize("shape", [(1, 1), (3, 4)])
def test_of_nothing_there_is_nothing(shape):
    assert outlines(np.zeros(shape, int)) == {}
    y, _ = fill([np.array([(50, 50), (60, 50), (60, 60)])], shape)
    assert len(y) == 0


@pytest.mark.parametrize(
    ("numbers", "by_turns"),
    [
        ([[0, 0], [1, 0]], [0, 0, 1, 0]),
        ([[0, 0, 0]] * 3, [0, 0, 1, 0, 1]),
        ([[0, 0], [1, 0], [1, float("nan")]], [0, 0, 1, 0, 1, float("inf")]),
        ([[0, 0], [1, 0], [1]], [[0, 0], [1, 0], [1, 1]]),
        ("abc", {"x": 1}),
        ([[0, 0], [1, 0], [1, 10**400]], [0, 0, 1, 0, 1, 10**400]),
    ],
    ids=["two corners", "three numbers", "not finite", "another shape", "no numbers", "beyond any number"],
)
def test_what_is_no_polygon_has_no_corners(numbers, by_turns):
    assert corners(numbers) is None and corners(by_turns, flat=True) is None


def test_corners_stand_in_pairs_or_by_turns():
    expected = np.array([[0, 0], [1, 0], [1, 2.5]])
    np.testing.assert_array_equal(corners(expected.tolist()), expected)
    np.testing.assert_array_equal(corners(expected.ravel().tolist(), flat=True), expected)

"""Diameters and perimeters of shapes whose sizes are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ellipe

from napari_medseg.metrics.outline import diameters, largest_possible, metric, perimeters

SIZES = ((1.0, 1.0), (0.5, 0.8), (1.2, 0.4))


def ellipse(long, short, turn, sizes):
    """One whose half axes are ``long`` and ``short`` mm, in a box that holds it."""
    sides = [int(2 * long / size) + 5 for size in sizes]
    y, x = ((np.arange(n) - n / 2 + 0.3) * size for n, size in zip(sides, sizes, strict=True))
    y, x = np.meshgrid(y, x, indexing="ij")
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (along / long) ** 2 + (across / short) ** 2 <= 1


@pytest.mark.parametrize("sizes", SIZES)
@given(turn=st.floats(0, np.pi), ratio=st.floats(0.4, 0.9))
@settings(max_examples=15, deadline=None)
def test_an_ellipse_is_as_long_as_wide_and_as_far_around_as_it_is(sizes, turn, ratio):
    long, short = 30.0, 30.0 * ratio
    mask, flat = ellipse(long, short, turn, sizes), metric(np.diag(sizes))
    found = diameters(mask, flat)
    pixel = max(sizes)
    assert abs(found.longest - 2 * long) < 1.2 * pixel
    assert abs(found.perpendicular - 2 * short) < 0.05 * short + 1.2 * pixel
    around = 4 * long * ellipe(1 - ratio**2)
    # four directions are spread less evenly where pixels are long
    near = 0.02 if sizes == (1.0, 1.0) else 0.08
    assert perimeters(mask.astype(np.uint8), flat, 1)[0] == pytest.approx(around, rel=near)


@given(rows=st.integers(1, 30), columns=st.integers(1, 30), sizes=st.sampled_from(SIZES))
@settings(max_examples=40, deadline=None)
def test_a_box_is_as_long_as_its_diagonal_between_the_middles_of_its_sides(rows, columns, sizes):
    mask, flat = np.zeros((rows + 4, columns + 2), bool), metric(np.diag(sizes))
    mask[2 : 2 + rows, 1 : 1 + columns] = True
    found = diameters(mask, flat)
    height, width = rows * sizes[0], columns * sizes[1]
    # the rim of a box ends in the middles of its outermost pixels' sides: half a pixel is missing at each corner
    ends = (np.hypot(height, width - sizes[1]), np.hypot(height - sizes[0], width))
    assert found.longest == pytest.approx(max(ends))
    assert found.longest <= largest_possible((rows, columns), flat)
    around = perimeters(mask.astype(np.uint8), flat, 1)[0]
    # where pixels are square, always 5 % short, and more of what has few pixels
    if min(rows, columns) > 10:
        assert 0.85 * 2 * (height + width) < around < 1.1 * 2 * (height + width)


def test_one_pixel_is_as_long_as_its_longer_side():
    flat = metric(np.diag((0.5, 0.8)))
    found = diameters(np.ones((1, 1), bool), flat)
    assert (found.longest, found.perpendicular) == pytest.approx((0.8, 0.5))
    assert found.long_axis == ((0.0, -0.5), (0.0, 0.5)) and found.short_axis in (
        ((-0.5, 0.0), (0.5, 0.0)),
        ((0.5, 0.0), (-0.5, 0.0)),
    )


@given(seed=st.integers(0, 10_000), sizes=st.sampled_from(SIZES))
@settings(max_examples=30, deadline=None)
def test_no_two_points_of_the_rim_are_farther_and_no_chord_across_is_longer(seed, sizes):
    rng = np.random.default_rng(seed)
    mask, flat = rng.random((9, 11)) < 0.55, metric(np.diag(sizes))
    mask[4, 5] = True
    found = diameters(mask, flat)
    long, short = np.array(found.long_axis) @ flat, np.array(found.short_axis) @ flat
    assert np.linalg.norm(long[1] - long[0]) == pytest.approx(found.longest)
    assert np.linalg.norm(short[1] - short[0]) == pytest.approx(found.perpendicular)
    assert (long[1] - long[0]) @ (short[1] - short[0]) == pytest.approx(0, abs=1e-9)
    # slowly: each pair of points of the rim of each piece
    from skimage.measure import label

    pieces = label(mask, connectivity=2)
    slow = max(farthest(pieces == one, flat) for one in range(1, pieces.max() + 1))
    assert found.longest == pytest.approx(slow)


def farthest(mask, flat):
    y, x = np.nonzero(mask)
    padded = np.pad(mask, 1)
    points = [
        (row + dy / 2, column + dx / 2)
        for row, column in zip(y, x, strict=True)
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if not padded[row + 1 + dy, column + 1 + dx]
    ]
    places = np.array(points) @ flat
    return np.linalg.norm(places[:, None] - places[None], axis=2).max()


def test_the_perpendicular_of_a_bent_shape_is_a_chord_of_it_not_of_what_surrounds_it():
    # a cross with a short arm: the longest chord across the long one is that arm
    mask = np.zeros((41, 81), bool)
    mask[20, :] = True
    mask[10:31, 30] = True
    found = diameters(mask, np.eye(2))
    assert (found.longest, found.perpendicular) == pytest.approx((81, 21))
    # the arm on one side only: from its tip to the other side of the bar
    mask[:20, 30] = False
    found = diameters(mask, np.eye(2))
    assert found.perpendicular == pytest.approx(11)


def test_pieces_that_do_not_touch_are_not_one_long_one():
    mask = np.zeros((5, 50), bool)
    mask[1:3, :10] = mask[2:4, 30:] = True
    assert diameters(mask, np.eye(2)).longest == pytest.approx(np.hypot(20, 1))


@given(turn=st.floats(0, 2 * np.pi), lean=st.floats(-0.4, 0.4))
@settings(max_examples=20, deadline=None)
def test_planes_that_lie_aslant_measure_as_they_lie(turn, lean):
    """The same disc in space, on sheared and turned axes."""
    axes = np.array([[0.5, 0.0, 0.2], [lean, 0.6, 0.0]])
    spin = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    flat = metric(axes @ spin)
    index = np.stack(np.meshgrid(np.arange(160), np.arange(160), indexing="ij"), axis=-1) - 80
    mask = np.linalg.norm(index @ flat, axis=-1) <= 20
    found = diameters(mask, flat)
    assert found.longest == pytest.approx(40, abs=1.5) and found.perpendicular == pytest.approx(40, abs=1.5)
    assert perimeters(mask.astype(np.uint8), flat, 1)[0] == pytest.approx(2 * np.pi * 20, rel=0.06)


def test_rims_of_many_are_those_of_each_and_neighbours_and_holes_count():
    rng = np.random.default_rng(3)
    numbered = rng.integers(0, 5, (30, 40)).astype(np.uint8)
    together = perimeters(numbered, np.eye(2), 4)
    alone = [perimeters((numbered == one).astype(np.uint8), np.eye(2), 1)[0] for one in range(1, 5)]
    assert together == pytest.approx(alone)
    ring = ellipse(25, 25, 0, (1.0, 1.0)).astype(np.uint8)
    hole = np.zeros_like(ring)
    hole[20:33, 20:33] = 1
    assert perimeters(ring - hole, np.eye(2), 1)[0] == pytest.approx(
        sum(perimeters(one, np.eye(2), 1)[0] for one in (ring, hole))
    )

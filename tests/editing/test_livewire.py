"""The contour follows the edge, and is a straight line where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.graph import route_through_array

from napari_medseg.editing.livewire import CONTRAST, LiveWire, straight
from napari_medseg.editing.snap import snapped_disk
from napari_medseg.editing.strength import edge_strength, gradient_strength

RADIUS = 40


def circle(noise=10.0, seed=0):
    yy, xx = np.mgrid[:200, :200]
    inside = np.hypot(yy - 100, xx - 100) < RADIUS
    return (100 * inside + np.random.default_rng(seed).normal(0, noise, inside.shape)).astype(np.float32), inside


def on_rim(angle, radius=RADIUS):
    return 100 + radius * np.sin(angle), 100 + radius * np.cos(angle)


def test_the_path_follows_a_rim():
    image, _ = circle()
    wire = LiveWire(image)
    wire.anchor(on_rim(0))
    path = wire.path_to(on_rim(2))
    distance = np.hypot(*(path - 100).T)
    assert np.abs(distance - RADIUS).max() < 3
    assert (np.abs(np.diff(path, axis=0)).max(axis=1) == 1).all()  # connected


def test_the_edge_map_counts_for_more_than_the_image_where_it_is_sure():
    image, _ = circle(noise=1)
    yy, xx = np.mgrid[:200, :200]
    edges = np.exp(-((np.hypot(yy - 100, xx - 100) - 50) ** 2) / 8)  # another circle than the image's
    wire = LiveWire(image, edges)
    wire.anchor(on_rim(0, 50))
    path = wire.path_to(on_rim(2, 50))
    assert np.abs(np.hypot(*(path - 100).T) - 50).max() < 2


@pytest.mark.parametrize("edges", [None, np.zeros((200, 200))])
@pytest.mark.parametrize("image", [np.zeros((200, 200)), np.random.default_rng(1).normal(0, 9, (200, 200))])
def test_without_an_edge_the_path_is_straight(image, edges):
    wire = LiveWire(image, edges)
    wire.anchor((20, 30))
    assert np.array_equal(wire.path_to((90, 70)), straight((20, 30), (90, 70)))


def test_beyond_the_window_the_path_goes_on_straight():
    image, _ = circle()
    wire = LiveWire(image, window=40)
    wire.anchor(on_rim(0))
    path = wire.path_to((10, 10))
    assert tuple(path[-1]) == (10, 10)
    assert (np.abs(np.diff(path, axis=0)).max(axis=1) == 1).all()


@settings(max_examples=30, deadline=None)
@given(st.tuples(*(st.integers(-5, 45) for _ in range(4))), st.integers(0, 99))
def test_the_path_joins_its_ends_as_cheaply_as_can_be(points, seed):
    image = np.random.default_rng(seed).random((40, 40))
    edges = np.random.default_rng(seed + 1).random((40, 40))
    wire = LiveWire(image, edges)
    wire.anchor(points[:2])
    path = wire.path_to(points[2:])
    ends = [tuple(np.clip(p, 0, 39)) for p in (points[:2], points[2:])]
    assert tuple(path[0]) == ends[0]
    assert tuple(path[-1]) == ends[1]
    cost = 1 / (1 / CONTRAST + edge_strength(image, edges))
    _, best = route_through_array(cost, *ends, geometric=True)
    steps = np.hypot(*np.diff(path, axis=0).T)
    values = cost[path[:, 0], path[:, 1]]
    assert np.sum(steps * (values[1:] + values[:-1]) / 2) == pytest.approx(best)


def test_noise_is_no_edge_and_a_step_is():
    rng = np.random.default_rng(0)
    assert gradient_strength(rng.normal(0, 5, (100, 100))).mean() < 0.01
    image, inside = circle()
    strength = gradient_strength(image)
    yy, xx = np.mgrid[:200, :200]
    rim = np.abs(np.hypot(yy - 100, xx - 100) - RADIUS) < 1
    assert strength[rim].mean() > 0.5
    assert strength[~rim & inside].mean() < 0.1


def test_nan_and_colour_are_taken():
    image = np.full((30, 30, 4), np.nan)
    assert not edge_strength(image).any()


def test_the_brush_paints_up_to_the_edge_and_not_beyond():
    image, inside = circle()
    painted = np.zeros_like(inside)
    painted[snapped_disk(image, (100, 100 + RADIUS - 10), 14)] = True
    assert inside[painted].mean() > 0.97  # the plain disk: 0.85
    # it reaches the rim: next to all of the plain disk's pixels inside are painted
    yy, xx = np.mgrid[:200, :200]
    wanted = inside & (np.hypot(yy - 100, xx - 100 - RADIUS + 10) < 12)
    assert painted[wanted].mean() > 0.93


@pytest.mark.parametrize("centre", [(0, 0), (199.4, 50.2), (-30, -30), (100, 100)])
@pytest.mark.parametrize("radius", [0.5, 1, 7, 30])
def test_the_brush_on_a_blank_image_is_a_plain_disk(centre, radius):
    image = np.zeros((200, 200), np.uint8)
    rows, columns = snapped_disk(image, centre, radius, np.zeros((200, 200)))
    painted = np.zeros(image.shape, bool)
    painted[rows, columns] = True
    yy, xx = np.mgrid[:200, :200]
    distance = np.hypot(yy - centre[0], xx - centre[1])
    clear = np.abs(distance - radius) > 1e-6
    assert np.array_equal(painted[clear], distance[clear] < radius)

"""Tiles of large images: any part gets the same, whoever asks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.inference.geometry import Geometry
from napari_medseg.inference.tiles import KeptTiles, TileGrid, enlarge, join, weights_of

sides = st.integers(1, 90)


def maps_by(grid, seed=0, empty=()):
    """Tiles of noise, always the same."""

    def maps_of(place):
        if place in empty:
            return None
        return np.random.default_rng((seed, *place)).random((2, *grid.size()), np.float32)

    return maps_of


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, side=st.integers(8, 40))
def test_every_pixel_lies_in_a_tile_and_none_outside(height, width, side):
    grid = TileGrid((height, width), side)
    seen = np.zeros((height, width), int)
    places = grid.meeting((0, 0, height, width))
    assert len(places) == len(set(places)) == grid.count
    for place in places:
        y0, x0, y1, x1 = grid.box(place)
        assert 0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width
        assert (y1 - y0, x1 - x0) == grid.size()
        seen[y0:y1, x0:x1] += 1
    assert seen.min() >= 1


@settings(max_examples=40, deadline=None)
@given(data=st.data(), height=st.integers(20, 90), width=st.integers(20, 90), side=st.integers(8, 40))
def test_a_part_is_what_the_whole_has_there(data, height, width, side):
    grid = TileGrid((height, width), side)
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    empty = {place for place in grid.meeting((0, 0, height, width)) if sum(place) % 3 == 0}
    maps_of = maps_by(grid, empty=empty)
    whole = join(grid, (0, 0, height, width), maps_of, 2)
    part = join(grid, (y0, x0, y1, x1), maps_of, 2)
    if whole is None or part is None:
        # nothing but background meets it
        assert part is None and (whole is None or not whole[:, y0:y1, x0:x1].any())
        return
    np.testing.assert_array_equal(part, whole[:, y0:y1, x0:x1])
    assert whole.min() >= 0 and whole.max() <= 1


def test_tiles_that_agree_give_what_they_say():
    grid = TileGrid((70, 50), 32)
    found = join(grid, (3, 4, 60, 50), lambda place: np.full((1, 32, 32), 0.3, np.float32), 1)
    np.testing.assert_allclose(found, 0.3, rtol=1e-5)
    weights = weights_of((32, 20))
    assert weights.shape == (32, 20)
    assert weights[16, 10] == pytest.approx(1, abs=0.02)
    assert weights[0, 0] < 0.01


def test_background_does_not_pull_a_tile_down():
    grid = TileGrid((32, 80), 32)
    empty = set(grid.meeting((0, 0, 32, 80))[1:])
    found = join(grid, (0, 0, 32, 80), lambda p: None if p in empty else np.ones((1, 32, 32), np.float32), 1)
    np.testing.assert_allclose(found[0, :, :32], 1, rtol=1e-5)
    assert not found[0, :, 32:].any()


def test_few_tiles_are_remembered_and_none_twice():
    grid, made = TileGrid((64, 64), 16), []
    kept = KeptTiles(most_bytes=3 * 16 * 16 * 4)

    def make(place):
        made.append(place)
        return np.zeros((1, 16, 16), np.float32)

    places = grid.meeting((0, 0, 64, 64))
    for place in (places[0], places[1], places[0], places[2], places[1]):
        kept.get(place, make)
    assert made == places[:3]
    kept.get(places[3], make)
    # the one that was asked for longest ago went
    kept.get(places[0], make)
    assert made == [*places[:4], places[0]]


@settings(max_examples=30, deadline=None)
@given(data=st.data(), down=st.sampled_from([(1.0, 1.0), (2.0, 2.0), (4.0, 4.0), (3.7, 4.1)]))
def test_a_level_is_brought_to_full_size_as_any_map_is(data, down):
    maps = np.random.default_rng(0).random((2, 12, 9), np.float32)
    full = (round(12 * down[0]), round(9 * down[1]))
    down = (full[0] / 12, full[1] / 9)
    whole = enlarge(maps, (0, 0), (0, 0, *full), down)
    np.testing.assert_allclose(whole, Geometry(full, (12, 9)).inverse(maps), atol=1e-5)
    # and a part of it needs its own part of the level and a pixel around it
    y0, x0 = data.draw(st.integers(0, full[0] - 1)), data.draw(st.integers(0, full[1] - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, full[0])), data.draw(st.integers(x0 + 1, full[1]))
    top, left = max(0, int(y0 / down[0]) - 1), max(0, int(x0 / down[1]) - 1)
    bottom, right = min(12, int(np.ceil(y1 / down[0])) + 1), min(9, int(np.ceil(x1 / down[1])) + 1)
    part = enlarge(maps[:, top:bottom, left:right], (top, left), (y0, x0, y1, x1), down)
    np.testing.assert_allclose(part, whole[:, y0:y1, x0:x1], atol=1e-6)

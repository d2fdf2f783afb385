"""What is looked at of a picture of any size: read once, shown at once, right in the end."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from napari_medseg.app import tile_cache
from napari_medseg.app.tile_cache import TileCache
from napari_medseg.app.tile_grid import steps_of
from napari_medseg.errors import ImageReadError


def waited(cache, seconds=20):
    end = time.monotonic() + seconds
    while not cache.idle():
        assert time.monotonic() < end
        time.sleep(0.005)
    time.sleep(0.05)


def make(levels, **more):
    """A cache over arrays; also a list of what was read, and on which threads."""
    reads = []

    def read(box, source):
        reads.append((source, box, threading.current_thread()))
        axes = len(box) // 2
        return levels[source][tuple(slice(box[n], box[n + axes]) for n in range(axes))].copy()

    shapes = [level.shape[:2] if more.get("channels") else level.shape for level in levels]
    cache = TileCache(steps_of(shapes), read, dtype=levels[0].dtype, **more)
    return cache, reads


def picture(shape=(1500, 2600), channels=0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (*shape, *([channels] if channels else [])), np.uint8)


@pytest.mark.parametrize(
    ("shapes", "sources"),
    [
        ([(5000, 9000)], [0, None, None, None, None]),
        ([(5000, 9000), (2500, 4500), (1250, 2250), (625, 1125), (313, 563)], [0, 1, 2, 3, 4]),
        # as SVS has them: quarters
        ([(16000, 16000), (4000, 4000), (1000, 1000)], [0, None, 1, None, 2]),
        # a level is missing
        ([(16000, 16000), (1000, 1000)], [0, None, None, None, 1]),
        ([(500, 900)], [0, None]),
        ([(40, 3000, 5000)], [0, None, None, None]),
    ],
)
def test_each_level_is_half_the_last_and_those_that_there_are_are_used(shapes, sources):
    steps = steps_of(shapes)
    assert [step.source for step in steps] == sources
    for before, after in pairwise(steps):
        assert 1.6 < before.shape[-1] / after.shape[-1] < 2.5
        assert after.shape[:-2] == before.shape[:-2]
        assert after.down[-1] > before.down[-1]
    assert max(steps[-1].shape[-2:]) <= 1024


@pytest.mark.parametrize("channels", [0, 3])
def test_what_is_looked_at_is_right_as_soon_as_it_was_read(channels):
    whole = picture(channels=channels)
    cache, reads = make([whole], channels=channels)
    box = (slice(300, 1400), slice(700, 2600))
    first = cache.now(0, box)
    assert first.shape == whole[box].shape
    assert not first.any()
    waited(cache)
    assert np.array_equal(cache.now(0, box), whole[box])
    assert threading.current_thread() not in {thread for _, _, thread in reads}
    # once each
    assert len({box for _, box, _ in reads}) == len(reads)
    cache.close()


def test_until_then_the_coarser_level_is_shown():
    whole = np.repeat(np.repeat(picture((750, 1300)), 2, 0), 2, 1)
    cache, _ = make([whole, np.ascontiguousarray(whole[::2, ::2])])
    everything = tuple(slice(0, side) for side in cache.steps[-1].shape)
    cache.now(len(cache.steps) - 1, everything)
    waited(cache)
    box = (slice(600, 900), slice(1100, 1600))
    shown = cache.now(0, box)
    # every second pixel is all that this picture has
    assert np.array_equal(shown, whole[box])
    cache.close()


def test_halves_are_of_the_level_before():
    whole = picture((2300, 2100))
    cache, _ = make([whole])
    shape = cache.steps[1].shape
    half = cache.read(1, tuple(slice(0, side) for side in shape))
    assert np.array_equal(half, whole[::2, ::2])
    part = (slice(100, 700), slice(513, 900))
    assert np.array_equal(cache.read(1, part), half[part])
    cache.close()


def test_of_a_volume_slices_are_read():
    whole = np.random.default_rng(1).integers(0, 99, (20, 300, 400), np.int16)
    cache, _ = make([whole])
    box = (slice(13, 14), slice(0, 300), slice(100, 400))
    cache.now(0, box)
    waited(cache)
    assert np.array_equal(cache.now(0, box), whole[box])
    cache.close()


def test_what_was_changed_is_read_anew_and_shown_as_it_was_until_then():
    whole = picture()
    cache, _ = make([whole])
    box = (slice(0, 600), slice(0, 600))
    cache.now(0, box)
    waited(cache)
    before = whole[box].copy()
    whole[100:200, 100:200] = 7
    assert np.array_equal(cache.now(0, box), before)
    cache.forget((slice(100, 200), slice(100, 200)))
    assert np.array_equal(cache.now(0, box), before)
    waited(cache)
    assert np.array_equal(cache.now(0, box), whole[box])
    cache.close()


def test_memory_is_bounded():
    whole = picture((4096, 4096))
    cache, _ = make([whole], most_bytes=1 << 20)
    for top in range(0, 4096, 512):
        cache.now(0, (slice(top, top + 512), slice(0, 4096)))
        waited(cache)
    assert cache._bytes <= 1 << 20
    assert sum(tile.nbytes for tile in cache._tiles.values()) == cache._bytes
    cache.close()


def test_a_tile_that_cannot_be_read_is_told_once_and_the_others_are_shown():
    whole = picture((1024, 1024))
    told = []

    def read(box, source):
        if box[:2] == (0, 0):
            raise ImageReadError("a.svs is damaged: the tile at (0, 0) cannot be read.")
        return whole[box[0] : box[2], box[1] : box[3]]

    cache = TileCache(steps_of([whole.shape]), read, dtype=np.uint8, failed=told.append)
    box = (slice(0, 1024), slice(0, 1024))
    cache.now(0, box)
    waited(cache)
    shown = cache.now(0, box)
    assert not shown[:512, :512].any()
    assert np.array_equal(shown[512:], whole[512:])
    assert told == ["a.svs is damaged: the tile at (0, 0) cannot be read."]
    with pytest.raises(ImageReadError):
        cache.read(0, box)
    cache.close()


def test_the_newest_wish_comes_first(monkeypatch):
    monkeypatch.setattr(tile_cache, "THREADS", 1)
    whole, order, begun, go = picture((4096, 512)), [], threading.Event(), threading.Event()

    def read(box, source):
        order.append(box[0])
        begun.set()
        assert go.wait(20)
        return whole[box[0] : box[2], box[1] : box[3]]

    cache = TileCache(steps_of([whole.shape]), read, dtype=np.uint8)
    for top in (0, 512, 1024, 3072):
        cache.now(0, (slice(top, top + 512), slice(0, 512)))
        # the first is read meanwhile
        assert begun.wait(20)
    go.set()
    end = time.monotonic() + 20
    while len(order) < 4:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert order == [0, 3072, 1024, 512]
    cache.close()

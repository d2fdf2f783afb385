"""Objects that are found block by block are those that are found in the whole."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medseg.io.large_outlines import large_objects
from napari_medseg.io.outlines import fill, outlines
from napari_medseg.io.painted import objects_in


def found(labels, side, **wishes):
    def read(box):
        return labels[box[0] : box[2], box[1] : box[3]]

    return list(large_objects(read, labels.shape, side=side, **wishes))


def in_the_whole(labels):
    objects, label_of = objects_in(labels, None)
    shapes = outlines(objects)
    return [(label, shapes[one]) for one, label in label_of.items()]


def key(one):
    return repr(one)


masks = st.tuples(st.integers(1, 19), st.integers(1, 19)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from((0, 0, 1, 1, 2)))
)


@settings(deadline=None)
@given(masks, st.integers(1, 7))
def test_they_are_those_of_the_whole_to_the_point(labels, side):
    assert sorted(found(labels, side), key=key) == sorted(in_the_whole(labels), key=key)


@pytest.mark.parametrize("side", [3, 5, 64])
def test_a_spiral_over_all_blocks_is_one_object(side):
    labels = np.zeros((41, 41), np.uint8)
    y = x = 20
    for step in range(1, 20):
        dy, dx = ((0, 1), (1, 0), (0, -1), (-1, 0))[step % 4]
        for _ in range(2 * ((step + 1) // 2)):
            labels[y, x] = 7
            y, x = min(max(y + dy, 0), 40), min(max(x + dx, 0), 40)
    assert found(labels, side) == in_the_whole(labels)


@settings(deadline=None)
@given(masks, st.integers(2, 7))
def test_what_is_too_large_to_be_put_together_is_one_object_of_the_same_pixels(labels, side):
    objects = found(labels, side, most=4)
    assert len(objects) == len(in_the_whole(labels))
    painted = np.zeros_like(labels)
    for label, polygons in objects:
        for polygon in polygons:
            y, x = fill([np.array(ring, float) for ring in polygon], labels.shape)
            assert not painted[y, x].any()
            painted[y, x] = label
    assert np.array_equal(painted, labels)


def in_columns(mask):
    """Parts of three columns each, counted from the left end of an object."""
    columns = np.cumsum(mask.any(axis=0)) - 1
    return np.where(mask, columns[None] // 3 + 1, 0)


@settings(deadline=None)
@given(masks, st.integers(1, 7))
def test_what_touches_is_parted_by_the_object_whatever_the_blocks(labels, side):
    objects, label_of = objects_in(labels, None)
    wanted = []
    for one, label in label_of.items():
        mask = objects == one
        numbers = in_columns(mask)
        wanted += [(label, polygons) for polygons in outlines(numbers).values()]
    assert sorted(found(labels, side, parted=in_columns), key=key) == sorted(wanted, key=key)


def test_no_more_is_held_than_a_block_and_what_lies_over_rims():
    rng = np.random.default_rng(0)

    def read(box):
        part = np.zeros((box[2] - box[0], box[3] - box[1]), np.uint8)
        for y, x in rng.integers(0, 480, (40, 2)):
            part[y : y + 20, x : x + 20] = 1
        return part

    shares = []
    tracemalloc.start()
    try:
        count = sum(1 for _ in large_objects(read, (512, 15_000), side=512, progress=shares.append))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count > 200
    # numbers of all objects, int64, would take 60 MB
    assert peak < 20_000_000
    assert shares == sorted(shares)
    assert len(shares) == 30

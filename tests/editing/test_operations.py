"""One-step corrections: each does what its name says to one label, and nothing to the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_medseg.editing import operations as ops

EIGHT = np.ones((3, 3), bool)


def test_holes_are_filled_and_what_lies_in_them_stays():
    labels = np.zeros((20, 20), np.uint8)
    labels[3:17, 3:17], labels[6:12, 6:12], labels[8, 8] = 1, 0, 2
    filled = ops.fill_holes(labels, 1)
    assert (filled[3:17, 3:17] == 1).sum() == 14 * 14 - 1
    assert filled[8, 8] == 2


def test_a_cavity_open_to_the_next_slice_is_filled_slice_by_slice():
    labels = np.zeros((3, 9, 9), np.uint8)
    labels[:, 1:8, 1:8], labels[:, 4, 4] = 1, 0
    assert ops.fill_holes(labels, 1)[:, 4, 4].all()


def test_smoothing_takes_spikes_off_and_fills_notches():
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 10:30] = 3
    labels[20, 30:38], labels[10:16, 20] = 3, 0
    round_ = ops.smooth(labels, 3)
    assert not round_[20, 33:].any()
    assert round_[13, 20] == 3
    assert abs(int((round_ == 3).sum()) - 400) < 40


def test_small_pieces_go_and_the_largest_stays():
    labels = np.zeros((30, 30), np.uint8)
    labels[2:4, 2:4], labels[10:20, 10:20], labels[25:28, 25:28] = 1, 1, 1
    labels[0, 29] = 2
    assert (ops.keep_largest(labels, 1) == 1).sum() == 100
    assert (ops.remove_small(labels, 1, 5) == 1).sum() == 109
    assert ops.remove_small(labels, 1, 4).sum() == labels.sum()
    for out in (ops.keep_largest(labels, 1), ops.remove_small(labels, 1, 1000)):
        assert out[0, 29] == 2


def test_two_discs_that_touch_are_parted():
    yy, xx = np.mgrid[:60, :90]
    labels = ((np.hypot(yy - 30, xx - 30) < 16) | (np.hypot(yy - 30, xx - 58) < 16)).astype(np.uint8) * 4
    assert ndimage.label(labels)[1] == 1
    parted = ops.split(labels, 4)
    assert ndimage.label(parted)[1] == 2
    assert (parted != labels).sum() < 40  # a line, no more


def test_an_edge_parts_what_its_shape_does_not():
    labels = np.zeros((30, 61), np.uint8)
    labels[5:25, 5:56] = 1
    edges = np.zeros(labels.shape)
    edges[:, 30] = 1.0
    assert ndimage.label(ops.split(labels, 1, ndimage.gaussian_filter(edges, 1.5) * 3))[1] >= 2


def test_slices_between_drawn_ones_get_the_shape_between():
    labels = np.zeros((9, 40, 40), np.uint8)
    yy, xx = np.mgrid[:40, :40]
    labels[0], labels[8] = np.hypot(yy - 20, xx - 20) < 6, np.hypot(yy - 20, xx - 20) < 14
    labels[4, 0, 0] = 7
    between = ops.interpolate(labels, 1)
    areas = (between == 1).sum(axis=(1, 2))
    assert (np.diff(areas) > 0).all()
    assert areas[4] == pytest.approx(np.pi * 100, rel=0.05)
    assert between[4, 0, 0] == 7
    assert np.array_equal(between[[0, 8]], labels[[0, 8]])


def test_slices_across_any_axis_are_filled_and_told():
    labels = np.zeros((9, 40, 40), np.uint8)
    yy, xx = np.mgrid[:40, :40]
    labels[1], labels[5] = np.hypot(yy - 20, xx - 20) < 6, np.hypot(yy - 20, xx - 20) < 14
    wanted = ops.interpolate(labels, 1)
    assert ops.changed_slices(labels, wanted) == [2, 3, 4]
    for axis in (1, 2):
        turned = np.moveaxis(labels, 0, axis)
        filled = ops.interpolate(turned, 1, axis)
        assert np.array_equal(filled, np.moveaxis(wanted, 0, axis))
        assert ops.changed_slices(turned, filled, axis) == [2, 3, 4]


def test_with_fewer_than_two_drawn_slices_nothing_changes():
    labels = np.zeros((5, 8, 8), np.uint8)
    assert not ops.interpolate(labels, 1).any()
    labels[2, 3:5, 3:5] = 1
    assert np.array_equal(ops.interpolate(labels, 1), labels)


images = arrays(np.uint8, (12, 14), elements=st.integers(0, 2))


@settings(max_examples=40, deadline=None)
@given(labels=images, name=st.sampled_from(["fill_holes", "smooth", "keep_largest", "remove_small", "split"]))
def test_no_operation_touches_another_label_or_its_input(labels, name):
    before = labels.copy()
    more = {"remove_small": {"least": 4}}.get(name, {})
    after = getattr(ops, name)(labels, 1, **more)
    assert np.array_equal(labels, before)
    assert after.dtype == labels.dtype
    assert np.array_equal(after == 2, labels == 2)
    if name in ("fill_holes", "keep_largest", "remove_small"):
        # doing it twice is doing it once
        assert np.array_equal(getattr(ops, name)(after, 1, **more), after)

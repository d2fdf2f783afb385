"""From corrected slices to their neighbours: what moves, grows, ends, and what is never painted over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.editing import operations
from napari_medseg.editing.match import Known, depth_of, matched
from napari_medseg.editing.propagate import FAR, propagate


def tube(count=20, side=64, *, drift=1.0, radius=9.0, first=0, last=None, noise=0.05):
    """A bright disc that wanders through a noisy volume; its mask."""
    last = count - 1 if last is None else last
    yy, xx = np.mgrid[:side, :side]
    truth = np.zeros((count, side, side), np.uint8)
    for z in range(first, last + 1):
        truth[z] = np.hypot(yy - 20 - drift * z, xx - 32 - 4 * np.sin(z / 3)) < radius
    rng = np.random.default_rng(0)
    image = 100 + 200 * (0.5 * truth + noise * rng.normal(size=truth.shape))
    return image.astype(np.float32), truth


def on(truth, *sources):
    labels = np.zeros_like(truth)
    labels[list(sources)] = truth[list(sources)]
    return labels


def dice(one, other):
    return 2 * ((one == other) & (one > 0)).sum() / max(1, (one > 0).sum() + (other > 0).sum())


def test_what_wanders_is_followed_where_shapes_alone_stay_behind():
    image, truth = tube(21)
    sources = list(range(0, 21, 5))
    labels = on(truth, *sources)
    found = propagate(image, labels, sources, [1])
    assert found.filled == tuple(z for z in range(21) if z not in sources)
    assert dice(found.labels, truth) > 0.98
    assert dice(found.labels, truth) > dice(operations.interpolate(labels, 1), truth) + 0.02


def test_from_one_slice_it_goes_on_until_the_object_ends_and_says_where():
    image, truth = tube(20, drift=0.5, first=5, last=14)
    found = propagate(image, on(truth, 9), [9], [1])
    below, above = found.stops
    assert dice(found.labels, truth) > 0.9
    assert (below.source, above.source) == (9, 9)
    assert abs(below.last - 5) <= 1 and abs(above.last - 14) <= 1
    assert {below.why, above.why} <= {"empty", "edge", "unlike"}
    assert (below.at, above.at) == (below.last - 1, above.last + 1)


def test_it_ends_with_the_volume_and_never_goes_too_far():
    image, truth = tube(2 * FAR + 9, drift=0.0)
    middle = FAR + 4
    found = propagate(image, on(truth, middle), [middle], [1])
    assert [(stop.last, stop.why) for stop in found.stops] == [(middle - FAR, "far"), (middle + FAR, "far")]
    found = propagate(image, on(truth, 2), [2], [1])
    assert (found.stops[0].last, found.stops[0].why) == (0, "end")


def test_noise_beside_a_slice_is_not_followed():
    image, truth = tube(9, drift=0.0)
    image[5:] = np.random.default_rng(1).normal(200, 60, image[5:].shape)
    found = propagate(image, on(truth, 4), [4], [1])
    assert found.stops[1].last == 4 and found.stops[1].why in ("edge", "unlike", "empty")
    assert not found.labels[5:].any()
    assert found.labels[:4].any(axis=(1, 2)).all()


def test_a_network_that_agrees_is_heard_and_stops_it_where_it_says_otherwise():
    image, truth = tube(12, drift=0.0, noise=0.1)
    said = np.where(truth, 0.95, 0.05)
    said[9:] = 0.05
    found = propagate(image, on(truth, 5), [5], [1], probabilities={1: said})
    assert (found.stops[1].last, found.stops[1].at, found.stops[1].why) == (8, 9, "network")
    # one that knew the corrected slice wrongly says nothing
    wrong = np.roll(said, 25, axis=2)
    alone = propagate(image, on(truth, 5), [5], [1])
    found = propagate(image, on(truth, 5), [5], [1], probabilities={1: wrong})
    np.testing.assert_array_equal(found.labels, alone.labels)


def test_every_class_is_carried_and_no_other_painted_over():
    image, truth = tube(9, drift=0.0)
    truth[:, :, :32] *= 2
    image += 80 * (truth == 2)
    labels = on(truth, 0, 8)
    labels[4, 20:24, 30:34] = 7
    found = propagate(image, labels, [0, 8], [1, 2])
    assert dice(found.labels[[2, 6]], truth[[2, 6]]) > 0.9
    np.testing.assert_array_equal(found.labels == 7, labels == 7)
    assert set(np.unique(found.labels)) == {0, 1, 2, 7}


def test_a_proposal_on_the_neighbours_is_replaced_and_what_is_fixed_stays():
    image, truth = tube(9, drift=0.0)
    labels = on(truth, 0, 8)
    labels[3, 50:60, 50:60] = 1
    fixed = np.zeros(labels.shape, bool)
    fixed[4, :, 32:] = True
    found = propagate(image, labels, [0, 8], [1], fixed=fixed)
    assert not found.labels[3, 50:60, 50:60].any()
    assert not found.labels[4, :, 32:].any() and found.labels[4, :, :32].any()
    for source in (0, 8):
        np.testing.assert_array_equal(found.labels[source], labels[source])


def test_an_empty_corrected_slice_is_an_end():
    image, truth = tube(9, drift=0.0)
    found = propagate(image, on(truth, 2), [2, 6], [1])
    assert found.labels[3].any() and not found.labels[6:].any()
    assert [stop.source for stop in found.stops] == [2]


@pytest.mark.parametrize("axis", range(3))
def test_slices_may_lie_across_any_axis(axis):
    image, truth = tube(9)
    found = propagate(image, on(truth, 0, 8), [0, 8], [1])
    turned = propagate(np.moveaxis(image, 0, axis), np.moveaxis(on(truth, 0, 8), 0, axis), [0, 8], [1], axis=axis)
    np.testing.assert_array_equal(np.moveaxis(turned.labels, axis, 0), found.labels)


def test_a_large_object_is_matched_on_a_coarser_grid_and_keeps_its_rim():
    image, truth = tube(5, 400, drift=3.0, radius=120, noise=0.1)
    truth[:] = np.roll(truth, 120, axis=(1, 2))[..., :]
    image = (100 + 100 * truth + np.random.default_rng(0).normal(0, 10, truth.shape)).astype(np.float32)
    found = propagate(image, on(truth, 0, 4), [0, 4], [1])
    assert dice(found.labels, truth) > 0.98


@settings(deadline=None, max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32]),
)
def test_of_any_volume_corrected_slices_and_other_labels_stay(shape, seed, dtype):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 200, shape).astype(dtype)
    labels = rng.integers(0, 4, shape).astype(np.uint8)
    sources = sorted(set(rng.integers(0, shape[0], 2).tolist()))
    before = labels.copy()
    found = propagate(image, labels, sources, [1, 2])
    np.testing.assert_array_equal(labels, before)
    assert found.labels.shape == shape and found.labels.dtype == labels.dtype
    np.testing.assert_array_equal(found.labels[sources], labels[sources])
    np.testing.assert_array_equal(found.labels == 3, labels == 3)
    untouched = [z for z in range(shape[0]) if z not in found.filled]
    np.testing.assert_array_equal(found.labels[untouched], labels[untouched])


def test_nothing_to_carry_changes_nothing():
    image, truth = tube(4)
    for sources, numbers in (([], [1]), ([1], [5]), ([1], [])):
        found = propagate(image, truth, sources, numbers)
        np.testing.assert_array_equal(found.labels, truth)
        assert (found.filled, found.stops) == ((), ())


def test_values_that_are_none_do_not_spread():
    image, truth = tube(5, drift=0.0)
    image[2, :10] = np.nan
    image[2, 10:12] = np.inf
    found = propagate(image, on(truth, 0, 4), [0, 4], [1])
    assert dice(found.labels, truth) > 0.9


def test_depths_are_distances_from_the_rim():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    assert depth_of(mask)[4, 4] == 3 and depth_of(mask)[0, 4] == -2
    assert (depth_of(~mask & False) < 0).all() and (depth_of(mask | True) > 0).all()


def test_labels_move_to_where_the_image_looks_alike():
    rng = np.random.default_rng(0)
    texture = rng.random((40, 40)).astype(np.float32)
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    moved = np.roll(texture, 2, axis=1)
    depths, unlike = matched(moved, [Known(texture, depth_of(mask)[None], 1)])
    found = depths[0] > 0
    assert unlike[5:-5, 5:-5].max() < 1e-6
    assert dice(found.astype(int), np.roll(mask, 2, axis=1).astype(int)) > 0.99

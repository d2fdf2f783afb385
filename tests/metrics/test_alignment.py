"""Inverted and moved masks are noticed, sloppy ones are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg.metrics import dice
from napari_medseg.metrics.alignment import Fit, fit, moved, outliers, rim_contrast, rim_likeness


def blob(seed=0, shape=(150, 200)):
    """An irregular object."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 12)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(yy - 75, xx - 90) / 40 + noise * 8 < 1


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_that_fits_is_left_alone(seed):
    truth = blob(seed)
    # what a network and a hurried hand make of it
    for other in (ndimage.binary_erosion(truth, iterations=4), ndimage.shift(truth.astype(float), (3, -2)) > 0.5):
        found = fit(truth, other)
        assert not found.looks_inverted
        assert not found.looks_moved
        assert found.dice > 0.7


@pytest.mark.parametrize("seed", range(5))
def test_a_small_mask_is_not_the_inverse_of_what_a_network_found_too_much_of(seed):
    """As of a tumour of two per cent of the slice, and a network that takes half of the slice for one."""
    mask = np.zeros((128, 128), bool)
    y, x = np.random.default_rng(seed).integers(10, 100, 2)
    mask[y : y + 18, x : x + 18] = True
    found = np.zeros_like(mask)
    found[:, :80] = True
    assert not fit(mask, found).looks_inverted
    assert fit(~mask, mask).looks_inverted
    assert fit(mask, ~mask).looks_inverted


@pytest.mark.parametrize("seed", range(5))
def test_an_inverted_mask_is_noticed(seed):
    assert fit(~blob(seed), ndimage.binary_erosion(blob(seed), iterations=3)).looks_inverted


@pytest.mark.parametrize("move", [(30, 0), (0, -40), (25, 30)])
def test_a_moved_mask_is_noticed_and_told_how_far(move):
    moved = ndimage.shift(blob().astype(float), move, order=0) > 0.5
    found = fit(moved, blob())
    assert found.looks_moved
    assert np.hypot(found.move[0] + move[0], found.move[1] + move[1]) < 8


def test_empty_masks_and_a_network_that_finds_nothing_say_nothing():
    empty = np.zeros((40, 50), bool)
    for a, b in ((empty, empty), (empty, blob()[:40, :50]), (blob(), np.zeros_like(blob()))):
        found = fit(a, b)
        assert not found.looks_inverted
        assert not found.looks_moved


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_best_far_move_is_that_of_trying_all(seed):
    rng = np.random.default_rng(seed)
    a, b = (ndimage.gaussian_filter(rng.normal(size=(20, 24)), 2) > 0.05 for _ in range(2))
    if not a.any() or not b.any():
        return
    best = 0.0
    for dy in range(-19, 20):
        for dx in range(-23, 24):
            if np.hypot(dy, dx) >= 2:
                shifted = ndimage.shift(a.astype(np.uint8), (dy, dx), order=0) > 0
                # what left the picture counts as missed
                best = max(best, 2 * (shifted & b).sum() / (a.sum() + b.sum()))
    found = fit(a, b)
    assert found.moved == pytest.approx(best)
    assert found.dice == pytest.approx(dice(a, b))


def test_among_weak_fits_the_one_that_would_fit_better_elsewhere_stands_out():
    sound = [Fit(0.5 + n / 100, 0.2, 0.3, (9, 9)) for n in range(6)]
    spoilt, hard = Fit(0.25, 0.2, 0.35, (40, 0)), Fit(0.3, 0.3, 0.2, (9, 9))
    assert outliers([*sound[:2], spoilt, *sound[2:]]) == [2]
    assert outliers([*sound, hard]) == []
    # a network that knows nothing of these images finds everything in odd places
    assert outliers([Fit(0.1, 0.2, 0.3, (9, 9)) for _ in range(5)] + [Fit(0.0, 0.2, 0.6, (40, 0))]) == []
    # two masks cannot be held against each other
    assert outliers([sound[0], spoilt]) == []


def picture(mask, seed=0, inside=120, outside=60):
    noise = np.random.default_rng(seed).normal(0, 8, mask.shape)
    return ndimage.gaussian_filter(np.where(mask, inside, outside) + noise, 1)


@pytest.mark.parametrize("colours", [False, True])
def test_the_image_says_which_masks_do_not_lie_on_it(colours):
    masks = [blob(seed) for seed in range(6)]
    images = [picture(mask, seed) for seed, mask in enumerate(masks)]
    if colours:
        images = [np.stack([image, 255 - image, image], axis=-1) for image in images]
    given = [*masks[:4], ~masks[4], np.roll(masks[5], (60, 70), (0, 1))]
    contrasts = [rim_contrast(image, mask) for image, mask in zip(images, given, strict=True)]
    # put back, the moved one is as usual
    back = rim_contrast(images[5], moved(given[5], (-60, -70)))
    assert rim_likeness(back, contrasts) > 0.5
    likeness = [rim_likeness(contrast, contrasts) for contrast in contrasts]
    assert min(likeness[:4]) > 0.5
    assert likeness[4] < -0.5 < likeness[5] < 0.5
    # a sloppy hand does not matter
    contrasts[4:] = [rim_contrast(images[n], ndimage.binary_erosion(masks[n], iterations=2)) for n in (4, 5)]
    assert min(rim_likeness(contrast, contrasts) for contrast in contrasts) > 0.5


def test_what_has_no_rim_has_no_contrast():
    for mask in (np.zeros((20, 30), bool), np.ones((20, 30), bool)):
        assert (rim_contrast(np.random.default_rng(0).random((20, 30)), mask) == 0).all()
    # of two masks nobody knows what is usual
    assert rim_likeness(np.ones(3), [np.ones(3), np.ones(3)]) is None

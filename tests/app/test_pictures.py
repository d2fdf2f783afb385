"""Pictures of masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medseg.app.pictures import GAINED, LOST, NETWORK, TRUTH, compared, draw_contours, gained_and_lost
from napari_medseg.app.review import Comparison

MASKS = arrays(np.uint8, (7, 9), elements=st.integers(0, 2))


def row(image, truth, before, after):
    scores = dict.fromkeys(("dice_before", "dice_after", "hd95_before", "hd95_after"), 0.0)
    return Comparison(name="a", image=image, truth=truth, before=before, after=after, **scores)


def square(shape, y, x, side=10):
    mask = np.zeros(shape, np.uint8)
    mask[y : y + side, x : x + side] = 1
    return mask


def colours(picture):
    return {tuple(int(v) for v in colour) for colour in picture.reshape(-1, 3)}


def test_contours_of_both_masks():
    picture = draw_contours(np.zeros((40, 40)), square((40, 40), 5, 5), square((40, 40), 20, 20))
    assert colours(picture) == {(0, 0, 0), (64, 200, 90), (255, 170, 0)}


@given(MASKS, MASKS)
def test_what_differs_is_gained_or_lost_and_nothing_else_is(before, after):
    gained, lost = gained_and_lost(before, after)
    assert not (gained & lost).any()
    np.testing.assert_array_equal(gained | lost, before != after)
    assert not gained[after == 0].any()
    assert not lost[after > 0].any()
    # from the other side, what was gained is lost; another label is gained both ways
    back, forth = gained_and_lost(after, before)
    np.testing.assert_array_equal(forth, gained & (before == 0))
    assert (back >= lost).all()


def test_the_slider_goes_from_the_old_mask_to_the_new_one():
    shape = (40, 80)
    shown = compared(row(np.zeros(shape), square(shape, 20, 60), square(shape, 5, 5), square(shape, 5, 50)), side=80)
    old, new, half = shown.at(0), shown.at(1), shown.at(0.5)
    assert old.shape == (40, 80, 3)
    for picture, there, gone in ((old, 5, 50), (new, 50, 5)):
        assert tuple(picture[5, there]) == NETWORK
        assert tuple(picture[5, gone]) != NETWORK
    # left of the line is the old one's rim, right of it the new one's
    assert tuple(half[5, 5]) == tuple(half[5, 50]) == NETWORK
    for colour in (GAINED, LOST):
        tint = tuple(int(0.65 * one) for one in colour)
        assert any(np.allclose(one, tint, atol=1) for one in colours(old))
        assert any(np.allclose(one, tint, atol=1) for one in colours(new))
    assert TRUTH in colours(old)
    # beyond the ends are the ends
    np.testing.assert_array_equal(shown.at(-1), old)
    np.testing.assert_array_equal(shown.at(7), new)


@pytest.mark.parametrize("shape", [(20, 50), (2000, 500), (30, 30, 3), (1, 700)])
def test_a_picture_is_as_large_as_wanted(shape):
    mask = np.zeros(shape[:2], np.uint8)
    shown = compared(row(np.zeros(shape), mask, mask, mask), side=100)
    assert max(shown.at(0.5).shape) == 100
    assert shown.at(0.3).flags["C_CONTIGUOUS"]

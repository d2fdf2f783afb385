"""Background of slides is of one colour that is a grey."""

import numpy as np
import pytest

from napari_medseg.inference.tissue import empty_under, is_empty

NOISE = np.random.default_rng(0).normal(0, 0.008, (64, 64, 3)).astype(np.float32)


@pytest.mark.parametrize("grey", [0.0, 0.02, 0.5, 0.95, 1.0])
def test_glass_and_black_are_background(grey):
    assert is_empty(np.clip(grey + NOISE, 0, 1))
    assert is_empty(np.full((9, 9), grey, np.float32))


def test_a_speck_of_tissue_is_none():
    part = np.clip(0.95 + NOISE, 0, 1)
    part[10:20, 10:20] = (0.6, 0.3, 0.6)
    assert not is_empty(part)
    # pale, and all over
    assert not is_empty(np.clip(np.array((0.95, 0.83, 0.92), np.float32) + NOISE, 0, 1))
    grey = np.full((64, 64), 0.9, np.float32)
    grey[:10] = 0.7
    assert not is_empty(grey)


def test_what_a_small_picture_only_touches_counts():
    picture = np.full((20, 20, 3), 0.95, np.float32)
    picture[10, 10] = (0.6, 0.3, 0.6)
    assert empty_under(picture, (0, 0, 10, 10))
    assert not empty_under(picture, (0, 0, 10.2, 10.2))
    assert not empty_under(picture, (10.4, 10.4, 10.6, 10.6))
    assert empty_under(picture, (19.9, 19.9, 19.95, 19.95))

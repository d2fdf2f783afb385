"""How greys and colours become what a network sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.inference.normalize import CAMERA, to_rgb01, white_of

RANDOM = np.random.default_rng(0)
EIGHT = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
DARK = RANDOM.integers(0, 50, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("eight", [EIGHT, DARK, EIGHT * 0, np.dstack([EIGHT, EIGHT[..., 0]])])
def test_a_picture_in_colour_is_the_same_in_eight_and_in_sixteen_bits(eight):
    np.testing.assert_array_equal(to_rgb01(eight.astype(np.uint16) * 257), to_rgb01(eight))


@given(st.integers(0, 65535), st.booleans())
def test_sixteen_bits_are_by_their_full_range_only_in_colour_and_beyond_a_camera_s(high, colour):
    data = np.array([[0, 1, high]] * 2, np.uint16)
    data = np.dstack([data] * 3) if colour else data
    assert white_of(data, colour=colour) == (65535 if colour and high > CAMERA else None)


def test_twelve_bits_of_a_camera_in_sixteen_are_stretched():
    data = RANDOM.integers(0, 4096, (20, 30, 3)).astype(np.uint16)
    assert to_rgb01(data).max() == 1
    # a measurement in grey, too, wherever it ends
    grey = RANDOM.integers(1000, 40000, (20, 30)).astype(np.uint16)
    assert (to_rgb01(grey).min(), to_rgb01(grey).max()) == (0, 1)

"""A large image is seen by a network as a small one is."""

from pathlib import Path

import numpy as np
import pytest

from napari_medseg.app.slide_plan import _ends, to01
from napari_medseg.app.volume_run import _greys
from napari_medseg.inference.normalize import to_rgb01
from napari_medseg.inference.slices import ends_of
from napari_medseg.io import Grid
from napari_medseg.io.large import Large, LargeFacts, Level

RANDOM = np.random.default_rng(0)
EIGHT = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        EIGHT,
        EIGHT.astype(np.uint16) * 257,
        EIGHT.astype(np.uint16) * 250 + 3,
        EIGHT.astype(np.uint16) * 9,
        EIGHT[..., 0],
        EIGHT[..., 0].astype(np.uint16) * 257,
        EIGHT[..., 0].astype(np.int16) * 7 - 500,
        (EIGHT / 300).astype(np.float32),
        np.where(EIGHT[..., 0] > 250, np.inf, EIGHT[..., 0]).astype(np.float32),
        np.where(EIGHT[..., 0] > 250, np.nan, EIGHT[..., 0] / 1000).astype(np.float32),
    ],
)
def test_an_image_in_parts_is_seen_as_a_whole_one(data):
    channels = 3 if data.ndim == 3 else 0
    found = to01(data, _ends(data, channels))
    whole = to_rgb01(data)
    np.testing.assert_allclose(found if channels else np.dstack([found] * 3), whole, atol=1e-6)


class InMemory(Large):
    """A volume."""

    def __init__(self, data):
        levels = (Level(data.shape, (1.0, 1.0, 1.0)),)
        super().__init__(Path(), LargeFacts(levels=levels, channels=0, dtype=data.dtype, grid=Grid(data.shape)))
        self.data = data

    def _read(self, at, level):
        return self.data[at]

    def close(self):
        """Nothing is open."""


@pytest.mark.parametrize("scale", [1, 0.001, 40])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_slices_of_a_large_volume_are_seen_as_those_of_a_small_one(dtype, scale):
    volume = (RANDOM.integers(0, 200, (5, 4, 4)) * scale).astype(dtype)
    wanted = ends_of(volume) or (0.0, 1.0)
    assert _greys(InMemory(np.repeat(np.repeat(volume, 4, 1), 4, 2)), slices=True) == pytest.approx(wanted)

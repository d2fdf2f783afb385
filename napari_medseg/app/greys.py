"""Which values of an image larger than memory are black and white: taken once, of all of it, for each part of it."""

from __future__ import annotations

import math

import numpy as np

from napari_medseg.inference.normalize import PERCENTILES, between, ends_of
from napari_medseg.io.large import Large
from napari_medseg.networks import get_spec
from napari_medseg.weights import WeightsEntry

Greys = tuple[float, float]

# px of the small picture that stands for an image: a level that has no more
MOST_SEEN = 16_000_000
# voxels of a level that stands for a volume; slices that are looked at, and every so manieth row and column of them
_DEEP_SEEN, _SLICES, _EACH = 64_000_000, 24, 4
# px that are scaled at a time
_AT_ONCE = 4_000_000


def greys_for(large: Large, entry: WeightsEntry) -> Greys:
    """Values that a network sees as black and white in any part of a large image.

    The same rule as for small images, so that a part that is learned from is seen as it is when it is proposed on.

    Raises
    ------
    ImageReadError
        If it cannot be read.
    """
    if get_spec(entry.network).input.ndim == 2:
        return greys_of(large)
    if entry.window is not None:
        return entry.window
    # networks for volumes go by the percentiles, whatever the dtype
    values = _some(large)
    values = values[np.isfinite(values)].astype(np.float32)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, PERCENTILES))
    return (low, high) if high > low else _apart(float(values.min()), float(values.max()))


def greys_of(large: Large, small: np.ndarray | None = None) -> Greys:
    """As :func:`greys_for`, of any network for images.

    Parameters
    ----------
    small : np.ndarray, optional
        A level that stands for all of it, where it was read anyway.
    """
    if large.dtype == np.uint8:
        return 0.0, 255.0
    values = _some(large) if small is None else small
    ends = ends_of(values, colour=large.channels > 0)
    if ends is not None:
        return ends
    # what was looked at is all one value: that is black
    value = next((float(one) for one in values.ravel()[:1] if np.isfinite(one)), 0.0)
    return _apart(value, value)


def shown(data: np.ndarray, greys: Greys) -> np.ndarray:
    """Values as float32 in [0, 1], some rows at a time: a level may be large."""
    rows = max(1, _AT_ONCE // max(1, math.prod(data.shape[1:])))
    return np.concatenate([between(data[first : first + rows], greys) for first in range(0, len(data), rows)])


def small_level(large: Large) -> int | None:
    """The largest level of an image that is small enough to be read whole; None where there is none."""
    return next((n for n, one in enumerate(large.levels) if math.prod(one.shape) <= MOST_SEEN), None)


def _some(large: Large) -> np.ndarray:
    """Values from all over an image: of its small level; where it has none, of parts of the full one."""
    if large.volume:
        return _slices(large)
    level = small_level(large)
    if level is not None:
        return large.read((0, 0, *large.levels[level].shape), level)
    rows, columns = large.shape
    parts = [
        large.read((y, x, min(rows, y + 256), min(columns, x + 256))).ravel()[::7]
        for y in range(0, rows, max(1, rows // 12))
        for x in range(0, columns, max(1, columns // 12))
    ]
    return np.concatenate(parts)


def _slices(volume: Large) -> np.ndarray:
    level = next(
        (n for n, one in enumerate(volume.levels) if n and math.prod(one.shape) <= _DEEP_SEEN), len(volume.levels) - 1
    )
    depth, rows, columns = volume.levels[level].shape
    return np.concatenate(
        [
            volume.read((z, 0, 0, z + 1, rows, columns), level)[0, ::_EACH, ::_EACH].ravel()
            for z in np.unique(np.linspace(0, depth - 1, _SLICES).astype(int)).tolist()
        ]
    )


def _apart(low: float, high: float) -> Greys:
    """Two values that differ."""
    return (low, high) if high > low else (low, low + max(1.0, abs(low) * 1e-6))

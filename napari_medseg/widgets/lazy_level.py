"""A level of a picture of any size as napari and scripts see it: an array that reads only what is asked for."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from napari_medseg.app.tile_cache import TileCache

# of napari, what paints: it gets what is in memory, coarser where need be, and is told when the rest is there
PAINTS = "napari.layers."


class LazyLevel:
    """A level, or a part of one that was cut out by indices and is not read yet.

    ``np.asarray`` reads it as it is. Only napari's own slicing, which runs where the window is painted, gets what is
    in memory at once.

    Parameters
    ----------
    cache : TileCache
    level : int
    """

    def __init__(
        self,
        cache: TileCache,
        level: int,
        *,
        axes: tuple[slice | int, ...] | None = None,
        channels: Any = None,
    ) -> None:
        self._cache, self._level = cache, level
        whole = tuple(slice(0, side) for side in cache.steps[level].shape)
        self._axes = whole if axes is None else axes
        # of the last axis of colours; None: there is none
        self._channels = (slice(None) if channels is None else channels) if cache.channels else None

    @property
    def dtype(self) -> np.dtype:
        """As of the file."""
        return self._cache.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X), (Y, X, C) or (Z, Y, X), without the axes that were cut across."""
        shape = tuple(axis.stop - axis.start for axis in self._axes if isinstance(axis, slice))
        if isinstance(self._channels, slice):
            return (*shape, len(range(*self._channels.indices(self._cache.channels))))
        return shape

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """How many bytes it would take."""
        return self.size * self.dtype.itemsize

    @property
    def cache(self) -> TileCache:
        """Of whose tiles it is."""
        return self._cache

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        plain = all(
            isinstance(one, int | np.integer) or (isinstance(one, slice) and one.step in (None, 1)) for one in keys
        )
        if not plain or len(keys) != self.ndim:
            # steps, masks, lists of indices: of what is read
            return np.asarray(self)[key]
        axes: list[slice | int] = []
        for axis in self._axes:
            axes.append(axis if isinstance(axis, int) else _cut(axis, keys.pop(0)))
        channels = self._channels
        if isinstance(channels, slice) and keys:
            last = keys.pop(0)
            numbers = range(self._cache.channels)[channels]
            picked = numbers[last]
            channels = picked if isinstance(picked, int) else slice(picked.start, picked.stop)
        return LazyLevel(self._cache, self._level, axes=tuple(axes), channels=channels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        box = tuple(axis if isinstance(axis, slice) else slice(axis, axis + 1) for axis in self._axes)
        painted = self._cache.came is not None
        paints = painted and str(sys._getframe(1).f_globals.get("__name__", "")).startswith(PAINTS)
        if paints and self.shape == self._cache.live_shape(self._level) and dtype in (None, self.dtype):
            # napari keeps what it gets of this one
            return self._cache.live()
        data = self._cache.now(self._level, box) if paints else self._cache.read(self._level, box)
        index = tuple(slice(None) if isinstance(axis, slice) else 0 for axis in self._axes)
        data = data[index]
        if self._channels is not None:
            data = data[..., self._channels]
        return np.asarray(data, dtype)


def _cut(axis: slice, key: Any) -> slice | int:
    """A part of a span, as a span."""
    if isinstance(key, slice):
        start, stop, _ = key.indices(axis.stop - axis.start)
        return slice(axis.start + start, axis.start + max(start, stop))
    number = int(key)
    length = axis.stop - axis.start
    if not -length <= number < length:
        raise IndexError(number)
    return axis.start + number % length

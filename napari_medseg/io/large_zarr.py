"""OME-Zarr read in parts, by zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.large import Large, LargeFacts, Level
from napari_medseg.io.ome_zarr_find import find
from napari_medseg.io.ome_zarr_meta import Lie, Picture
from napari_medseg.io.zarr_array import Facts, facts_of
from napari_medseg.io.zarr_store import Store

GONE_TOLD = "of its {} levels {} cannot be read: the others are used."
SPARSE_TOLD = "{} of its {} chunks are not there, and are read as empty."
MOST_CHUNK = 1 << 28


class LargeZarr(Large):
    """See :func:`open_zarr`."""

    title = "OME-Zarr"

    def __init__(self, path: Path, facts: LargeFacts, kept: Any, arrays: list[Any], lies: list[tuple[Any, ...]]):
        super().__init__(path, facts)
        self._kept, self._arrays, self._lies = kept, arrays, lies

    def _read(self, at: tuple[slice, ...], level: int) -> np.ndarray:
        whole, parts = self._lies[level], iter(at)
        colours = self.channels > 0
        # the first full slice is the colours', if there are some
        first = colours
        index: list[Any] = []
        for one in whole:
            if isinstance(one, slice):
                index.append(slice(None) if first else next(parts))
                first = False
            else:
                index.append(one)
        data = np.asarray(self._arrays[level][tuple(index)])
        data = data.astype(self.dtype, copy=False)
        return np.moveaxis(data, 0, -1) if colours else data

    def close(self) -> None:
        """Let go of the store."""
        self._kept.close()


def open_zarr(path: Path) -> Large:
    """OME-Zarr of any size; errors are those of :func:`napari_medseg.io.large.open_large`."""
    import zarr

    with told_as_damaged(path, "OME-Zarr"), Store(path) as store:
        group, picture, facts, lie = find(store, path, mask=False)
        levels, lies, gone = [Level(lie.grid.shape, (1.0,) * len(lie.grid.shape))], [lie.at], 0
        found = [_checked(path, facts)]
        for name in picture.smaller:
            try:
                one = _checked(path, facts_of(store, f"{group}/{name}" if group else name, path))
                level = _level(lie, facts, one)
            except (ImageReadError, KeyError, TypeError, ValueError):
                gone += 1
                continue
            if level.down[-1] > levels[-1].down[-1]:
                levels.append(level)
                lies.append(lie.at)
                found.append(one)
        told: tuple[str, ...] = (GONE_TOLD.format(len(picture.smaller) + 1, gone),) if gone else ()
        told += _empty(path, facts, picture)
        zipped = store.zipped
    kept: Any = zarr.storage.ZipStore(path, mode="r") if zipped else zarr.storage.LocalStore(path, read_only=True)
    with told_as_damaged(path, "OME-Zarr"):
        arrays = [zarr.open_array(kept, path=one.name, mode="r", zarr_format=one.format) for one in found]
    large = LargeFacts(
        levels=tuple(levels),
        channels=3 if lie.colours else 0,
        dtype=facts.dtype.newbyteorder("="),
        grid=lie.grid,
        told=told,
    )
    return LargeZarr(path, large, kept, arrays, lies)


def _checked(path: Path, facts: Facts) -> Facts:
    size = int(np.prod([float(n) for n in facts.chunk]))
    if size > MOST_CHUNK:
        raise ImageReadError(
            f"{path} has chunks of {' x '.join(map(str, facts.chunk))} px; expected at most {MOST_CHUNK} px each. "
            "Export it again in smaller ones."
        )
    return facts


def _level(lie: Lie, full: Facts, one: Facts) -> Level:
    """How a further array lies: along the same axes, smaller."""
    if len(one.shape) != len(full.shape) or one.dtype != full.dtype:
        raise ValueError("another kind of array")
    kept = [n for n, at in enumerate(lie.at) if isinstance(at, slice)][-len(lie.grid.shape) :]
    shape = tuple(one.shape[n] for n in kept)
    down = tuple(full.shape[n] / one.shape[n] for n in kept)
    if min(down) < 1:
        raise ValueError("larger than the full level")
    return Level(shape, down)


def _empty(path: Path, facts: Facts, picture: Picture) -> tuple[str, ...]:
    missing = facts.expected - len(facts.files)
    if missing <= 0:
        return ()
    if not facts.files and not picture.is_labels:
        raise ImageReadError(
            f"{path} has none of its {facts.expected} chunks; expected some. It was not copied to its end: copy or "
            "export it again."
        )
    return () if picture.is_labels else (SPARSE_TOLD.format(missing, facts.expected),)

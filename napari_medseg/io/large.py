"""Images and volumes too large to be read whole: any part of them, at any level of their pyramid."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from napari_medseg.errors import ShapeError
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.image import IN_MM, Grid

# so many pixels of an image, and voxels of a volume, are read whole and no more
MOST_WHOLE, MOST_VOXELS = 8192 * 8192, 1_000_000_000
# px that are read at a time at most, whatever is asked for
MOST_READ = 400_000_000

Part = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a pyramid.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) or (Z, Y, X), px.
    down : tuple of float
        Pixels of the full level for each of this one, by axis; 1 or more.
    """

    shape: tuple[int, ...]
    down: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFacts:
    """What a large image is, by its header.

    Parameters
    ----------
    levels : tuple of Level
        The full one first, each smaller than the one before.
    channels : int
        0 of grey, 3 of colours.
    dtype : np.dtype
    grid : Grid
        Of the full level.
    told : tuple of str
        As :class:`napari_medseg.io.Image` has it.
    """

    levels: tuple[Level, ...]
    channels: int
    dtype: np.dtype[Any]
    grid: Grid
    told: tuple[str, ...] = field(default=())


class Large(ABC):
    """An image (Y, X[, 3]) or a volume (Z, Y, X) on the disk. Safe to read from several threads.

    Parameters
    ----------
    path : Path
    facts : LargeFacts
    """

    # named in what is said of a damaged one
    title = "image"

    def __init__(self, path: Path, facts: LargeFacts) -> None:
        self.path, self.facts = path, facts
        self._lock = threading.Lock()

    def __enter__(self) -> Large:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def levels(self) -> tuple[Level, ...]:
        """The full one first."""
        return self.facts.levels

    @property
    def channels(self) -> int:
        """0 of grey, 3 of colours."""
        return self.facts.channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is read."""
        return self.facts.dtype

    @property
    def grid(self) -> Grid:
        """Of the full level."""
        return self.facts.grid

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of how it is read."""
        return self.facts.told

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X) of the full level, px."""
        return self.levels[0].shape

    @property
    def volume(self) -> bool:
        """Whether this is a volume."""
        return len(self.shape) == 3

    @property
    def pixel_um(self) -> float | None:
        """Side of a pixel of the full level, micrometres, the mean of y and x; None where nobody measured it."""
        grid = self.grid
        if grid.spacing is None or grid.unit not in IN_MM or grid.printed:
            return None
        return 1e3 * IN_MM[grid.unit] * (grid.spacing[-2] + grid.spacing[-1]) / 2

    def read(self, box: Part, level: int = 0) -> np.ndarray:
        """A part.

        Parameters
        ----------
        box : tuple of int
            (y0, x0, y1, x1) or (z0, y0, x0, z1, y1, x1), half-open, px of that level, inside it.
        level : int

        Returns
        -------
        np.ndarray
            (rows, columns[, 3]) or (slices, rows, columns), of :attr:`dtype`.

        Raises
        ------
        ShapeError
            If the box is empty, not inside, or larger than what is read at a time.
        ImageReadError
            If a piece of the file is damaged or missing.
        """
        shape = self.levels[level].shape
        half = len(shape)
        lows, highs = box[:half], box[half:]
        inside = len(box) == 2 * half and all(
            0 <= low < high <= n for low, high, n in zip(lows, highs, shape, strict=False)
        )
        if not inside or prod(high - low for low, high in zip(lows, highs, strict=False)) > MOST_READ:
            raise ShapeError(
                f"box is {tuple(box)}; expected a part of the {' x '.join(map(str, shape))} px of level {level}, of at "
                f"most {MOST_READ} px. Read it in parts."
            )
        at = tuple(slice(int(low), int(high)) for low, high in zip(lows, highs, strict=True))
        with told_as_damaged(self.path, self.title):
            found = self._read(at, level)
        return np.ascontiguousarray(found)

    @abstractmethod
    def _read(self, at: tuple[slice, ...], level: int) -> np.ndarray:
        """The part of a level; whatever it raises is told as damage."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def level_for(self, pixel_um: float | None) -> int:
        """The smallest level whose pixels are not larger than these, micrometres; the full one where nobody knows."""
        own = self.pixel_um
        if own is None or pixel_um is None:
            return 0
        fine = [n for n, one in enumerate(self.levels) if own * one.down[-1] <= pixel_um * 1.01]
        return max(fine, default=0)


def large_shape(shape: tuple[int, ...]) -> bool:
    """Whether an image (Y, X) or a volume (Z, Y, X) of this shape is read in parts only."""
    return prod(shape) > (MOST_WHOLE if len(shape) == 2 else MOST_VOXELS)

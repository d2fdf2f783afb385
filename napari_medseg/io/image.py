"""An image as read: its array and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the voxels of a file lie in the patient, kept so that a mask can lie on them again.

    Parameters
    ----------
    affine : np.ndarray
        (4, 4), from the file's voxel indices to mm.
    orientation : np.ndarray
        (3, 2), nibabel's: how the file's axes were turned when it was read.
    """

    affine: np.ndarray
    orientation: np.ndarray


@dataclass(frozen=True, slots=True)
class Image:
    """A 2D image or a volume.

    Parameters
    ----------
    data : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4), or (Z, Y, X) where there is a grid; dtype as in the file.
    spacing : tuple of float or None
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``; None where the file says nothing.
    unit : str
        ``mm``, ``um`` or ``px``.
    source : Path or None
    grid : Grid or None
        Of a volume.
    """

    data: np.ndarray
    spacing: tuple[float, ...] | None = None
    unit: str = "px"
    source: Path | None = None
    grid: Grid | None = None

    @property
    def volume(self) -> bool:
        """Whether this is a volume."""
        return self.grid is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X)."""
        return tuple(int(n) for n in (self.data.shape if self.volume else self.data.shape[:2]))

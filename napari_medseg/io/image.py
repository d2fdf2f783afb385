"""An image as read: its array and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Image:
    """A 2D image.

    Parameters
    ----------
    data : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4); dtype as in the file.
    spacing : tuple of float or None
        Size of a pixel (y, x) in ``unit``; None where the file says nothing.
    unit : str
        ``mm``, ``um`` or ``px``.
    source : Path or None
    """

    data: np.ndarray
    spacing: tuple[float, float] | None = None
    unit: str = "px"
    source: Path | None = None

    @property
    def shape2d(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.data.shape[0]), int(self.data.shape[1])

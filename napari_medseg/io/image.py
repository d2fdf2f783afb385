"""An image as read: its array and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


# how rows and columns lie, by EXIF's and TIFF's tag 274: whether they change places first, and which are then mirrored
TURNS = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}
SIDEWAYS = tuple(turn for turn, (swapped, _) in TURNS.items() if swapped)


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
    numbered : bool
        The file says that its values are labels, not greys: 255 is then no white.
    """

    data: np.ndarray
    spacing: tuple[float, ...] | None = None
    unit: str = "px"
    source: Path | None = None
    grid: Grid | None = None
    numbered: bool = False

    @property
    def volume(self) -> bool:
        """Whether this is a volume."""
        return self.grid is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X)."""
        return tuple(int(n) for n in (self.data.shape if self.volume else self.data.shape[:2]))

    def upright(self, orientation: int) -> Image:
        """This image with its first row on top, as tag 274 of its file says it is looked at; others stay as they are.

        Parameters
        ----------
        orientation : int
            1 to 8; anything else is no orientation.
        """
        if orientation not in TURNS:
            return self
        swapped, mirrored = TURNS[orientation]
        data = np.flip(self.data.swapaxes(0, 1) if swapped else self.data, mirrored)
        spacing = self.spacing[::-1] if swapped and self.spacing else self.spacing
        return replace(self, data=np.ascontiguousarray(data), spacing=spacing)

"""NIfTI read in parts, by nibabel: of a file that is not compressed, only what is asked for is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.large import Large, LargeFacts, Level
from napari_medseg.io.limits import check_stored
from napari_medseg.io.nifti_header import grid_of
from napari_medseg.io.nifti_open import open_header


class LargeNifti(Large):
    """See :func:`open_nifti`."""

    title = "NIfTI"

    def __init__(self, path: Path, facts: LargeFacts, file: Any, orientation: np.ndarray) -> None:
        super().__init__(path, facts)
        self._file, self._orientation = file, orientation

    def _read(self, at: tuple[slice, ...], level: int) -> np.ndarray:
        import nibabel

        # (x, y, z) of RAS from (z, y, x); then the file's own axes, some of which run the other way
        wanted = at[::-1]
        stored: list[slice] = []
        for axis, (to, flip) in enumerate(self._orientation):
            part, n = wanted[int(to)], int(self._file.shape[axis])
            stored.append(slice(n - part.stop, n - part.start) if flip < 0 else part)
        more = (0,) * (len(self._file.shape) - 3)
        # nibabel's reader keeps one place in the file
        with self._lock:
            data = np.asanyarray(self._file.dataobj[tuple(stored) + more])
        turned = nibabel.orientations.apply_orientation(data, self._orientation)
        return turned.transpose().astype(self.dtype, copy=False)

    def close(self) -> None:
        """Nothing is open between reads."""


def open_nifti(path: Path) -> Large:
    """A NIfTI volume of any size; errors are those of :func:`napari_medseg.io.large.open_large`."""
    if path.name.lower().endswith(".gz"):
        raise ImageReadError(
            f"{path} is compressed as a whole, so that no part of it can be read by itself; expected .nii for volumes "
            "larger than memory. Unpack it (gunzip), or convert it to OME-Zarr."
        )
    with told_as_damaged(path, "NIfTI"):
        file, shape = open_header(path)
        if len(shape) != 3 or len(file.shape) < 3:
            raise ImageReadError(f"{path} has shape {file.shape}; expected one volume with three axes.")
        stored = file.dataobj
        check_stored(path, int(stored.offset) + int(np.prod([int(n) for n in shape])) * stored.dtype.itemsize)
        grid, orientation = grid_of(path, file, shape)
        scaled = float(stored.slope) != 1 or float(stored.inter) != 0
        dtype = np.dtype(np.float64 if scaled else stored.dtype).newbyteorder("=")
    if dtype.kind not in "uif":
        raise ImageReadError(f"{path} holds {dtype}; expected real numbers. Export it again so.")
    levels = (Level(grid.shape, (1.0,) * 3),)
    return LargeNifti(path, LargeFacts(levels=levels, channels=0, dtype=dtype, grid=grid), file, orientation)

"""A volume as a file has it, turned so that its axes run to the right, the front and the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_medseg.io.image import Grid, usable_sizes

# an affine that squeezes one direction so much more than another is no geometry
LEAST_VOLUME = 1e-6
# and no patient is so far off, mm
FARTHEST = 1e12
# DICOM's and ITK's axes run to the left, the back and the head
LPS = np.diag((-1.0, -1.0, 1.0, 1.0))


def is_place(affine: np.ndarray) -> bool:
    """Whether an affine (4, 4) puts voxels of some size into three directions."""
    # squares of larger ones are no numbers
    if not np.isfinite(affine).all() or np.abs(affine).max() > FARTHEST:
        return False
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not usable_sizes(sizes.tolist()):
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / sizes)) > LEAST_VOLUME)


def axes_of(affine: np.ndarray) -> str:
    """How the axes of a file run, such as ``LPS``."""
    from nibabel import orientations

    return "".join(str(code) for code in orientations.aff2axcodes(affine))


@dataclass(frozen=True, slots=True, eq=False)
class ToRas:
    """How the axes of a file come to run along (x, y, z) of RAS.

    Parameters
    ----------
    orientation : np.ndarray
        nibabel's (3, 2): which axis of the patient each of the file is, and whether it runs the other way.
    grid : Grid
        Of the turned array, (Z, Y, X).
    """

    orientation: np.ndarray
    grid: Grid

    @classmethod
    def of(cls, shape: tuple[int, ...], affine: np.ndarray, *, unit: str = "mm", **more: Any) -> ToRas:
        """Of a file's axes and the affine from its indices to mm of RAS, which is a place.

        Parameters
        ----------
        shape : tuple of int
            (X, Y, Z) as the file counts them.
        affine : np.ndarray
            (4, 4).
        more
            Of the :class:`Grid`.

        Raises
        ------
        ValueError
            If no direction is nearest to some axis of the patient.
        """
        from nibabel import orientations

        orientation = orientations.io_orientation(affine)
        if np.isnan(orientation).any():
            raise ValueError("an axis without a direction")
        back = orientations.inv_ornt_aff(orientation, shape)
        turned = tuple(shape[int(axis)] for axis in np.argsort(orientation[:, 0]))
        return cls(orientation, Grid.of_affine(turned[::-1], affine @ back, unit=unit, **more))

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """(X, Y, Z) of the file, turned: (Z, Y, X) of RAS, contiguous."""
        from nibabel import orientations

        return np.ascontiguousarray(orientations.apply_orientation(data, self.orientation).transpose())

    def back(self, data: np.ndarray) -> np.ndarray:
        """(Z, Y, X) of RAS as the file has it: (X, Y, Z)."""
        from nibabel import orientations

        there = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), self.orientation)
        return np.ascontiguousarray(orientations.apply_orientation(data.transpose(), there))

"""Where the slices of a DICOM volume lie: their order, and one affine for all of them. Numbers only, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.io.image import usable_sizes
from napari_medseg.io.ras import LPS, is_place

# no voxel may lie farther from where an affine has it, in voxels: as of masks on their images
OFF = 0.1
# directions that are no farther from right angles, or from each other: headers round them to six digits, or to three
ANGLE = 2e-3
# of a voxel: slices no farther from each other are at one place
SAME = 1e-3


class PlaceError(Exception):
    """Why slices are no volume: what is there and what was expected, for a sentence that begins with the file."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Where one slice lies, as DICOM has it: mm, x to the left, y to the back, z up.

    Parameters
    ----------
    position : tuple of float
        (x, y, z) of the middle of its first pixel.
    directions : tuple of float
        Along a row, in which columns count, (3,); and along a column, (3,): unit vectors.
    spacing : tuple of float
        (y, x): between rows, and between columns.
    shape : tuple of int
        (rows, columns).
    """

    position: tuple[float, ...]
    directions: tuple[float, ...]
    spacing: tuple[float, float]
    shape: tuple[int, int]

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit vector across it."""
        return np.cross(self.directions[:3], self.directions[3:])

    def usable(self) -> bool:
        """Whether these are numbers that can be a place."""
        numbers = np.array([*self.position, *self.directions, *self.spacing], float)
        if not (len(self.position) == 3 and len(self.directions) == 6 and np.isfinite(numbers).all()):
            return False
        along, down = np.array(self.directions[:3]), np.array(self.directions[3:])
        lengths = np.linalg.norm(along), np.linalg.norm(down)
        return bool(usable_sizes(self.spacing) and np.allclose(lengths, 1, atol=ANGLE) and abs(along @ down) < ANGLE)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices one on the other.

    Parameters
    ----------
    order : tuple of int
        Which slice is the first, the second and so on, along the normal.
    affine : np.ndarray
        (4, 4), from (column, row, slice) to mm of RAS.
    """

    order: tuple[int, ...]
    affine: np.ndarray


def stack(slices: Sequence[Slice]) -> Stack:
    """Sort slices along their normal, and find the affine that sends each to its place.

    Slices of a tilted gantry lie one on the other aslant: the affine shears, and nothing is resampled.

    Parameters
    ----------
    slices : sequence of Slice
        Two or more, no two at one place.

    Raises
    ------
    PlaceError
        If they differ in size or direction, or do not follow each other evenly.
    """
    first = slices[0]
    if not all(one.usable() for one in slices):
        raise PlaceError("has a slice that says of its place what is none; expected directions at right angles")
    if len({one.shape for one in slices}) > 1:
        sizes = sorted({one.shape for one in slices})
        raise PlaceError(f"has slices of {_sides(sizes[0])} and {_sides(sizes[-1])} px; expected one size")
    if not all(np.allclose(one.directions, first.directions, atol=ANGLE) for one in slices):
        raise PlaceError("has slices in several directions; expected one, as of a volume")
    if not all(np.allclose(one.spacing, first.spacing, rtol=1e-2) for one in slices):
        raise PlaceError("has slices of several pixel sizes; expected one")
    places = np.array([one.position for one in slices], float)
    order = np.argsort(places @ first.normal, kind="stable")
    places = places[order]
    along = places @ first.normal
    _check_even(np.diff(along))
    step = (places[-1] - places[0]) / (len(slices) - 1)
    rows, columns = first.spacing
    lps = np.eye(4)
    lps[:3, 0] = np.array(first.directions[:3]) * columns
    lps[:3, 1] = np.array(first.directions[3:]) * rows
    lps[:3, 2], lps[:3, 3] = step, places[0]
    affine = LPS @ lps
    if not is_place(affine):
        raise PlaceError("puts its slices nowhere; expected voxels of some size in three directions")
    even = places[0] + np.arange(len(slices))[:, None] * step
    off = np.abs(np.linalg.solve(lps[:3, :3], (places - even).T)).max()
    if off > OFF:
        raise PlaceError(
            f"has a slice that lies {off:.2g} voxels beside the line of the others; expected at most {OFF:g}"
        )
    return Stack(tuple(int(n) for n in order), affine)


def _check_even(steps: np.ndarray) -> None:
    """Each slice is as far from the next; what is missing is told as that."""
    # of two that are one gap apart, the smaller
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    if usual <= 0 or steps.min() < SAME * usual:
        raise PlaceError(
            f"has several slices at one place, {int((steps <= max(SAME * usual, 0)).sum())} times, as phases, echoes "
            "or times of one volume have; expected one slice at each place"
        )
    wide = steps / usual
    if np.abs(wide - 1).max() <= OFF:
        return
    gaps = wide > 1.5
    if gaps.any() and np.abs(wide - np.round(wide)).max() <= OFF:
        missing = int((np.round(wide) - 1).sum())
        raise PlaceError(f"has gaps: {missing} slice(s) are missing among {len(steps) + 1}; expected all of them")
    raise PlaceError(
        f"has slices from {steps.min():.4g} to {steps.max():.4g} mm apart; expected one distance, as nothing is "
        "resampled"
    )


def _sides(shape: tuple[int, int]) -> str:
    return f"{shape[1]} x {shape[0]}"

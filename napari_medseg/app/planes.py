"""The three planes of a volume: how they are called, how they are looked at, and where a voxel lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.editing.operations import changed_slices
from napari_medseg.io import Grid
from napari_medseg.io.orientation import OPPOSITE, Letters
from napari_medseg.words import mark, tr, trn

# of each plane: its name, the sides above and to the left on the screen, as radiologists look at it
_VIEWS = {"S": (mark("Axial"), "A", "R"), "A": (mark("Coronal"), "S", "R"), "R": (mark("Sagittal"), "S", "A")}
_POSITIVE = {"R": "R", "L": "R", "A": "A", "P": "A", "S": "S", "I": "S"}
_UNNAMED = (mark("Plane x-y"), mark("Plane x-z"), mark("Plane y-z"))


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane of a volume (z, y, x), as it is looked at.

    Attributes
    ----------
    axis : int
        Across which one pages.
    name : str
    rows, columns : int
        The axes that run down and to the right.
    up, left : bool
        The rows run up instead, the columns to the left.
    """

    axis: int
    name: str
    rows: int
    columns: int
    up: bool = False
    left: bool = False

    def cut(self, data: np.ndarray, index: int) -> np.ndarray:
        """A slice (rows, columns) of a volume as it is looked at; a view, which costs nothing."""
        cut = np.moveaxis(data, (self.axis, self.rows, self.columns), (0, 1, 2))[index]
        return cut[:: -1 if self.up else 1, :: -1 if self.left else 1]

    def on_screen(self, point: Sequence[float], shape: Sequence[int]) -> tuple[float, float]:
        """Where a voxel (z, y, x) lies in :meth:`cut`: (row, column), whole numbers are the middles of pixels."""
        row, column = point[self.rows], point[self.columns]
        return (
            shape[self.rows] - 1 - row if self.up else row,
            shape[self.columns] - 1 - column if self.left else column,
        )

    def voxel(self, row: float, column: float, point: Sequence[float], shape: Sequence[int]) -> tuple[float, ...]:
        """The voxel (z, y, x) that :meth:`on_screen` puts there, on the slice of ``point``; never outside."""
        found = list(point)
        found[self.rows] = shape[self.rows] - 1 - row if self.up else row
        found[self.columns] = shape[self.columns] - 1 - column if self.left else column
        return tuple(min(max(value, 0), size - 1) for value, size in zip(found, shape, strict=True))


def planes_of(letters: Letters | None) -> tuple[Plane, Plane, Plane]:
    """The planes across the axes (z, y, x): as radiologists look at them, or where no sides are known, as they lie."""
    rest = ((1, 2), (0, 2), (0, 1))
    if letters is None:
        one, two, three = (Plane(axis, _UNNAMED[axis], *rest[axis]) for axis in range(3))
        return one, two, three
    along = [_POSITIVE[letter] for letter in letters]
    found = []
    for axis in range(3):
        name, above, leftmost = _VIEWS[along[axis]]
        rows, columns = along.index(_POSITIVE[above]), along.index(_POSITIVE[leftmost])
        found.append(Plane(axis, name, rows, columns, up=letters[rows] == above, left=letters[columns] == leftmost))
    return found[0], found[1], found[2]


def edge_letters(
    letters: Letters | None, rows: int, columns: int, *, up: bool, left: bool
) -> tuple[str, str, str, str] | None:
    """The sides of the patient at the top, bottom, left and right edge of a picture; None where they are not known.

    Parameters
    ----------
    letters : tuple of str or None
        To which side each axis runs.
    rows, columns : int
        The axes that are seen.
    up, left : bool
        The rows run up on the screen, the columns to the left.
    """
    if letters is None:
        return None
    down, right = letters[rows], letters[columns]
    vertical = (down, OPPOSITE[down]) if up else (OPPOSITE[down], down)
    return (*vertical, *((right, OPPOSITE[right]) if left else (OPPOSITE[right], right)))


# a voxel that is smaller, mm, was seen through a microscope
_SMALL = 0.05


def position_text(grid: Grid, index: Sequence[int], letters: Letters | None) -> str:
    """Where a voxel (z, y, x) lies, in voxels and in mm, of a microscope's in µm, and how large the voxels are.

    Where the sides of the patient are known, the mm are the file's own; otherwise they begin at the first voxel.
    """
    z, y, x = index
    text = tr("Voxel {x}, {y}, {z} (x, y, z)", x=x, y=y, z=z)
    sizes = grid.spacing_mm
    if sizes is None:
        return f"{text}. {tr('The size of a voxel is not known.')}"
    unit, times = ("µm", 1e3) if max(sizes) < _SMALL else ("mm", 1.0)
    sizes = tuple(size * times for size in sizes)
    if letters is not None and grid.affine is not None:
        place = (grid.affine @ (x, y, z, 1))[:3] * times
        sides = zip(("R", "A", "S"), place, strict=True)
        told = ", ".join(f"{OPPOSITE[side] if value < 0 else side} {abs(value):.1f}" for side, value in sides)
    else:
        told = ", ".join(f"{i * size:.1f}" for i, size in zip((x, y, z), reversed(sizes), strict=True))
    return tr(
        "{voxel}: {place} {unit}. A voxel is {size} {unit}.",
        voxel=text,
        place=told,
        unit=unit,
        size=" × ".join(f"{size:.4g}" for size in reversed(sizes)),
    )


def changed_text(what: str, before: np.ndarray, after: np.ndarray, axis: int | None) -> str:
    """What an operation changed: so many pixels or, across an axis of a volume, which slices it filled.

    Slices are counted as people see them, on napari's slider: from 0, beside the number of the last.
    """
    changed = int((after != before).sum())
    if not changed:
        return tr("{what}: nothing to change.", what=what)
    if axis is None:
        return trn("{what}: {n} pixel changed.", "{what}: {n} pixels changed.", changed, what=what)
    slices = changed_slices(before, after, axis)
    fields = {"slices": runs_text(slices), "last": before.shape[axis] - 1}
    return trn("Filled slice {slices} of {last}.", "Filled slices {slices} of {last}.", len(slices), **fields)


def runs_text(numbers: Sequence[int]) -> str:
    """Ascending whole numbers, neighbours as runs: ``3, 5 to 8 and 12``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [str(run[0]) if len(run) == 1 else tr("{first} to {last}", first=run[0], last=run[-1]) for run in runs]
    return tr(" and ").join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)

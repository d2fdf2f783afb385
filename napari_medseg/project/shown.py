"""What cases show, held in memory and changed in its place: a stroke costs what it changes, however deep the volume.

Nothing here is the truth: that is in the tiles, and whatever is missing here is read from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_medseg.project.records import Box

# bytes; the oldest go first
MOST_SHOWN, MOST_SIDES = 256_000_000, 64_000_000


@dataclass(frozen=True, slots=True)
class Side:
    """What a box holds on one side of a stroke: before it, or after it.

    Parameters
    ----------
    cursor : int
        The stroke as of which that is.
    box : tuple of int
        (y0, x0, y1, x1), half-open, px.
    labels : np.ndarray or None
        (rows, columns) of the box, uint8; None: they are the same on both sides.
    touched : np.ndarray or None
        Bits of (rows, columns), see :func:`numpy.packbits`: what a person changed; None: nobody has asked yet.
    """

    cursor: int
    box: Box
    labels: np.ndarray | None
    touched: np.ndarray | None

    @property
    def nbytes(self) -> int:
        """Of the arrays."""
        return sum(array.nbytes for array in (self.labels, self.touched) if array is not None)


@dataclass(slots=True)
class Shown:
    """Labels (rows, X) uint8 of a case as of a stroke, and which of them a person changed: None until someone asks."""

    case_id: int
    cursor: int
    labels: np.ndarray
    touched: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Of the arrays, the second counted from the start."""
        return 2 * self.labels.nbytes

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, X)."""
        return self.labels.shape[0], self.labels.shape[1]

    def side(self, box: Box, *, labels: bool = True) -> Side:
        """What a box holds now; without ``labels`` only what a person changed."""
        part = inside(box)
        touched = None if self.touched is None else np.packbits(self.touched[part])
        return Side(self.cursor, box, self.labels[part].copy() if labels else None, touched)

    def put(self, side: Side) -> None:
        """Make a box hold that."""
        part = inside(side.box)
        if side.labels is not None:
            self.labels[part] = side.labels
        if self.touched is not None:
            # what is unknown of a part is unknown of the whole
            self.touched = None if side.touched is None else self._with(part, side.touched)
        self.cursor = side.cursor

    def _with(self, part: tuple[slice, slice], bits: np.ndarray) -> np.ndarray | None:
        assert self.touched is not None
        shape = self.touched[part].shape
        self.touched[part] = np.unpackbits(bits, count=shape[0] * shape[1]).view(bool).reshape(shape)
        return self.touched


class ShownMemory:
    """The cases that were shown last; one at least, however large."""

    def __init__(self, most: int = MOST_SHOWN) -> None:
        self._most = most
        self._cases: dict[int, Shown] = {}

    def take(self, case_id: int) -> Shown | None:
        """Of a case, which is not remembered any more: whoever changes it puts it back when it is whole again."""
        return self._cases.pop(case_id, None)

    def put(self, shown: Shown) -> Shown:
        """Remember it as the last one."""
        self._cases.pop(shown.case_id, None)
        self._cases[shown.case_id] = shown
        while len(self._cases) > 1 and sum(each.nbytes for each in self._cases.values()) > self._most:
            self._cases.pop(next(iter(self._cases)))
        return shown


class Sides:
    """The other sides of the last strokes, as far as they fit: to undo one, or to take that back."""

    def __init__(self, most: int = MOST_SIDES) -> None:
        self._most, self._held = most, 0
        self._strokes: dict[int, Side] = {}

    def put(self, stroke: int, side: Side) -> None:
        """Remember what a stroke's box held, or will hold again."""
        self._held -= getattr(self._strokes.pop(stroke, None), "nbytes", 0)
        if side.nbytes > self._most:
            # it would push all others out
            return
        self._held += side.nbytes
        self._strokes[stroke] = side
        while self._held > self._most:
            self._held -= self._strokes.pop(next(iter(self._strokes))).nbytes

    def get(self, stroke: int, cursor: int) -> Side | None:
        """The side of a stroke as of a cursor; None where it is not remembered, or the other one is."""
        side = self._strokes.get(stroke)
        return side if side is not None and side.cursor == cursor else None


def inside(box: Box) -> tuple[slice, slice]:
    """Index of the pixels in a box."""
    return slice(box[0], box[2]), slice(box[1], box[3])

"""Strokes on large cases: each stores the pixels that it sets, so that what lies under them may come later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.project.boxes import check_part, clipped, in_rows, part_of
from napari_medseg.project.labels import changed_box, stacked, within
from napari_medseg.project.records import Box, Part
from napari_medseg.project.shown import inside
from napari_medseg.project.sparse import Sparse
from napari_medseg.project.stroke_rows import insert_stroke, note_stroke
from napari_medseg.project.touched import ACCEPTED, PROPOSAL, UNLOCK, WITHDRAWN
from napari_medseg.project.way import DIGEST, PART, STORE, Stored


class LargeStrokes:
    """Rows and tiles of strokes on large cases, inside the caller's transaction.

    Parameters
    ----------
    path : Path
        The project's folder.
    sparse : Sparse
    """

    def __init__(self, path: Path, sparse: Sparse) -> None:
        self._path, self._sparse = path, sparse

    def stroke(
        self,
        db: Any,
        case_id: int,
        place: tuple[int, tuple[int, ...]],
        labels: np.ndarray,
        box: Box | None,
        *,
        kind: str,
        origin: Mapping[str, Any] | None,
        seen: np.ndarray | None,
    ) -> int | None:
        """As :meth:`LabelStore.commit_stroke`; the case stands at ``place``: its stroke, and its shape.

        A proposal sets all of its box, also where it says what was there, but for what a person changed or accepted.
        """
        cursor, shape = place
        part, box = part_of(labels, _plain(check_part(case_id, shape, box)), stacked(shape), shape)
        held = self._sparse.held(case_id, shape, cursor, box)
        if kind == PROPOSAL:
            mark = ~held.touched & ~self._sparse.kept(case_id, shape, cursor, box)
        else:
            mark = part != (held.labels if seen is None else _like(seen, part))
            # what is there already by now is nobody's change
            mark &= part != held.labels
            found = changed_box(mark, np.zeros_like(mark))
            if found is None:
                return None
            part, mark, box = part[inside(found)], mark[inside(found)], within(box, found)
        stroke = insert_stroke(db, case_id, cursor, kind, box, origin)
        self._sparse.write(db, stroke, shape, box, part, mark)
        note_stroke(db, case_id, stroke, kind, box, origin)
        return stroke

    def accept(self, db: Any, case_id: int, place: tuple[int, tuple[int, ...]], part: Part, labels: np.ndarray) -> int:
        """Accept a box by axes with these labels: no proposal changes it from here on; the stroke that says so."""
        return self._judge(db, case_id, place, ACCEPTED, part, labels)

    def withdraw(self, db: Any, case_id: int, place: tuple[int, tuple[int, ...]], part: Part) -> int:
        """Take that back; its labels stay as they are until the next proposal."""
        return self._judge(db, case_id, place, WITHDRAWN, part, None)

    def _judge(
        self,
        db: Any,
        case_id: int,
        place: tuple[int, tuple[int, ...]],
        kind: str,
        part: Part,
        labels: np.ndarray | None,
    ) -> int:
        cursor, shape = place
        rows = list(in_rows(part, shape))
        box = (rows[0][0], rows[0][1], rows[-1][2], rows[-1][3])
        origin = {PART: list(part)}
        stroke = insert_stroke(db, case_id, cursor, kind, box, origin)
        if labels is not None:
            self._sparse.write_accepted(db, stroke, shape, part, labels)
        note_stroke(db, case_id, stroke, kind, box, None)
        return stroke

    @staticmethod
    def unlock(db: Any, case_id: int, place: tuple[int, tuple[int, ...]], box: Box | None) -> int:
        """As :meth:`LabelStore.unlock`."""
        cursor, shape = place
        box = clipped(box or (0, 0, *stacked(shape)), stacked(shape))
        stroke = insert_stroke(db, case_id, cursor, UNLOCK, box, None)
        note_stroke(db, case_id, stroke, UNLOCK, box, None)
        return stroke

    def base(
        self, db: Any, case_id: int, place: tuple[int, tuple[int, ...]], store: Path, origin: Mapping[str, Any]
    ) -> int:
        """As :meth:`LabelStore.set_base`."""
        cursor, shape = place
        folder = store.resolve()
        if not folder.is_relative_to(self._path) or folder == self._path:
            raise InputError(
                f"{store} is not in {self._path}; expected a folder of the project, so that both move together. "
                "Write the labels there."
            )
        found = LabelBlocks(folder)
        if found.shape != shape:
            raise ShapeError(f"{store} has shape {found.shape}; expected the image's {shape}. Use its own labels.")
        stored = Stored(folder.relative_to(self._path).as_posix(), found.digest)
        told = {**origin, STORE: stored.folder, DIGEST: stored.digest}
        box = (0, 0, *stacked(shape))
        stroke = insert_stroke(db, case_id, cursor, PROPOSAL, box, told)
        note_stroke(db, case_id, stroke, PROPOSAL, box, told)
        return stroke


def _plain(part: Part | None) -> Box:
    """Of a stroke, boxes lie over the rows of all slices."""
    if part is None or len(part) != 4:
        raise ShapeError(f"box is {part}; expected (y0, x0, y1, x1) over the rows of all slices. Draw in one slice.")
    return (part[0], part[1], part[2], part[3])


def _like(seen: np.ndarray, part: np.ndarray) -> np.ndarray:
    if seen.shape != part.shape:
        raise ShapeError(f"what was seen has shape {seen.shape}; expected that of the box, {part.shape}.")
    return seen

"""What is drawn and proposed on the cases of a project. A part of :class:`Project`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.large import large_shape
from napari_medseg.project import queries
from napari_medseg.project.boxes import check_part, clipped, part_of
from napari_medseg.project.by_hand import ByHand
from napari_medseg.project.current import Current
from napari_medseg.project.database import Database
from napari_medseg.project.labels import changed_box, stacked, within, write_tiles
from napari_medseg.project.large_strokes import LargeStrokes
from napari_medseg.project.records import Box, Part
from napari_medseg.project.shown import Shown, Side, inside
from napari_medseg.project.sparse import Sparse
from napari_medseg.project.stroke_rows import insert_stroke, note_stroke, step_back
from napari_medseg.project.touched import PROPOSAL, UNLOCK, keep_touched


class LabelStore:
    """What cases show, and strokes on them. Of a large case no more is ever held than the box that is asked for.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path, self._db = path, db
        self.current, self.sparse = Current(path, db), Sparse(path, db)
        self._strokes = LargeStrokes(path, self.sparse)

    def labels(self, case_id: int, box: Part | None = None, *, whole: bool = False) -> np.ndarray:
        """The current labels: a copy, (Y, X) or (Z, Y, X) uint8; of a box alone (rows, columns).

        Of a volume a box may also be (z0, y0, x0, z1, y1, x1). Where a proposal in a folder is not done yet, gone or
        damaged, there is only what was drawn: see :meth:`base_problem`. With ``whole``, damage and loss are errors.

        Raises
        ------
        InputError
            If the case is large and there is no box, or too large a one.
        ProjectError
            If a tile is damaged; the message names it.
        """
        with self._db.alone():
            part, shape, cursor = self._part(case_id, box)
            if large_shape(shape) and part is not None:
                return self.sparse.held(case_id, shape, cursor, part, whole=whole).labels
            return self._copy(self.current.of(case_id).labels, part, shape)

    def touched(self, case_id: int, box: Part | None = None) -> np.ndarray:
        """Pixels that a person changed: proposals leave them as they are. A copy as :meth:`labels` gives it, bool.

        Raises
        ------
        InputError
            If the case is large and there is no box, or too large a one.
        ProjectError
            If a tile is damaged; the message names it.
        """
        with self._db.alone():
            part, shape, cursor = self._part(case_id, box)
            if large_shape(shape) and part is not None:
                return self.sparse.held(case_id, shape, cursor, part).touched
            return self._copy(self.current.touched(self.current.of(case_id)), part, shape)

    def by_hand(self, case_id: int) -> ByHand:
        """What of a volume a person drew themselves, up to what is shown.

        Raises
        ------
        ShapeError
            If the case is no volume.
        InputError
            If it is large.
        ProjectError
            If a tile is damaged.
        """
        cursor, shape = self.current.place(case_id)
        if len(shape) != 3:
            raise ShapeError(f"case {case_id} has shape {shape}; expected a volume (Z, Y, X). Choose one.")
        check_part(case_id, shape, None)
        return self.current.by_hand_at(cursor, (shape[0], shape[1], shape[2]))

    def proposed(self, case_id: int, box: Part | None = None) -> np.ndarray | None:
        """What the newest proposal below the current labels left, as :meth:`labels` gives it; None: there is none."""
        with self._db.alone():
            part, shape, cursor = self._part(case_id, box)
            row = self._db.row(queries.PROPOSED, cursor)
            if row is None or row[0] is None:
                return None
            if large_shape(shape) and part is not None:
                return self.sparse.held(case_id, shape, int(row[0]), part).labels
            return self._copy(self.current.labels_at(int(row[0]), stacked(shape)), part, shape)

    def _part(self, case_id: int, box: Part | None) -> tuple[Part | None, tuple[int, ...], int]:
        """The part that is meant (None: all), the shape of the case, and the stroke as of which it is shown."""
        cursor, shape = self.current.place(case_id)
        return check_part(case_id, shape, box), shape, cursor

    def _large(self, case_id: int) -> bool:
        return large_shape(self.current.place(case_id)[1])

    @staticmethod
    def _copy(rows: np.ndarray, part: Part | None, shape: tuple[int, ...]) -> np.ndarray:
        if part is None:
            return rows.reshape(shape).copy()
        if len(part) == 4:
            return rows[inside((part[0], part[1], part[2], part[3]))].copy()
        z0, y0, x0, z1, y1, x1 = part
        return rows.reshape(shape)[z0:z1, y0:y1, x0:x1].copy()

    # ---- strokes -------------------------------------------------------------------------------------------------

    def commit_stroke(
        self,
        case_id: int,
        labels: np.ndarray,
        *,
        box: Box | None = None,
        tool: str = "brush",
        origin: Mapping[str, Any] | None = None,
        aside: bool = False,
        seen: np.ndarray | None = None,
    ) -> int | None:
        """Store what changed as one stroke, on the disk when this returns.

        Parameters
        ----------
        case_id : int
        labels : np.ndarray
            (Y, X) or (Z, Y, X) uint8 of the whole image, or (rows, columns) of the box alone.
        box : tuple of int, optional
            (y0, x0, y1, x1), half-open, px; only there is compared. Default: the whole image; a large case needs one.
        tool : str
            What was used.
        origin : mapping, optional
            Of a proposal.
        aside : bool
            What is shown stays; redo shows the stroke.
        seen : np.ndarray, optional
            Of a large case, whose proposal may come meanwhile: what the box held when it was drawn in, as ``labels``.
            Only what differs from it was drawn. Default: what the project holds by now.

        Returns
        -------
        int or None
            The stroke's number; None where nothing changed.

        Raises
        ------
        ShapeError
            If the labels fit neither image nor box, or hold more than 0 to 255.
        InputError
            If the case is large and there is no box, or too large a one.
        OutputError
            If it cannot be stored; then nothing is.
        """
        if self._large(case_id):
            with self._db.transaction() as db:
                place = self.current.place(case_id)
                told = self._strokes.stroke(db, case_id, place, labels, box, kind=tool, origin=origin, seen=seen)
                if aside and told is not None:
                    step_back(db, case_id, told, place[0])
            return told
        # one writer at a time from reading what was before to changing it in memory, after the commit
        with self._db.alone():
            with self._db.transaction() as db:
                shown = self.current.of(case_id)
                part, box = part_of(labels, box, shown.shape, self.current.place(case_id)[1])
                before, touched = shown.labels[inside(box)], None
                if tool == PROPOSAL:
                    touched = self.current.touched(shown)[inside(box)]
                found = changed_box(before, part, touched)
                if found is None and tool != PROPOSAL:
                    return None
                found = found or (0, 0, 0, 0)
                part, before, box = part[inside(found)], before[inside(found)], within(box, found)
                if touched is not None:
                    touched = touched[inside(found)]
                    part = keep_touched(part, before, touched)
                elif shown.touched is not None:
                    touched = shown.touched[inside(box)] | (before != part)
                was = shown.side(box)
                bits = None if touched is None else np.packbits(touched)
                stroke = self._add_stroke(db, shown, tool, box, part, origin)
                if aside:
                    step_back(db, case_id, stroke, shown.cursor)
                    return stroke
            # takes no memory: what is on the disk must not seem to have failed
            self.current.show(shown, Side(stroke, box, part, bits), was)
        return stroke

    def unlock(self, case_id: int, box: Box | None = None) -> int:
        """Let later proposals change what a person drew, as a stroke that can be undone; its number.

        Parameters
        ----------
        box : tuple of int, optional
            (y0, x0, y1, x1), half-open, px; only there. Default: everywhere.

        Raises
        ------
        OutputError
            If it cannot be stored.
        """
        if self._large(case_id):
            with self._db.transaction() as db:
                return self._strokes.unlock(db, case_id, self.current.place(case_id), box)
        with self._db.alone():
            with self._db.transaction() as db:
                shown = self.current.of(case_id)
                box = clipped(box or (0, 0, *shown.shape), shown.shape)
                self.current.touched(shown)
                was = shown.side(box, labels=False)
                assert was.touched is not None
                none = np.zeros_like(was.touched)
                stroke = self._add_stroke(db, shown, UNLOCK, box, shown.labels[inside(box)], None)
            self.current.show(shown, Side(stroke, box, None, none), was)
        return stroke

    def _add_stroke(
        self, db: Any, shown: Shown, kind: str, box: Box, part: np.ndarray, origin: Mapping[str, Any] | None
    ) -> int:
        stroke = insert_stroke(db, shown.case_id, shown.cursor, kind, box, origin)
        if kind != UNLOCK:
            write_tiles(db, stroke, shown.labels, part, box)
        note_stroke(db, shown.case_id, stroke, kind, box, origin)
        return stroke

    def set_proposal(
        self, case_id: int, labels: np.ndarray, origin: Mapping[str, Any], *, box: Box | None = None
    ) -> int:
        """Replace the labels by a network's, as a stroke that can be undone; what a person changed stays as it is.

        Parameters
        ----------
        labels : np.ndarray
            (Y, X) uint8, or (rows, columns) of the box alone.
        origin : mapping
            Network, weights, sha256, ...
        box : tuple of int, optional
            As :meth:`commit_stroke` takes it.

        Raises
        ------
        InputError, ShapeError, OutputError
            As :meth:`commit_stroke`.
        """
        stroke = self.commit_stroke(case_id, labels, box=box, tool=PROPOSAL, origin=origin)
        assert stroke is not None  # a proposal is stored even where it changes nothing
        return stroke

    def offer_proposal(
        self, case_id: int, labels: np.ndarray, origin: Mapping[str, Any], *, over: int | None = None
    ) -> bool:
        """Store a proposal that was asked for a while ago. Over a mask that was accepted since, it is not shown.

        It is kept all the same: redo shows it.

        Parameters
        ----------
        over : int, optional
            The accepted mask that it was asked to replace, as :meth:`accepted_revision` told then.

        Returns
        -------
        bool
            Whether it is shown.

        Raises
        ------
        ShapeError, OutputError
            As :meth:`commit_stroke`.
        """
        with self._db.alone():
            row = self._db.row(queries.ACCEPTED, case_id)
            stays = row is not None and row[0] != over
            self.commit_stroke(case_id, labels, tool=PROPOSAL, origin=origin, aside=stays)
        return not stays

    def set_aside(self, case_id: int, labels: np.ndarray, origin: Mapping[str, Any], *, box: Box | None = None) -> None:
        """Keep a proposal in the history and show what is shown; redo shows it.

        Raises
        ------
        InputError, ShapeError, OutputError
            As :meth:`commit_stroke`.
        """
        self.commit_stroke(case_id, labels, box=box, tool=PROPOSAL, origin=origin, aside=True)

    def set_base(self, case_id: int, store: Path, origin: Mapping[str, Any]) -> int:
        """Replace the labels of a large case by a network's that lie in a folder, as a stroke that can be undone.

        The folder may still be written: what is done of it is shown. What a person changed stays as it is.

        Parameters
        ----------
        store : Path
            Made by :class:`~napari_medseg.io.label_blocks.LabelBlocks`, inside the project's folder.
        origin : mapping
            Network, weights, sha256, ...; the folder and the digest of what it is made by are put in.

        Returns
        -------
        int
            The stroke's number.

        Raises
        ------
        InputError
            If the case is not large, or the folder lies outside the project or holds no labels.
        ShapeError
            If they are of another shape.
        OutputError
            If it cannot be stored.
        """
        if not self._large(case_id):
            raise InputError(f"case {case_id} is held as a whole; expected a large one. Store its labels themselves.")
        with self._db.transaction() as db:
            return self._strokes.base(db, case_id, self.current.place(case_id), store, origin)

    def base_problem(self, case_id: int) -> str | None:
        """Why the labels of the proposal that is shown cannot be read, in one sentence; None where they can.

        What was drawn can be read all the same.
        """
        with self._db.alone():
            cursor, shape = self.current.place(case_id)
            return self.sparse.problem(case_id, cursor) if large_shape(shape) else None

    def base_done(self, case_id: int) -> tuple[int, int] | None:
        """Of the proposal in a folder that is shown: blocks that are done, and all of them; None where there is none.

        Raises
        ------
        ProjectError
            If it is gone or damaged.
        """
        with self._db.alone():
            cursor, shape = self.current.place(case_id)
            return self.sparse.done(case_id, cursor) if large_shape(shape) else None

    def base_problems(self) -> list[str]:
        """What is wrong with any proposal that lies in a folder, a sentence each: all that is done of them is read."""
        with self._db.alone():
            return self.sparse.problems()

"""The labels of a project's cases: strokes, undo, revisions. A part of :class:`Project`."""

from __future__ import annotations

import json
import operator
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import InputError, ProjectError, ShapeError
from napari_medseg.io.mask import MANUAL
from napari_medseg.project import history, queries, seals
from napari_medseg.project.by_hand import ByHand
from napari_medseg.project.current import Current
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import FILE_NAME, Database
from napari_medseg.project.labels import changed_box, labels_sha256, stacked, within, write_tiles
from napari_medseg.project.records import Box, Revision
from napari_medseg.project.shown import Shown, Side, inside
from napari_medseg.project.touched import PROPOSAL, UNLOCK, Made, keep_touched, made_by, with_tools


class LabelStore:
    """What is drawn, undone and accepted.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path, self._db = path, db
        self._current = Current(path, db)
        self._corrected: dict[int, bool] = {}

    def labels(self, case_id: int, box: Box | None = None) -> np.ndarray:
        """The current labels: a copy, (Y, X) or (Z, Y, X) uint8; of a box alone (rows, columns).

        Raises
        ------
        ProjectError
            If a tile is damaged; the message names it.
        """
        with self._db.alone():
            return self._copy(case_id, self._current.of(case_id).labels, box)

    def touched(self, case_id: int, box: Box | None = None) -> np.ndarray:
        """Pixels that a person changed: proposals leave them as they are. A copy as :meth:`labels` gives it, bool.

        Raises
        ------
        ProjectError
            If a tile is damaged; the message names it.
        """
        with self._db.alone():
            return self._copy(case_id, self._current.touched(self._current.of(case_id)), box)

    def by_hand(self, case_id: int) -> ByHand:
        """What of a volume a person drew themselves, up to what is shown.

        Raises
        ------
        ShapeError
            If the case is no volume.
        ProjectError
            If a tile is damaged.
        """
        cursor, shape = self._current.place(case_id)
        if len(shape) != 3:
            raise ShapeError(f"case {case_id} has shape {shape}; expected a volume (Z, Y, X). Choose one.")
        return self._current.by_hand_at(cursor, (shape[0], shape[1], shape[2]))

    def proposed(self, case_id: int) -> np.ndarray | None:
        """What the newest proposal below the current labels left: (Y, X) or (Z, Y, X) uint8; None: there is none."""
        cursor, shape = self._current.place(case_id)
        row = self._db.row(queries.PROPOSED, cursor)
        found = None if row is None or row[0] is None else int(row[0])
        return None if found is None else self._current.labels_at(found, stacked(shape)).reshape(shape)

    def _copy(self, case_id: int, rows: np.ndarray, box: Box | None) -> np.ndarray:
        return (rows.reshape(self._current.place(case_id)[1]) if box is None else rows[inside(box)]).copy()

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
    ) -> int | None:
        """Store what changed as one stroke, on the disk when this returns.

        Parameters
        ----------
        case_id : int
        labels : np.ndarray
            (Y, X) or (Z, Y, X) uint8 of the whole image, or (rows, columns) of the box alone.
        box : tuple of int, optional
            (y0, x0, y1, x1), half-open, px; only there is compared. Default: the whole image.
        tool : str
            What was used.
        origin : mapping, optional
            Of a proposal.
        aside : bool
            What is shown stays; redo shows the stroke.

        Returns
        -------
        int or None
            The stroke's number; None where nothing changed.

        Raises
        ------
        ShapeError
            If the labels fit neither image nor box, or hold more than 0 to 255.
        OutputError
            If it cannot be stored; then nothing is.
        """
        # one writer at a time from reading what was before to changing it in memory, after the commit
        with self._db.alone():
            with self._db.transaction() as db:
                shown = self._current.of(case_id)
                part, box = _part(labels, box, shown.shape, self._current.place(case_id)[1])
                before, touched = shown.labels[inside(box)], None
                if tool == PROPOSAL:
                    touched = self._current.touched(shown)[inside(box)]
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
                    self._step_back(db, case_id, stroke, shown.cursor)
                    return stroke
            # takes no memory: what is on the disk must not seem to have failed
            self._current.show(shown, Side(stroke, box, part, bits), was)
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
        with self._db.alone():
            with self._db.transaction() as db:
                shown = self._current.of(case_id)
                box = _clipped(box or (0, 0, *shown.shape), shown.shape)
                self._current.touched(shown)
                was = shown.side(box, labels=False)
                assert was.touched is not None
                none = np.zeros_like(was.touched)
                stroke = self._add_stroke(db, shown, UNLOCK, box, shown.labels[inside(box)], None)
            self._current.show(shown, Side(stroke, box, None, none), was)
        return stroke

    def _add_stroke(
        self, db: Any, shown: Shown, kind: str, box: Box, part: np.ndarray, origin: Mapping[str, Any] | None
    ) -> int:
        stroke = self._insert_stroke(db, shown.case_id, shown.cursor, kind, box, origin)
        if kind != UNLOCK:
            write_tiles(db, stroke, shown.labels, part, box)
        db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (stroke, shown.case_id))
        facts = {"stroke": stroke, "box": box, "tiles": queries.tiles_sha256(db, stroke)}
        if origin is not None:
            facts["by"] = {key: origin.get(key) for key in ("network", "weights", "sha256")}
        self._note(db, shown.case_id, kind, facts, "strokes", stroke)
        return stroke

    @staticmethod
    def _note(db: Any, case_id: int, kind: str, facts: Mapping[str, Any], table: str, number: int) -> None:
        """Into the history, with the seal of the row that was made."""
        history.add(db, case_id, kind, {**facts, **seals.sealed(db, table, number)})

    @staticmethod
    def _insert_stroke(
        db: Any, case_id: int, parent: int, kind: str, box: Box, origin: Mapping[str, Any] | None
    ) -> int:
        text = None if origin is None else json.dumps(dict(origin), sort_keys=True, default=str)
        cursor = db.execute(
            "INSERT INTO strokes (case_id, parent, kind, created, author, y0, x0, y1, x1, origin) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (case_id, parent, kind, time.time(), history.author(), *box, text),
        )
        return int(cursor.lastrowid)

    def set_proposal(self, case_id: int, labels: np.ndarray, origin: Mapping[str, Any]) -> int:
        """Replace the labels by a network's, as a stroke that can be undone; what a person changed stays as it is.

        Parameters
        ----------
        labels : np.ndarray
            (Y, X) uint8.
        origin : mapping
            Network, weights, sha256, ...

        Raises
        ------
        ShapeError, OutputError
            As :meth:`commit_stroke`.
        """
        stroke = self.commit_stroke(case_id, labels, tool=PROPOSAL, origin=origin)
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
            stays = self.accepted_revision(case_id) not in (None, over)
            self.commit_stroke(case_id, labels, tool=PROPOSAL, origin=origin, aside=stays)
        return not stays

    def set_aside(self, case_id: int, labels: np.ndarray, origin: Mapping[str, Any]) -> None:
        """Keep a proposal in the history and show what is shown; redo shows it.

        Raises
        ------
        ShapeError, OutputError
            As :meth:`commit_stroke`.
        """
        self.commit_stroke(case_id, labels, tool=PROPOSAL, origin=origin, aside=True)

    @staticmethod
    def _step_back(db: Any, case_id: int, stroke: int, to: int) -> None:
        db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (to, case_id))
        history.add(db, case_id, "undo", {"stroke": stroke, "cursor": to})

    def undo(self, case_id: int) -> Box | None:
        """Go back by one stroke, also over a restart; the box that changed, None where there is nothing."""
        with self._db.transaction() as db:
            cursor = self._current.place(case_id)[0]
            row = db.execute("SELECT parent, y0, x0, y1, x1 FROM strokes WHERE id = ?", (cursor,)).fetchone()
            if row is None:
                return None
            self._step_back(db, case_id, cursor, row[0])
        return (row[1], row[2], row[3], row[4])

    def redo(self, case_id: int) -> Box | None:
        """Take an undo back; the box that changed, None where there is nothing."""
        with self._db.transaction() as db:
            cursor = self._current.place(case_id)[0]
            row = db.execute(queries.REDO, (case_id, cursor)).fetchone()
            if row is None:
                return None
            db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (row[0], case_id))
            history.add(db, case_id, "redo", {"stroke": row[0], "cursor": row[0]})
        return (row[1], row[2], row[3], row[4])

    def can_undo(self, case_id: int) -> bool:
        """Whether :meth:`undo` would do something."""
        return self._current.place(case_id)[0] > 0

    def undoes_proposal(self, case_id: int) -> bool:
        """Whether :meth:`undo` would take back a proposal that lies on nothing, and leave an empty mask."""
        query = "SELECT 1 FROM strokes WHERE id = ? AND kind = 'proposal' AND parent = 0"
        return self._db.row(query, self._current.place(case_id)[0]) is not None

    def can_redo(self, case_id: int) -> bool:
        """Whether :meth:`redo` would do something."""
        return self._db.row(queries.REDO, case_id, self._current.place(case_id)[0]) is not None

    def proposal_origin(self, case_id: int, revision_id: int | None = None) -> dict[str, Any] | None:
        """Where the newest proposal below the current labels, or a revision's, comes from; None: all drawn by hand."""
        row = self._db.row(queries.ORIGIN, self._stroke(case_id, revision_id))
        with damage_told(f"{self.path / FILE_NAME}, the origin of a proposal"):
            return None if row is None else dict(json.loads(row[0]))

    def strokes_below(self, case_id: int, revision_id: int | None = None) -> int:
        """Strokes of a person that the current labels, or a revision's, are made of: none that was undone."""
        row = self._db.row(queries.DRAWN, self._stroke(case_id, revision_id))
        return 0 if row is None else int(row[0])

    def made(self, case_id: int, revision_id: int | None = None, shown: np.ndarray | None = None) -> Made:
        """How each of the current labels, or of a revision's, came to be.

        ``shown`` is what the case shows, (Y, X) or (Z, Y, X) uint8, if not all of it is stored: a person drew that.

        Raises
        ------
        ProjectError
            If a tile is damaged.
        """
        if revision_id is None:
            stroke, shape = self._current.place(case_id)
        else:
            stroke, _, shape = self._revision(revision_id)
        rows = stacked(shape)
        row = self._db.row(queries.PROPOSED, stroke)
        stored = self._current.labels_at(stroke, rows)
        labels = stored if shown is None else shown.reshape(rows)
        if row is None or row[0] is None:
            by = made_by(labels, labels != 0, None)
        else:
            touched = self._current.touched_at(stroke, rows) | (labels != stored)
            by = made_by(labels, touched, self._current.labels_at(int(row[0]), rows))
        if MANUAL not in by.values():
            return Made(by, {})
        return with_tools(by, labels, np.where(labels == stored, self._current.assisted_at(stroke, rows), 0))

    def made_by(self, case_id: int, revision_id: int | None = None, shown: np.ndarray | None = None) -> dict[int, str]:
        """Who made each label, as :meth:`made` has it: ``automatic``, ``semiautomatic`` or ``manual``."""
        return self.made(case_id, revision_id, shown).by

    def _stroke(self, case_id: int, revision_id: int | None) -> int:
        return self._current.place(case_id)[0] if revision_id is None else self._revision(revision_id)[0]

    # ---- revisions -----------------------------------------------------------------------------------------------

    def accept(self, case_id: int) -> Revision:
        """Store the current labels as the case's next revision.

        Raises
        ------
        OutputError
            If it cannot be stored.
        """
        with self._db.transaction() as db:
            shown = self._current.of(case_id)
            cursor, labels = shown.cursor, shown.labels
            number = db.execute("SELECT COUNT(*) + 1 FROM revisions WHERE case_id = ?", (case_id,)).fetchone()[0]
            values = (case_id, number, cursor, labels_sha256(labels), time.time(), history.author())
            inserted = db.execute(
                "INSERT INTO revisions (case_id, number, stroke_id, sha256, created, author) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            ).lastrowid
            facts = {"revision": number, "stroke": cursor, "sha256": values[3]}
            self._note(db, case_id, "accept", facts, "revisions", int(inserted or 0))
        return next(r for r in self.revisions(case_id) if r.id == inserted)

    def accepted_revision(self, case_id: int) -> int | None:
        """The revision that a case shows, if that is its newest; None: what it shows is not accepted."""
        row = self._db.row(queries.ACCEPTED, case_id)
        return None if row is None else int(row[0])

    def revisions(self, case_id: int) -> list[Revision]:
        """Revisions of a case, oldest first."""
        rows = self._db.rows(
            "SELECT id, case_id, number, created, author, sha256 FROM revisions WHERE case_id = ? ORDER BY number",
            case_id,
        )
        return [Revision(id=r[0], case_id=r[1], number=r[2], created=r[3], author=r[4], sha256=r[5]) for r in rows]

    def revision_labels(self, revision_id: int) -> np.ndarray:
        """Labels (Y, X) or (Z, Y, X) uint8 of a revision.

        Raises
        ------
        InputError
            If there is none of this number.
        ProjectError
            If they do not match the hash they were accepted with.
        """
        stroke, digest, shape = self._revision(revision_id)
        labels = self._current.labels_at(stroke, stacked(shape))
        if labels_sha256(labels) != digest:
            raise ProjectError(
                f"revision {revision_id} of {self.path} does not match its hash: the database was changed. "
                "Restore the project from a backup."
            )
        return labels.reshape(shape)

    def revision_touched(self, revision_id: int) -> np.ndarray:
        """Pixels that a person had changed when a revision was accepted: (Y, X) or (Z, Y, X) bool.

        Raises
        ------
        InputError
            If there is none of this number.
        ProjectError
            If a tile is damaged.
        """
        stroke, _, shape = self._revision(revision_id)
        return self._current.touched_at(stroke, stacked(shape)).reshape(shape)

    def corrected(self, revision_id: int) -> bool:
        """Whether a person had a part in a revision: it is other than the newest proposal below it, or there is none.

        What was drawn and taken back is no correction; what was drawn before a proposal, and kept through it, is one.

        Raises
        ------
        InputError
            If there is none of this number.
        ProjectError
            If a tile is damaged.
        """
        # a revision never changes
        if revision_id not in self._corrected:
            self._corrected[revision_id] = self._differs(revision_id)
        return self._corrected[revision_id]

    def _differs(self, revision_id: int) -> bool:
        stroke, _, shape = self._revision(revision_id)
        row = self._db.row(queries.PROPOSED, stroke)
        if row is None or row[0] is None:
            return True
        if not (self._db.row(queries.DRAWN, stroke) or (0,))[0]:
            return False
        rows, proposed = stacked(shape), int(row[0])
        now, then = (self._current.labels_at(one, rows) for one in (stroke, proposed))
        return not np.array_equal(now, then) or bool(self._current.touched_at(proposed, rows).any())

    def _revision(self, revision_id: int) -> tuple[int, str, tuple[int, ...]]:
        """Stroke, hash of the labels, and shape."""
        row = self._db.row(queries.REVISION, revision_id)
        if row is None:
            raise InputError(f"revision is {revision_id}; the project has no such revision. Accept the case first.")
        return row[0], row[1], queries.shape_of(*row[2:])


def _clipped(box: Box, shape: tuple[int, ...]) -> Box:
    # numpy's numbers would not go into the database
    y0, x0, y1, x1 = (operator.index(n) for n in box)
    return max(0, y0), max(0, x0), min(shape[0], y1), min(shape[1], x1)


def _part(labels: np.ndarray, box: Box | None, rows: tuple[int, int], shape: tuple[int, ...]) -> tuple[np.ndarray, Box]:
    """What the box holds after the stroke (rows, columns) uint8, and the box, within the image of this shape."""
    labels = np.asarray(labels)
    if labels.shape == shape:
        labels = labels.reshape(rows)
    box = _clipped((0, 0, *rows) if box is None else box, rows)
    inner = (max(0, box[2] - box[0]), max(0, box[3] - box[1]))
    if labels.shape == rows:
        labels = labels[inside(box)]
    elif labels.shape != inner:
        raise ShapeError(
            f"labels have shape {labels.shape}; expected the image's {shape} or the box's {inner}. "
            "Use labels of this image."
        )
    fits = (
        not labels.size
        or labels.dtype == np.uint8
        or (labels.dtype.kind in "bui" and labels.min() >= 0 and labels.max() <= 255)
    )
    if not fits:
        raise ShapeError(f"labels have type {labels.dtype}; expected whole numbers from 0 to 255. Renumber the labels.")
    return labels.astype(np.uint8, copy=False), box

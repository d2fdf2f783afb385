"""What was accepted, and how labels came to be. A part of :class:`Project`."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_medseg.errors import InputError, ProjectError
from napari_medseg.io.large import large_shape
from napari_medseg.io.mask import MANUAL
from napari_medseg.project import history, queries
from napari_medseg.project.boxes import by_axes, check_part, part_shape
from napari_medseg.project.current import Current
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import FILE_NAME, Database
from napari_medseg.project.labels import labels_sha256, stacked
from napari_medseg.project.large_strokes import LargeStrokes
from napari_medseg.project.records import Case, Part, Revision
from napari_medseg.project.sparse import Held, Sparse
from napari_medseg.project.stroke_rows import note
from napari_medseg.project.touched import Made, made_by, with_tools

# in the origin of a proposal on a large case: how many boxes have something to look at
WORTH_LOOKING = "worth_looking"


class _Kept(NamedTuple):
    """What a revision pins: labels of a case (in a box, if it is large) as of a stroke."""

    stroke: int
    sha256: str
    case_id: int
    box: Part | None
    shape: tuple[int, ...]


class RevisionStore:
    """Revisions of all cases; those of a large case are of boxes.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    current : Current
    sparse : Sparse
    """

    def __init__(self, path: Path, db: Database, current: Current, sparse: Sparse) -> None:
        self.path, self._db, self._current, self._sparse = path, db, current, sparse
        self._strokes = LargeStrokes(path, sparse)
        self._corrected: dict[int, bool] = {}

    # ---- how labels came to be -----------------------------------------------------------------------------------

    def proposal_origin(self, case_id: int, revision_id: int | None = None) -> dict[str, Any] | None:
        """Where the newest proposal below the current labels, or a revision's, comes from; None: all drawn by hand."""
        row = self._db.row(queries.ORIGIN, self._stroke(case_id, revision_id))
        with damage_told(f"{self.path / FILE_NAME}, the origin of a proposal"):
            return None if row is None else dict(json.loads(row[0]))

    def strokes_below(self, case_id: int, revision_id: int | None = None) -> int:
        """Strokes of a person that the current labels, or a revision's, are made of: none that was undone."""
        row = self._db.row(queries.DRAWN, self._stroke(case_id, revision_id))
        return 0 if row is None else int(row[0])

    def made(
        self,
        case_id: int,
        revision_id: int | None = None,
        shown: np.ndarray | None = None,
        *,
        box: Part | None = None,
    ) -> Made:
        """How each of the current labels, or of a revision's, came to be.

        ``shown`` is what the case shows, (Y, X) or (Z, Y, X) uint8, if not all of it is stored: a person drew that.
        ``box``: of a large case, where; a revision has its own.

        Raises
        ------
        InputError
            If the case is large and there is no box.
        ProjectError
            If a tile is damaged.
        """
        if revision_id is None:
            stroke, shape = self._current.place(case_id)
            part = check_part(case_id, shape, box)
        else:
            stroke, _, _, part, shape = self._revision(revision_id)
        row = self._db.row(queries.PROPOSED, stroke)
        proposed = None if row is None or row[0] is None else int(row[0])
        if part is None:
            return self._made_whole(stroke, stacked(shape), proposed, shown)
        now = self._held(case_id, shape, stroke, part)
        labels = now.labels if shown is None else shown
        touched = now.touched | (labels != now.labels)
        then = None if proposed is None else self._held(case_id, shape, proposed, part).labels
        by = made_by(labels, (labels != 0) if then is None else touched, then)
        return with_tools(by, labels, np.where(labels == now.labels, now.assisted, 0))

    def _made_whole(self, stroke: int, rows: tuple[int, int], proposed: int | None, shown: np.ndarray | None) -> Made:
        stored = self._current.labels_at(stroke, rows)
        labels = stored if shown is None else shown.reshape(rows)
        if proposed is None:
            by = made_by(labels, labels != 0, None)
        else:
            touched = self._current.touched_at(stroke, rows) | (labels != stored)
            by = made_by(labels, touched, self._current.labels_at(proposed, rows))
        if MANUAL not in by.values():
            return Made(by, {})
        return with_tools(by, labels, np.where(labels == stored, self._current.assisted_at(stroke, rows), 0))

    def made_by(
        self,
        case_id: int,
        revision_id: int | None = None,
        shown: np.ndarray | None = None,
        *,
        box: Part | None = None,
    ) -> dict[int, str]:
        """Who made each label, as :meth:`made` has it: ``automatic``, ``semiautomatic`` or ``manual``."""
        return self.made(case_id, revision_id, shown, box=box).by

    def _stroke(self, case_id: int, revision_id: int | None) -> int:
        return self._current.place(case_id)[0] if revision_id is None else self._revision(revision_id).stroke

    def _held(self, case_id: int, shape: tuple[int, ...], stroke: int, part: Part) -> Held:
        with self._db.alone():
            known = self._sparse.way(case_id).strokes.get(stroke)
            # what was accepted is in tiles: it hangs on no folder
            whole = known is None or known.part != part
            return self._sparse.held(case_id, shape, stroke, part, whole=whole)

    # ---- revisions -----------------------------------------------------------------------------------------------

    def accept(self, case_id: int, box: Part | None = None) -> Revision:
        """Store the current labels as the case's next revision; of a large case, those in a box.

        Parameters
        ----------
        box : tuple of int
            Of a large case only: (y0, x0, y1, x1) or (z0, y0, x0, z1, y1, x1), half-open, px. What lies in it is right,
            and no proposal changes it from here on; boxes that were accepted before stay so, and where they overlap
            the newest counts. Undo takes it back.

        Raises
        ------
        InputError
            If the box is missing, empty or too large, the case is not large, or a proposal is not done in the box yet.
        ProjectError
            If a proposal is gone or damaged.
        OutputError
            If it cannot be stored.
        """
        with self._db.transaction() as db:
            cursor, shape = self._current.place(case_id)
            if large_shape(shape):
                part = self._by_axes(case_id, shape, box)
                assert part is not None
                labels = self._to_accept(case_id, shape, cursor, part)
            elif box is None:
                part, labels = None, self._current.of(case_id).labels
            else:
                raise InputError(
                    f"box is {tuple(box)}; expected none, as case {case_id} is accepted as a whole. Leave it out."
                )
            if part is not None:
                cursor = self._strokes.accept(db, case_id, (cursor, shape), part, labels)
            number = db.execute("SELECT COUNT(*) + 1 FROM revisions WHERE case_id = ?", (case_id,)).fetchone()[0]
            kept = None if part is None else json.dumps(part)
            values = (case_id, number, cursor, labels_sha256(labels), time.time(), history.author(), kept)
            inserted = db.execute(
                "INSERT INTO revisions (case_id, number, stroke_id, sha256, created, author, box) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            ).lastrowid
            facts: dict[str, Any] = {"revision": number, "stroke": cursor, "sha256": values[3]}
            if part is not None:
                facts["part"] = part
            note(db, case_id, "accept", facts, "revisions", int(inserted or 0))
        return next(r for r in self.revisions(case_id) if r.id == inserted)

    @staticmethod
    def _by_axes(case_id: int, shape: tuple[int, ...], box: Part | None) -> Part | None:
        part = check_part(case_id, shape, box)
        return None if part is None else by_axes(part, shape)

    def _to_accept(self, case_id: int, shape: tuple[int, ...], cursor: int, part: Part) -> np.ndarray:
        if 0 in part_shape(part):
            raise InputError(f"box is {tuple(part)}; expected a part of case {case_id}. Choose one inside it.")
        held = self._sparse.held(case_id, shape, cursor, part, whole=True)
        if not held.whole:
            raise InputError(
                f"the proposal is not done within {tuple(part)} yet; expected labels that stay as they are. Wait until "
                "it is, and accept then."
            )
        return held.labels

    def accepted_revision(self, case_id: int, box: Part | None = None) -> int | None:
        """The revision that a case shows, if that is its newest; None: what it shows is not accepted.

        ``box``: of a large case, the newest revision of just this box, if that was not taken back and nobody has drawn
        in it since; proposals do not change it.
        """
        if box is None:
            row = self._db.row(queries.ACCEPTED, case_id)
            return None if row is None else int(row[0])
        part = self._by_axes(case_id, self._current.place(case_id)[1], box)
        if part not in self.frames(case_id):
            return None
        return next(one.id for one in reversed(self.standing(case_id)) if one.box == part)

    def withdraw(self, case_id: int, box: Part) -> int:
        """Take back that a box of a large case was accepted, as a stroke that can be undone; its number.

        The labels stay as they are; later proposals may change what nobody drew.

        Raises
        ------
        InputError
            If just this box is not accepted.
        OutputError
            If it cannot be stored.
        """
        with self._db.transaction() as db:
            cursor, shape = self._current.place(case_id)
            part = self._by_axes(case_id, shape, box)
            if part is None or not large_shape(shape) or part not in self._sparse.way(case_id).kept(cursor):
                raise InputError(f"box is {tuple(box)}; expected one that is accepted. List them with 'frames'.")
            return self._strokes.withdraw(db, case_id, (cursor, shape), part)

    def frames(self, case_id: int) -> list[Part]:
        """Boxes of a large case that are accepted now and hold what was accepted, by axes, oldest first."""
        with self._db.alone():
            cursor, shape = self._current.place(case_id)
            return self._sparse.way(case_id).unchanged(cursor) if large_shape(shape) else []

    def standing(self, case_id: int) -> list[Revision]:
        """Revisions of a case that were not taken back, oldest first: of a large one neither by undo nor otherwise.

        Of an image that is held whole all: until another is accepted, the newest is its accepted mask.
        """
        with self._db.alone():
            cursor, shape = self._current.place(case_id)
            if not large_shape(shape):
                return self.revisions(case_id)
            way = self._sparse.way(case_id)
            standing = set(way.standing(cursor))
        strokes = dict(self._db.rows("SELECT id, stroke_id FROM revisions WHERE case_id = ?", case_id))
        # an earlier version made no strokes of them
        earlier = {one for one, stroke in strokes.items() if getattr(way.strokes.get(stroke), "part", None) is None}
        return [one for one in self.revisions(case_id) if one.id in earlier or strokes[one.id] in standing]

    def with_frames(self, case: Case) -> Case:
        """A large case with how much of it is accepted, and its state by that: nobody accepts the whole."""
        origin = self.proposal_origin(case.id)
        told = None if origin is None else origin.get(WORTH_LOOKING)
        of = told if isinstance(told, int) and told > 0 else None
        frames = len(self.frames(case.id))
        if of is not None and frames >= of:
            state = "accepted"
        elif frames or case.strokes:
            state = "in progress"
        else:
            state = "new" if origin is None else "proposed"
        return replace(case, frames=frames, frames_of=of, state=state)

    def revisions(self, case_id: int) -> list[Revision]:
        """Revisions of a case, oldest first."""
        rows = self._db.rows(
            "SELECT id, case_id, number, created, author, sha256, box FROM revisions WHERE case_id = ? ORDER BY number",
            case_id,
        )
        return [
            Revision(id=r[0], case_id=r[1], number=r[2], created=r[3], author=r[4], sha256=r[5], box=self._box(r[6]))
            for r in rows
        ]

    def revision_labels(self, revision_id: int) -> np.ndarray:
        """Labels (Y, X) or (Z, Y, X) uint8 of a revision; of a large case, those in its box.

        Raises
        ------
        InputError
            If there is none of this number.
        ProjectError
            If they do not match the hash they were accepted with.
        """
        stroke, digest, case_id, part, shape = self._revision(revision_id)
        if part is None:
            labels = self._current.labels_at(stroke, stacked(shape))
        else:
            labels = self._held(case_id, shape, stroke, part).labels
        if labels_sha256(labels) != digest:
            raise ProjectError(
                f"revision {revision_id} of {self.path} does not match its hash: the database was changed. "
                "Restore the project from a backup."
            )
        return labels.reshape(shape) if part is None else labels

    def revision_touched(self, revision_id: int) -> np.ndarray:
        """Pixels that a person had changed when a revision was accepted: as :meth:`revision_labels` gives it, bool.

        Raises
        ------
        InputError
            If there is none of this number.
        ProjectError
            If a tile is damaged.
        """
        stroke, _, case_id, part, shape = self._revision(revision_id)
        if part is None:
            return self._current.touched_at(stroke, stacked(shape)).reshape(shape)
        return self._held(case_id, shape, stroke, part).touched

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
        stroke, _, case_id, part, shape = self._revision(revision_id)
        row = self._db.row(queries.PROPOSED, stroke)
        if row is None or row[0] is None:
            return True
        if not (self._db.row(queries.DRAWN, stroke) or (0,))[0]:
            return False
        rows, proposed = stacked(shape), int(row[0])
        if part is not None:
            held, before = (self._held(case_id, shape, one, part) for one in (stroke, proposed))
            return not np.array_equal(held.labels, before.labels) or bool(before.touched.any())
        now, then = (self._current.labels_at(one, rows) for one in (stroke, proposed))
        return not np.array_equal(now, then) or bool(self._current.touched_at(proposed, rows).any())

    def _revision(self, revision_id: int) -> _Kept:
        row = self._db.row(queries.REVISION, revision_id)
        if row is None:
            raise InputError(f"revision is {revision_id}; the project has no such revision. Accept the case first.")
        shape = queries.shape_of(*row[4:])
        return _Kept(row[0], row[1], row[2], self._box(row[3]), shape)

    def _box(self, text: str | None) -> Part | None:
        with damage_told(f"{self.path / FILE_NAME}, the box of a revision"):
            return None if text is None else tuple(int(n) for n in json.loads(text))

"""A project: images, what was drawn on them, and what was trained from that. The rest of the program sees only this."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from napari_medseg.atomic import output_error
from napari_medseg.errors import ImageReadError, InputError, ProjectError, ShapeError
from napari_medseg.project import history, queries
from napari_medseg.project.database import FILE_NAME, Database
from napari_medseg.project.labels import (
    assemble,
    changed_box,
    labels_query,
    labels_sha256,
    write_tiles,
)
from napari_medseg.project.lock import ProjectLock
from napari_medseg.project.records import Box, Case, HistoryRow, Revision, Run


class Project:
    """Made by :meth:`create` or :meth:`open`; safe to use from several threads.

    Attributes
    ----------
    path : Path
        The project's folder.
    recovered : str or None
        What to tell the user when the last session did not end properly.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.path = folder.resolve()
        self._lock = ProjectLock(self.path)
        try:
            self._db = Database(self.path / FILE_NAME, create=create)
        except BaseException:
            self._lock.release()
            raise
        self._cache: tuple[int, int, np.ndarray] | None = None  # case, cursor, labels
        self._closed = False
        self.recovered = None if create else self._what_happened()
        with self._db.transaction() as db:
            db.execute("UPDATE project SET clean = 0")

    # ---- opening and closing -------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | Path) -> Project:
        """Make a project in a folder, which is made if need be.

        Raises
        ------
        ProjectError
            If the folder already holds a project.
        OutputError
            If the folder cannot be written to.
        """
        folder = Path(path)
        try:
            if (folder / FILE_NAME).exists():
                raise ProjectError(f"{folder} already holds a project. Open it, or choose another folder.")
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(folder, error) from error
        return cls(folder, create=True)

    @classmethod
    def open(cls, path: str | Path) -> Project:
        """Open the project in a folder; the path may also name its ``project.sqlite``.

        Raises
        ------
        ProjectError
            If there is none, it is damaged, of a newer version, or open elsewhere.
        """
        folder = Path(path)
        if folder.name == FILE_NAME:
            folder = folder.parent
        if not (folder / FILE_NAME).is_file():
            raise ProjectError(f"{folder} holds no project (no {FILE_NAME}). Choose another folder, or create one.")
        return cls(folder, create=False)

    def _what_happened(self) -> str | None:
        if self._db.rows("SELECT clean FROM project")[0][0]:
            return None
        count, last = self._db.rows("SELECT COUNT(*), MAX(created) FROM strokes")[0]
        if not count:
            return "The last session ended unexpectedly; no stroke had been drawn."
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(last))
        return f"The last session ended unexpectedly; all {count} strokes and proposals up to {when} are here."

    def close(self) -> None:
        """Close; more calls do nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            with self._db.transaction() as db:
                db.execute("UPDATE project SET clean = 1")
        finally:
            self._db.close()
            self._lock.release()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # ---- cases ---------------------------------------------------------------------------------------------------

    def add_case(
        self,
        image: str | Path,
        *,
        shape: tuple[int, int],
        name: str | None = None,
        group: str | None = None,
        split: str = "train",
        spacing: tuple[float, float] | None = None,
        unit: str = "px",
    ) -> Case:
        """Add an image.

        Parameters
        ----------
        image : str or Path
            Stays where it is; stored relative to the project where it lies inside.
        shape : tuple of int
            (Y, X), px.
        group : str, optional
            Patient or the like; default: the image stands alone.
        split : {'train', 'heldout'}

        Raises
        ------
        ImageReadError
            If the file cannot be read.
        InputError
            If the same file, byte for byte, is in the project, or its group lies on the other side of the split.
        """
        path = Path(image).resolve()
        digest = _file_sha256(path)
        group = group or digest[:16]
        same = self._db.row("SELECT name FROM cases WHERE sha256 = ?", digest)
        if same:
            raise InputError(f"{path} is in the project already as '{same[0]}'. Add each image once.")
        other = self._db.row("SELECT name FROM cases WHERE group_key = ? AND split <> ?", group, split)
        if other:
            raise InputError(
                f"{path} is to be '{split}', but '{other[0]}' of the same group '{group}' is not; a group stays "
                "together so that scores stay honest. Choose the other split."
            )
        stored = path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else str(path)
        sy, sx = spacing or (None, None)
        with self._db.transaction() as db:
            cursor = db.execute(
                "INSERT INTO cases (name, image, sha256, height, width, spacing_y, spacing_x, unit, group_key, split) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (name or path.stem, stored, digest, *shape, sy, sx, unit, group, split),
            )
            case_id = int(cursor.lastrowid or 0)
            history.add(db, case_id, "add", {"name": name or path.stem, "sha256": digest, "split": split})
        return self.case(case_id)

    def cases(self) -> list[Case]:
        """All cases in the order in which they were added."""
        return [queries.to_case(row, self.path) for row in self._db.rows(queries.CASES)]

    def case(self, case_id: int) -> Case:
        """One case.

        Raises
        ------
        InputError
            If there is none of this number.
        """
        for case in self.cases():
            if case.id == case_id:
                return case
        raise InputError(f"case is {case_id}; the project has {len(self.cases())} cases. List them with 'status'.")

    def find_image(self, image: str | Path) -> Case | None:
        """The case whose file had the same bytes when it was added; None where there is none.

        Raises
        ------
        ImageReadError
            If the file cannot be read.
        """
        row = self._db.row("SELECT id FROM cases WHERE sha256 = ?", _file_sha256(Path(image)))
        return None if row is None else self.case(row[0])

    def hold_out(self, group: str) -> None:
        """Set a group aside for scoring, for good: none of its cases is trained on from now on."""
        with self._db.transaction() as db:
            db.execute("UPDATE cases SET split = 'heldout' WHERE group_key = ?", (group,))
            history.add(db, None, "hold out", {"group": group})

    def next_case(self, after: int | None = None) -> Case | None:
        """The next case that is not accepted, after the given one and around; None when all are."""
        cases = self.cases()
        start = next((i + 1 for i, case in enumerate(cases) if case.id == after), 0)
        for case in cases[start:] + cases[:start]:
            if case.state != "accepted" and not case.missing and case.id != after:
                return case
        return None

    # ---- labels --------------------------------------------------------------------------------------------------

    def labels(self, case_id: int) -> np.ndarray:
        """The current labels: a copy, (Y, X) uint8.

        Raises
        ------
        ProjectError
            If a tile is damaged; the message names it.
        """
        return self._current(case_id)[1].copy()

    def _current(self, case_id: int) -> tuple[int, np.ndarray]:
        row = self._db.row("SELECT cursor, height, width FROM cases WHERE id = ?", case_id)
        if row is None:
            raise InputError(f"case is {case_id}; the project has no such case. List them with 'status'.")
        cursor, shape = row[0], (row[1], row[2])
        if self._cache is None or self._cache[:2] != (case_id, cursor):
            self._cache = (case_id, cursor, self._labels_at(cursor, shape))
        return cursor, self._cache[2]

    def _labels_at(self, stroke: int, shape: tuple[int, int]) -> np.ndarray:
        query, values = labels_query(stroke)
        return assemble(self._db.rows(query, *values), shape, str(self.path / FILE_NAME))

    def commit_stroke(
        self,
        case_id: int,
        labels: np.ndarray,
        *,
        box: Box | None = None,
        tool: str = "brush",
        origin: Mapping[str, Any] | None = None,
    ) -> int | None:
        """Store what changed as one stroke, on the disk when this returns.

        Parameters
        ----------
        case_id : int
        labels : np.ndarray
            (Y, X) uint8 of the whole image, or of the box alone.
        box : tuple of int, optional
            (y0, x0, y1, x1), half-open, px; only there is compared. Default: the whole image.
        tool : str
            What was used.
        origin : mapping, optional
            Of a proposal.

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
        # one writer at a time from reading 'before' to the commit
        with self._db.transaction() as db:
            parent, before = self._current(case_id)
            after, box = _place(labels, box, before)
            changed = changed_box(before, after)
            if changed is None and tool != "proposal":
                return None
            changed = changed or (0, 0, 0, 0)
            stroke = self._insert_stroke(db, case_id, parent, tool, changed, origin)
            write_tiles(db, stroke, before, after, changed)
            db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (stroke, case_id))
            history.add(
                db, case_id, tool, {"stroke": stroke, "box": changed, "tiles": queries.tiles_sha256(db, stroke)}
            )
        self._cache = (case_id, stroke, after)
        return stroke

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
        """Replace the labels by a network's, as a stroke that can be undone.

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
        stroke = self.commit_stroke(case_id, labels, tool="proposal", origin=origin)
        assert stroke is not None  # a proposal is stored even where it changes nothing
        return stroke

    def undo(self, case_id: int) -> Box | None:
        """Go back by one stroke, also over a restart; the box that changed, None where there is nothing."""
        with self._db.transaction() as db:
            cursor, _ = self._current(case_id)
            row = db.execute("SELECT parent, y0, x0, y1, x1 FROM strokes WHERE id = ?", (cursor,)).fetchone()
            if row is None:
                return None
            db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (row[0], case_id))
            history.add(db, case_id, "undo", {"stroke": cursor, "cursor": row[0]})
        return (row[1], row[2], row[3], row[4])

    def redo(self, case_id: int) -> Box | None:
        """Take an undo back; the box that changed, None where there is nothing."""
        with self._db.transaction() as db:
            cursor, _ = self._current(case_id)
            row = db.execute(queries.REDO, (case_id, cursor)).fetchone()
            if row is None:
                return None
            db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (row[0], case_id))
            history.add(db, case_id, "redo", {"stroke": row[0], "cursor": row[0]})
        return (row[1], row[2], row[3], row[4])

    def can_undo(self, case_id: int) -> bool:
        """Whether :meth:`undo` would do something."""
        return self._current(case_id)[0] > 0

    def can_redo(self, case_id: int) -> bool:
        """Whether :meth:`redo` would do something."""
        return self._db.row(queries.REDO, case_id, self._current(case_id)[0]) is not None

    def proposal_origin(self, case_id: int) -> dict[str, Any] | None:
        """Where the newest proposal below the current labels comes from; None where all was drawn by hand."""
        row = self._db.row(queries.ORIGIN, self._current(case_id)[0])
        return None if row is None else json.loads(row[0])

    # ---- revisions -----------------------------------------------------------------------------------------------

    def accept(self, case_id: int) -> Revision:
        """Store the current labels as the case's next revision.

        Raises
        ------
        OutputError
            If it cannot be stored.
        """
        with self._db.transaction() as db:
            cursor, labels = self._current(case_id)
            number = db.execute("SELECT COUNT(*) + 1 FROM revisions WHERE case_id = ?", (case_id,)).fetchone()[0]
            values = (case_id, number, cursor, labels_sha256(labels), time.time(), history.author())
            inserted = db.execute(
                "INSERT INTO revisions (case_id, number, stroke_id, sha256, created, author) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            ).lastrowid
            history.add(db, case_id, "accept", {"revision": number, "stroke": cursor, "sha256": values[3]})
        return next(r for r in self.revisions(case_id) if r.id == inserted)

    def revisions(self, case_id: int) -> list[Revision]:
        """Revisions of a case, oldest first."""
        rows = self._db.rows(
            "SELECT id, case_id, number, created, author, sha256 FROM revisions WHERE case_id = ? ORDER BY number",
            case_id,
        )
        return [Revision(id=r[0], case_id=r[1], number=r[2], created=r[3], author=r[4], sha256=r[5]) for r in rows]

    def revision_labels(self, revision_id: int) -> np.ndarray:
        """Labels (Y, X) uint8 of a revision.

        Raises
        ------
        InputError
            If there is none of this number.
        ProjectError
            If they do not match the hash they were accepted with.
        """
        row = self._db.row(queries.REVISION, revision_id)
        if row is None:
            raise InputError(f"revision is {revision_id}; the project has no such revision. Accept the case first.")
        labels = self._labels_at(row[0], (row[2], row[3]))
        if labels_sha256(labels) != row[1]:
            raise ProjectError(
                f"revision {revision_id} of {self.path} does not match its hash: the database was changed. "
                "Restore the project from a backup."
            )
        return labels

    # ---- runs and weights ----------------------------------------------------------------------------------------

    def add_run(self, spec_json: str, folder: str | Path) -> int:
        """Note a training run; its number."""
        with self._db.transaction() as db:
            inserted = db.execute(
                "INSERT INTO runs (folder, state, created, spec) VALUES (?, 'running', ?, ?)",
                (str(folder), time.time(), spec_json),
            ).lastrowid
            history.add(db, None, "train", {"run": inserted, "spec": hashlib.sha256(spec_json.encode()).hexdigest()})
        return int(inserted or 0)

    def set_run(self, run_id: int, state: str, *, weights: str | Path | None = None, result: str | None = None) -> None:
        """Note how a run stands; what is None stays."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE runs SET state = ?, weights = COALESCE(?, weights), result = COALESCE(?, result) WHERE id = ?",
                (state, None if weights is None else str(weights), result, run_id),
            )
            history.add(db, None, "run", {"run": run_id, "state": state})

    def runs(self) -> list[Run]:
        """Runs, oldest first."""
        rows = self._db.rows("SELECT id, folder, state, created, weights, spec, result FROM runs ORDER BY id")
        return [queries.to_run(row, self.path) for row in rows]

    def adopt(self, weights: str | Path | None) -> None:
        """Use these weights (an id or a path) for proposals from now on; None: the bundled ones.

        A path inside the project is stored relative to it: the folder may move.
        """
        if weights is not None and Path(weights).is_relative_to(self.path):
            weights = Path(weights).relative_to(self.path).as_posix()
        with self._db.transaction() as db:
            db.execute("UPDATE project SET adopted = ?", (None if weights is None else str(weights),))
            history.add(db, None, "adopt", {"weights": weights})

    def adopted(self) -> str | None:
        """Weights that were adopted last, an id or a path."""
        row = self._db.row("SELECT adopted FROM project")
        if row is None or row[0] is None:
            return None
        inside = self.path / row[0]
        return str(inside) if inside.is_file() else str(row[0])

    # ---- the whole -----------------------------------------------------------------------------------------------

    def history(self, case_id: int | None = None) -> list[HistoryRow]:
        """Who did what when, oldest first; of one case or of all."""
        rows = self._db.rows("SELECT id, case_id, created, author, kind, detail FROM history ORDER BY id")
        return [
            HistoryRow(id=r[0], case_id=r[1], created=r[2], author=r[3], kind=r[4], detail=r[5])
            for r in rows
            if case_id is None or r[1] == case_id
        ]

    def verify(self) -> list[str]:
        """Check the file, each tile and each row of the history; one sentence for each fault, none if all is well."""
        return queries.problems(self._db, self.revision_labels)

    def summary(self) -> dict[str, Any]:
        """Counts for a status line."""
        cases = self.cases()
        states = {s: sum(case.state == s for case in cases) for s in ("new", "proposed", "in progress", "accepted")}
        return {
            "cases": len(cases),
            **states,
            "held out": sum(case.split == "heldout" for case in cases),
            "missing": sum(case.missing for case in cases),
            "strokes": sum(case.strokes for case in cases),
            "runs": len(self.runs()),
            "adopted": self.adopted(),
        }


def _file_sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read ({error.strerror}). Check the path.") from error


def _place(labels: np.ndarray, box: Box | None, before: np.ndarray) -> tuple[np.ndarray, Box]:
    """The whole labels after the stroke, and the box."""
    whole = (0, 0, *before.shape)
    box = whole if box is None else box
    box = (max(0, box[0]), max(0, box[1]), min(before.shape[0], box[2]), min(before.shape[1], box[3]))
    inner = (max(0, box[2] - box[0]), max(0, box[3] - box[1]))
    labels = np.asarray(labels)
    if labels.size and (labels.dtype.kind not in "bui" or labels.min() < 0 or labels.max() > 255):
        raise ShapeError(f"labels have type {labels.dtype}; expected whole numbers from 0 to 255. Renumber the labels.")
    if labels.shape == before.shape:
        labels = labels[box[0] : box[2], box[1] : box[3]]
    elif labels.shape != inner:
        raise ShapeError(
            f"labels have shape {labels.shape}; expected the image's {before.shape} or the box's {inner}. "
            "Use labels of this image."
        )
    after = before.copy()
    after[box[0] : box[2], box[1] : box[3]] = labels
    return after, box

"""A project: images, what was drawn on them, and what was trained from that. The rest of the program sees only this."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from napari_medseg.atomic import output_error
from napari_medseg.errors import InputError, ProjectError
from napari_medseg.fields import parse_json
from napari_medseg.io import is_there
from napari_medseg.names import one_line
from napari_medseg.project import audit, history, seals
from napari_medseg.project.case_store import CaseStore
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import FILE_NAME, Database, can_write
from napari_medseg.project.files import check_own, image_problems
from napari_medseg.project.history import clock_problem
from napari_medseg.project.label_store import LabelStore
from napari_medseg.project.lock import lock_project, training_in
from napari_medseg.project.records import HistoryRow, LabelClass
from napari_medseg.project.revision_store import RevisionStore
from napari_medseg.project.run_store import RunStore
from napari_medseg.project.runs import finished
from napari_medseg.project.steps import Steps

_LAST_STROKE = history.LAST.format("strokes")
_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def _part(name: str, method: Callable[Concatenate[Any, _Given], _Found]) -> Callable[Concatenate[Any, _Given], _Found]:
    """A method of a part of the project, as one of the project itself."""

    @wraps(method)
    def call(self: Any, *args: _Given.args, **kwargs: _Given.kwargs) -> _Found:
        found: _Found = getattr(getattr(self, name), method.__name__)(*args, **kwargs)
        return found

    return call


class Project:
    """Made by :meth:`create` or :meth:`open`; safe to use from several threads.

    Attributes
    ----------
    path : Path
        The project's folder.
    recovered : str or None
        What to tell the user: the last session did not end properly, or nothing can be stored.
    read_only : bool
        It can be looked at, verified and exported; what would change it raises an OutputError.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        path = folder.resolve()
        read_only = not create and not can_write(path / FILE_NAME)
        self._lock = lock_project(path, read_only=read_only)
        try:
            db = Database(path / FILE_NAME, create=create, read_only=read_only)
        except BaseException:
            self._lock.release()
            raise
        self.path, self._db = path, db
        self._images, self._drawn, self._trained = CaseStore(path, db), LabelStore(path, db), RunStore(path, db)
        self._moved = Steps(db, self._drawn.current)
        self._accepted = RevisionStore(path, db, self._drawn.current, self._drawn.sparse)
        self._images.with_frames = self._accepted.with_frames
        self._closed = False
        try:
            with damage_told(str(db.path)):
                self._begin(create=create)
        except BaseException:
            db.close()
            self._lock.release()
            raise

    def _begin(self, *, create: bool) -> None:
        self.recovered = None if create else self._what_happened()
        # nobody has the project open; a trainer may have been left at work, or have ended its work since
        # a damaged row is told where it is used, and by the audit, which could not be asked if it barred the project
        with suppress(ProjectError):
            for run in self.runs():
                if run.state == "running" and not training_in(run.folder) and not finished(run.folder):
                    self.set_run(run.id, "interrupted")
        with self._db.transaction() as connection:
            connection.execute("UPDATE project SET clean = 0")
            if create:
                history.add(connection, None, "create", seals.sealed(connection, "project", 1))
        with suppress(ProjectError):
            self._images.find_beside()
        self._db.seal()

    @property
    def read_only(self) -> bool:
        """Whether nothing can be stored: no permission, or a read-only disk."""
        return self._db.read_only

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

    @staticmethod
    def is_one(path: str | Path) -> bool:
        """Whether a folder holds a project, or the path names its ``project.sqlite``."""
        return is_there(_folder_of(path) / FILE_NAME)

    @classmethod
    def open(cls, path: str | Path) -> Project:
        """Open the project in a folder; the path may also name its ``project.sqlite``.

        Raises
        ------
        ProjectError
            If there is none, it is damaged, of a newer version, or open elsewhere.
        """
        folder = _folder_of(path)
        if not cls.is_one(folder):
            raise ProjectError(f"{folder} holds no project (no {FILE_NAME}). Choose another folder, or create one.")
        check_own(folder / FILE_NAME)
        return cls(folder, create=False)

    def _what_happened(self) -> str | None:
        if self.read_only:
            return (
                "This project cannot be written to (no permission, or a read-only disk): it can be looked at, verified "
                "and exported. To draw in it, copy it to a folder you may write to."
            )
        said = (self._how_it_ended(), clock_problem(self._db.rows(history.LAST.format("history"))[0][0]))
        return " ".join(text for text in said if text) or None

    def _how_it_ended(self) -> str | None:
        if self._db.rows("SELECT clean FROM project")[0][0]:
            return None
        count, last = (self._db.rows(query)[0][0] for query in ("SELECT COUNT(*) FROM strokes", _LAST_STROKE))
        if not count:
            return "The last session ended unexpectedly; no stroke had been drawn."
        up_to = history.when(last, "%Y-%m-%d %H:%M:%S")
        kept = f"all {count} strokes and proposals" if count > 1 else "its one stroke or proposal"
        return f"The last session ended unexpectedly; {kept} up to {up_to} {'are' if count > 1 else 'is'} here."

    def close(self) -> None:
        """Close; more calls do nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self.read_only:
                with self._db.transaction() as db:
                    db.execute("UPDATE project SET clean = 1")
        finally:
            self._db.close()
            self._lock.release()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # ---- its parts, by the names by which all know them ----------------------------------------------------------

    add_case = _part("_images", CaseStore.add_case)
    case = _part("_images", CaseStore.case)
    cases = _part("_images", CaseStore.cases)
    find_image = _part("_images", CaseStore.find_image)
    hold_out = _part("_images", CaseStore.hold_out)
    looks_like = _part("_images", CaseStore.looks_like)
    next_case = _part("_images", CaseStore.next_case)
    remove = _part("_images", CaseStore.remove)
    split_of = _part("_images", CaseStore.split_of)

    accept = _part("_accepted", RevisionStore.accept)
    accepted_revision = _part("_accepted", RevisionStore.accepted_revision)
    base_done = _part("_drawn", LabelStore.base_done)
    base_problem = _part("_drawn", LabelStore.base_problem)
    by_hand = _part("_drawn", LabelStore.by_hand)
    can_redo = _part("_moved", Steps.can_redo)
    can_undo = _part("_moved", Steps.can_undo)
    commit_stroke = _part("_drawn", LabelStore.commit_stroke)
    frames = _part("_accepted", RevisionStore.frames)
    labels = _part("_drawn", LabelStore.labels)
    last_kind = _part("_moved", Steps.last_kind)
    offer_proposal = _part("_drawn", LabelStore.offer_proposal)
    proposed = _part("_drawn", LabelStore.proposed)
    proposal_origin = _part("_accepted", RevisionStore.proposal_origin)
    redo = _part("_moved", Steps.redo)
    revision_labels = _part("_accepted", RevisionStore.revision_labels)
    revision_touched = _part("_accepted", RevisionStore.revision_touched)
    revisions = _part("_accepted", RevisionStore.revisions)
    set_base = _part("_drawn", LabelStore.set_base)
    set_aside = _part("_drawn", LabelStore.set_aside)
    set_proposal = _part("_drawn", LabelStore.set_proposal)
    standing = _part("_accepted", RevisionStore.standing)
    strokes_below = _part("_accepted", RevisionStore.strokes_below)
    made = _part("_accepted", RevisionStore.made)
    made_by = _part("_accepted", RevisionStore.made_by)
    corrected = _part("_accepted", RevisionStore.corrected)
    touched = _part("_drawn", LabelStore.touched)
    undo = _part("_moved", Steps.undo)
    undoes_proposal = _part("_moved", Steps.undoes_proposal)
    unlock = _part("_drawn", LabelStore.unlock)
    withdraw = _part("_accepted", RevisionStore.withdraw)

    add_run = _part("_trained", RunStore.add_run)
    adopt = _part("_trained", RunStore.adopt)
    adopted = _part("_trained", RunStore.adopted)
    choose = _part("_trained", RunStore.choose)
    chosen = _part("_trained", RunStore.chosen)
    check_run_weights = _part("_trained", RunStore.check_run_weights)
    runs = _part("_trained", RunStore.runs)
    set_run = _part("_trained", RunStore.set_run)
    weights_problems = _part("_trained", RunStore.weights_problems)

    # ---- classes -------------------------------------------------------------------------------------------------

    def classes(self) -> list[LabelClass]:
        """What the labels stand for, by label; those that nobody named are missing."""
        rows = self._db.rows("SELECT label, name, colour FROM classes ORDER BY label")
        return [LabelClass(label=row[0], name=row[1], colour=row[2]) for row in rows]

    def untyped(self) -> set[int]:
        """Labels whose names no person gave: a network's, noted as its masks came."""
        found: dict[int, bool] = {}
        with damage_told(f"{self._db.path}, who named the classes"):
            for (text,) in self._db.rows("SELECT detail FROM history WHERE kind = 'class' ORDER BY id"):
                facts = parse_json(text)
                found[int(facts["label"])] = not facts.get("typed", True)
        return {label for label, untyped in found.items() if untyped}

    def set_class(self, label: int, name: str, colour: str, *, typed: bool = True) -> None:
        """Say what a label stands for.

        Parameters
        ----------
        label : int
        name, colour : str
        typed : bool
            A person gave this name; else it is what a network calls it, and another network may call it otherwise.

        Raises
        ------
        InputError
            If the label, name or colour cannot be used.
        """
        if not 1 <= label <= 255:
            raise InputError(f"label is {label}; expected 1 to 255. Choose another.")
        name = one_line(" ".join(name.split()))
        other = self._db.row("SELECT label FROM classes WHERE name = ? AND label <> ?", name, label)
        if not name or other:
            why = f"label {other[0]} has it already" if other else "it is empty"
            raise InputError(f"the name of label {label} is '{name}'; {why}. Choose another name.")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise InputError(f"colour is '{colour}'; expected #rrggbb. Choose another colour.")
        with self._db.transaction() as db:
            db.execute("INSERT OR REPLACE INTO classes VALUES (?, ?, ?)", (label, name, colour))
            told = {"label": label, "name": name, "colour": colour, **({} if typed else {"typed": False})}
            history.add(db, None, "class", told)

    def set_coding(self, label: int, coding: Mapping[str, str], task: str = "") -> None:
        """Remember what a class is and where it lies, as entries of the list of codes.

        Parameters
        ----------
        task : str
            It holds for masks that were proposed for this task; empty: for those that nothing proposed.
        """
        if self.codings(task).get(label) != dict(coding):
            with self._db.transaction() as db:
                history.add(db, None, "coding", {"label": label, **coding, **({"task": task} if task else {})})

    def codings(self, task: str = "") -> dict[int, dict[str, str]]:
        """What was remembered last of each class for such masks, by label.

        Raises
        ------
        ProjectError
            If a row is damaged.
        """
        found = {}
        with damage_told(f"{self._db.path}, what classes are coded as"):
            for (text,) in self._db.rows("SELECT detail FROM history WHERE kind = 'coding' ORDER BY id"):
                facts = {key: str(fact) for key, fact in parse_json(text).items()}
                label, of = int(facts.pop("label")), facts.pop("task", "")
                if of == task:
                    found[label] = facts
        return found

    # ---- the whole -----------------------------------------------------------------------------------------------

    def history(self, case_id: int | None = None) -> list[HistoryRow]:
        """Who did what when, oldest first; of one case or of all."""
        columns = "SELECT id, case_id, created, author, kind, detail FROM history"
        rows = (
            self._db.rows(f"{columns} ORDER BY id")
            if case_id is None
            else self._db.rows(f"{columns} WHERE case_id = ? ORDER BY id", case_id)
        )
        return [HistoryRow(id=r[0], case_id=r[1], created=r[2], author=r[3], kind=r[4], detail=r[5]) for r in rows]

    def sealed(self) -> tuple[int, str]:
        """Number and hash of the history's last row: who keeps them can tell later that nothing before was changed."""
        row = self._db.row("SELECT id, chain FROM history ORDER BY id DESC LIMIT 1")
        return (0, "") if row is None else (row[0], row[1])

    def verify(self) -> list[str]:
        """Check the file, each tile, each row and the history that they come from; a sentence for each fault."""
        found = audit.problems(self._db, self.revision_labels)
        try:
            found += image_problems(self.cases())
        except ProjectError as error:
            found.append(str(error))
        return found + self._drawn.base_problems() + self.weights_problems()

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


def _folder_of(path: str | Path) -> Path:
    path = Path(path)
    return path.parent if path.name == FILE_NAME else path

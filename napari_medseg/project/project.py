"""A project: images, what was drawn on them, and what was trained from that. The rest of the program sees only this."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_medseg.atomic import output_error
from napari_medseg.errors import InputError, ProjectError
from napari_medseg.fields import parse_json
from napari_medseg.io import Grid, stem_of
from napari_medseg.io.look import NEAR, difference
from napari_medseg.names import clean_name, one_line
from napari_medseg.project import audit, grids, history, queries, seals
from napari_medseg.project.checks import check_case
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import FILE_NAME, Database, can_write
from napari_medseg.project.files import check_own, fault, file_sha256, image_problems, is_there
from napari_medseg.project.history import clock_problem
from napari_medseg.project.label_store import LabelStore
from napari_medseg.project.lock import lock_project, training_in
from napari_medseg.project.records import Case, HistoryRow, LabelClass
from napari_medseg.project.run_store import RunStore
from napari_medseg.project.runs import finished

_LAST_STROKE = history.LAST.format("strokes")


class Project(LabelStore, RunStore):
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
        # sets the folder and the database for both
        super().__init__(path, db)
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
            self._find_beside()
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
        if not is_there(folder / FILE_NAME):
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
        return f"The last session ended unexpectedly; all {count} strokes and proposals up to {up_to} are here."

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

    # ---- cases ---------------------------------------------------------------------------------------------------

    def add_case(
        self,
        image: str | Path,
        *,
        shape: tuple[int, ...],
        name: str | None = None,
        group: str | None = None,
        split: str = "train",
        spacing: tuple[float, ...] | None = None,
        unit: str = "px",
        look: str | None = None,
        grid: Grid | None = None,
    ) -> Case:
        """Add an image, or tell where an image of the project lies now, which keeps its group, split and labels.

        Parameters
        ----------
        image : str or Path
            Stays where it is; stored relative to the project where it lies inside.
        shape : tuple of int
            (Y, X) of an image, (Z, Y, X) of a volume, px.
        name : str, optional
            Default: that of the file without its suffix. What would lead to another folder is replaced.
        group : str, optional
            Patient or the like; default: the image stands alone.
        split : {'train', 'heldout'}
        look : str, optional
            As :func:`napari_medseg.io.look.look_of` gives it. A near copy of a case joins that case's group, so that
            both stay on one side of the split.
        grid : Grid, optional
            Where its pixels lie; it takes the place of ``spacing`` and ``unit``.

        Raises
        ------
        ImageReadError
            If the file cannot be read.
        ShapeError
            If the shape is neither that of an image nor that of a volume.
        InputError
            If the same file, byte for byte, is in the project and still in its place, its group lies on the other side
            of the split, it looks like a case of another split or group, or a value cannot be used.
        """
        if grid is not None:
            spacing, unit = grid.spacing, grid.unit
        check_case(shape, split, spacing, unit)
        group = None if group is None else one_line(group)
        path = Path(image).resolve()
        digest = file_sha256(path)
        same = self._db.row("SELECT id, name, image FROM cases WHERE sha256 = ?", digest)
        if same:
            if fault(self.path / os.fsdecode(same[2]), digest) is None:
                raise InputError(f"{path} is in the project already as '{same[1]}'. Add each image once.")
            return self._move(same[0], path, grid)
        near = None if look is None else self.looks_like(look)
        if near is not None and (near[2] != split or group not in (None, near[1])):
            raise InputError(
                f"{path} looks like '{near[0]}' of group '{near[1]}', which is '{near[2]}'; near copies stay together "
                "so that scores stay honest. Give it that group and split, or leave it out."
            )
        group = group or (near[1] if near is not None else digest[:16])
        other = self._db.row("SELECT name FROM cases WHERE group_key = ? AND split <> ?", group, split)
        if other:
            raise InputError(
                f"{path} is to be '{split}', but '{other[0]}' of the same group '{group}' is not; a group stays "
                "together so that scores stay honest. Choose the other split."
            )
        name = clean_name(name or stem_of(path))
        *sz, sy, sx = spacing or (None, None)
        *depth, height, width = shape
        with self._db.transaction() as db:
            cursor = db.execute(
                "INSERT INTO cases (name, image, sha256, height, width, spacing_y, spacing_x, unit, group_key, split, "
                "depth, spacing_z, look, grid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(name, self._stored(path), digest, height, width, sy, sx, unit, group, split),
                    *(depth or (None,)),
                    *(sz or (None,)),
                    *(look, grids.kept(grid)),
                ),
            )
            case_id = int(cursor.lastrowid or 0)
            facts = {"name": name, "sha256": digest, "split": split, "project": str(self.path)}
            history.add(db, case_id, "add", {**facts, **seals.sealed(db, "cases", case_id)})
        return self.case(case_id)

    def _stored(self, path: Path) -> str | bytes:
        text = path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else str(path)
        try:
            text.encode()
        except UnicodeEncodeError:
            # a name that is no UTF-8 is bytes on the disk, and here
            return os.fsencode(text)
        return text

    def _find_beside(self) -> None:
        """Images that lie where they lay, seen from the project: both were moved together, by a copy to another disk.

        Only the very same bytes are taken for them.
        """
        missing = [case for case in self.cases() if case.missing]
        if not missing:
            return
        # where the project lay when it was last told where the image lies
        lay: dict[int | None, str] = {}
        for row in self.history():
            if row.kind in ("add", "move"):
                with suppress(ValueError, TypeError, AttributeError):
                    lay[row.case_id] = parse_json(row.detail).get("project") or ""
        for case in missing:
            with suppress(ValueError, OSError, TypeError):
                beside = Path(os.path.normpath(self.path / os.path.relpath(case.image, lay.get(case.id) or self.path)))
                if beside != case.image and is_there(beside) and fault(beside, case.sha256) is None:
                    self._move(case.id, beside)

    def _move(self, case_id: int, path: Path, grid: Grid | None = None) -> Case:
        """Note where an image lies now, and its grid, which earlier versions did not keep; its row is sealed again."""
        with self._db.transaction() as db:
            was = db.execute("SELECT image FROM cases WHERE id = ?", (case_id,)).fetchone()[0]
            values = (self._stored(path), grids.kept(grid), case_id)
            db.execute("UPDATE cases SET image = ?, grid = COALESCE(grid, ?) WHERE id = ?", values)
            facts = {"from": was, "to": self._stored(path), "project": str(self.path)}
            history.add(db, case_id, "move", {**facts, **seals.sealed(db, "cases", case_id)})
        return self.case(case_id)

    def looks_like(self, look: str) -> tuple[str, str, str] | None:
        """Name, group and split of the nearest case that is a near copy; None where none is."""
        rows = self._db.rows("SELECT name, group_key, split, look FROM cases WHERE look IS NOT NULL")
        nearest = min(rows, key=lambda row: difference(row[3], look), default=None)
        return None if nearest is None or difference(nearest[3], look) > NEAR else nearest[:3]

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
        row = self._db.row("SELECT id FROM cases WHERE sha256 = ?", file_sha256(Path(image)))
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

    # ---- classes -------------------------------------------------------------------------------------------------

    def classes(self) -> list[LabelClass]:
        """What the labels stand for, by label; those that nobody named are missing."""
        rows = self._db.rows("SELECT label, name, colour FROM classes ORDER BY label")
        return [LabelClass(label=row[0], name=row[1], colour=row[2]) for row in rows]

    def set_class(self, label: int, name: str, colour: str) -> None:
        """Say what a label stands for.

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
            history.add(db, None, "class", {"label": label, "name": name, "colour": colour})

    # ---- the whole -----------------------------------------------------------------------------------------------

    def history(self, case_id: int | None = None) -> list[HistoryRow]:
        """Who did what when, oldest first; of one case or of all."""
        rows = self._db.rows("SELECT id, case_id, created, author, kind, detail FROM history ORDER BY id")
        return [
            HistoryRow(id=r[0], case_id=r[1], created=r[2], author=r[3], kind=r[4], detail=r[5])
            for r in rows
            if case_id is None or r[1] == case_id
        ]

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
        return found + self.weights_problems()

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

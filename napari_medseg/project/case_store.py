"""The images of a project: added, found again, looked up. A part of :class:`Project`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_medseg.digest import BY_PARTS
from napari_medseg.errors import InputError
from napari_medseg.fields import parse_json
from napari_medseg.io import Grid, is_there, name_of
from napari_medseg.names import clean_name, one_line
from napari_medseg.plain import real_path
from napari_medseg.project import grids, history, looks, queries, seals
from napari_medseg.project.checks import check_case
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import Database
from napari_medseg.project.files import fault, image_sha256
from napari_medseg.project.own import check_not_own
from napari_medseg.project.records import Case


class CaseStore:
    """What is corrected. A row is found by a key or an index: its cost does not grow with the project.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path, self._db = path, db
        # what was read last, by its number: a row and what was made of it
        self._known: dict[int, tuple[tuple, Case]] = {}
        # of a large case, how much of it is accepted
        self.with_frames: Callable[[Case], Case] = lambda case: case

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

        One that was removed comes back with all of these.

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
            of the split, it looks like a case of another split or group, the program wrote it for itself, or a value
            cannot be used.
        """
        if grid is not None:
            spacing, unit = grid.spacing, grid.unit
        check_case(shape, split, spacing, unit)
        group = None if group is None else one_line(group)
        path = real_path(image)
        check_not_own(image)
        digest = image_sha256(path)
        same = self._same(path, digest)
        if same:
            if same[4]:
                self._set_removed(same[0], removed=False)
            elif fault(self.path / os.fsdecode(same[2]), same[3]) is None:
                raise InputError(f"{path} is in the project already as '{same[1]}'. Add each image once.")
            return self._move(same[0], path, grid)
        near = None if look is None else self.looks_like(look)
        if near is not None and (near[2] != split or group not in (None, near[1])):
            raise InputError(
                f"{path} looks like '{near[0]}' of group '{near[1]}', which is '{near[2]}'; near copies stay together "
                "so that scores stay honest. Give it that group and split, or leave it out."
            )
        group = group or (near[1] if near is not None else digest.removeprefix(BY_PARTS)[:16])
        other = self._db.row("SELECT name FROM cases WHERE group_key = ? AND split <> ?", group, split)
        if other:
            raise InputError(
                f"{path} is to be '{split}', but '{other[0]}' of the same group '{group}' is not; a group stays "
                "together so that scores stay honest. Choose the other split."
            )
        name = clean_name(name or name_of(path))
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
                    *(None if look is None else looks.plain(look), grids.kept(grid)),
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

    def find_beside(self) -> None:
        """Images that lie where they lay, seen from the project: both were moved together, by a copy to another disk.

        Only the very same bytes are taken for them.
        """
        missing = [case for case in self.cases() if case.missing]
        if not missing:
            return
        # where the project lay when it was last told where the image lies
        lay: dict[int | None, str] = {}
        for case_id, detail in self._db.rows(queries.PLACES):
            with suppress(ValueError, TypeError, AttributeError):
                lay[case_id] = parse_json(detail).get("project") or ""
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

    def remove(self, case_id: int) -> None:
        """Take an image off the list. Its file stays, and so do its strokes: adding it again brings all of it back.

        Raises
        ------
        InputError
            If there is none of this number.
        OutputError
            If that cannot be stored.
        """
        self.case(case_id)
        self._set_removed(case_id, removed=True)

    def _set_removed(self, case_id: int, *, removed: bool) -> None:
        with self._db.transaction() as db:
            db.execute("UPDATE cases SET removed = ? WHERE id = ?", (int(removed), case_id))
            history.add(db, case_id, "remove" if removed else "bring back", {})

    def looks_like(self, look: str) -> tuple[str, str, str] | None:
        """Name, group and split of the nearest case that is a near copy; None where none is."""
        query, values = looks.near(look)
        rows = self._db.rows(query, *values)
        with damage_told(f"{self.path}, what an image looks like,"):
            return looks.nearest(rows, look)

    def cases(self) -> list[Case]:
        """All cases in the order in which they were added, without those that were removed."""
        known, found = self._known, {}
        for row in self._db.rows(queries.CASES.format("WHERE c.removed = 0")):
            before = known.get(row[0])
            # what nothing happened to is the same object: of ten thousand, one is made anew
            if before is None or before[0] != row:
                case = self._to_case(row)
            elif before[1].missing == is_there(before[1].image):
                case = replace(before[1], missing=not before[1].missing)
            else:
                case = before[1]
            found[row[0]] = row, case
        self._known = found
        return [case for _, case in found.values()]

    def case(self, case_id: int) -> Case:
        """One case, also one that was removed: what was learned from it speaks of it still.

        Raises
        ------
        InputError
            If there is none of this number.
        """
        row = self._db.row(queries.CASES.format("WHERE c.id = ?"), case_id)
        if row is None:
            count = self._db.rows("SELECT COUNT(*) FROM cases")[0][0]
            raise InputError(f"case is {case_id}; the project has {count} cases. List them with 'status'.")
        return self._to_case(row)

    def _to_case(self, row: tuple) -> Case:
        case = queries.to_case(row, self.path)
        return self.with_frames(case) if case.large else case

    def split_of(self, group: str) -> str | None:
        """On which side of the split a group lies; None where no case is of it."""
        row = self._db.row("SELECT split FROM cases WHERE group_key = ? ORDER BY id DESC", group)
        return None if row is None else str(row[0])

    def find_image(self, image: str | Path) -> Case | None:
        """The case whose file had the same bytes when it was added; None where there is none, or it was removed.

        Raises
        ------
        ImageReadError
            If the file cannot be read.
        """
        path = real_path(image)
        row = self._same(path, image_sha256(path))
        return None if row is None or row[4] else self.case(row[0])

    def _same(self, path: Path, digest: str) -> tuple[Any, ...] | None:
        """Number, name, image, hash and whether it was removed of the case that a file is; None where it is none."""
        query = "SELECT id, name, image, sha256, removed FROM cases WHERE "
        found = self._db.row(f"{query}sha256 = ?", digest)
        if found is None and digest.startswith(BY_PARTS):
            # an earlier version hashed all of it
            before = self._db.row(f"{query}image = ?", self._stored(path))
            if before is not None and fault(path, before[3]) is None:
                return before
        return found

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

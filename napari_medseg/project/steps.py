"""Undo and redo: where a case stands on its strokes. A part of :class:`Project`."""

from __future__ import annotations

from napari_medseg.project import queries
from napari_medseg.project.current import Current
from napari_medseg.project.database import Database
from napari_medseg.project.records import Box
from napari_medseg.project.stroke_rows import step_back, step_forth


class Steps:
    """Strokes stay where they are; what moves is the one up to which a case is shown.

    Parameters
    ----------
    db : Database
    current : Current
    """

    def __init__(self, db: Database, current: Current) -> None:
        self._db, self._current = db, current

    def undo(self, case_id: int) -> Box | None:
        """Go back by one stroke, also over a restart; the box that changed, None where there is nothing."""
        with self._db.transaction() as db:
            cursor = self._current.place(case_id)[0]
            row = db.execute("SELECT parent, y0, x0, y1, x1 FROM strokes WHERE id = ?", (cursor,)).fetchone()
            if row is None:
                return None
            step_back(db, case_id, cursor, row[0])
        return (row[1], row[2], row[3], row[4])

    def redo(self, case_id: int) -> Box | None:
        """Take an undo back; the box that changed, None where there is nothing."""
        with self._db.transaction() as db:
            cursor = self._current.place(case_id)[0]
            row = db.execute(queries.REDO, (case_id, cursor)).fetchone()
            if row is None:
                return None
            step_forth(db, case_id, row[0])
        return (row[1], row[2], row[3], row[4])

    def last_kind(self, case_id: int) -> str:
        """What :meth:`undo` would take back: a tool, ``proposal``, ``accepted``, ...; empty where there is nothing."""
        row = self._db.row("SELECT kind FROM strokes WHERE id = ?", self._current.place(case_id)[0])
        return "" if row is None else str(row[0])

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

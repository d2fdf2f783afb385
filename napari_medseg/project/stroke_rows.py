"""Rows of strokes, and where a case stands: inside the caller's transaction, with what the history says of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from napari_medseg.project import history, queries, seals
from napari_medseg.project.records import Box


def insert_stroke(db: Any, case_id: int, parent: int, kind: str, box: Box, origin: Mapping[str, Any] | None) -> int:
    """A row of a stroke; its tiles are still to be written, and :func:`note_stroke` is to be called then."""
    text = None if origin is None else json.dumps(dict(origin), sort_keys=True, default=str)
    cursor = db.execute(
        "INSERT INTO strokes (case_id, parent, kind, created, author, y0, x0, y1, x1, origin) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (case_id, parent, kind, time.time(), history.author(), *box, text),
    )
    return int(cursor.lastrowid)


def note_stroke(db: Any, case_id: int, stroke: int, kind: str, box: Box, origin: Mapping[str, Any] | None) -> None:
    """Show a stroke that is stored, and say in the history what it made."""
    db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (stroke, case_id))
    facts: dict[str, Any] = {"stroke": stroke, "box": box, "tiles": queries.tiles_sha256(db, stroke)}
    if origin is not None:
        facts["by"] = {key: origin.get(key) for key in ("network", "weights", "sha256")}
    note(db, case_id, kind, facts, "strokes", stroke)


def note(db: Any, case_id: int, kind: str, facts: Mapping[str, Any], table: str, number: int) -> None:
    """Into the history, with the seal of the row that was made."""
    history.add(db, case_id, kind, {**facts, **seals.sealed(db, table, number)})


def step_back(db: Any, case_id: int, stroke: int, to: int) -> None:
    """Show a case as it was before a stroke, or as of another."""
    db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (to, case_id))
    history.add(db, case_id, "undo", {"stroke": stroke, "cursor": to})


def step_forth(db: Any, case_id: int, stroke: int) -> None:
    """Show a case as of a stroke that was undone."""
    db.execute("UPDATE cases SET cursor = ? WHERE id = ?", (stroke, case_id))
    history.add(db, case_id, "redo", {"stroke": stroke, "cursor": stroke})

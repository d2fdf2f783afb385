"""What never changes in a row once it is made, hashed into the history when it is.

A later version of the schema may add columns. Rows that were sealed before keep their seal: it says which version made
it, and what came later holds nothing in such a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import chain
from typing import Any

from napari_medseg.project.database import SCHEMA_VERSION

# by the version that brought the columns; a new column goes into a new line, never into an old one. Where an image
# lies, and what else is found out of it later, may change: its row is then sealed again.
FIXED: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "cases": {
        1: (
            *("id", "name", "image", "sha256", "height", "width", "spacing_y", "spacing_x", "unit"),
            "group_key",
        ),
        2: ("depth", "spacing_z"),
        3: ("look",),
        4: ("grid",),
    },
    "strokes": {1: ("id", "case_id", "parent", "kind", "created", "author", "y0", "x0", "y1", "x1", "origin")},
    "revisions": {1: ("id", "case_id", "number", "stroke_id", "sha256", "created", "author"), 6: ("box",)},
    "runs": {1: ("id", "folder", "created", "spec")},
    "project": {1: ("id", "created", "software")},
}
# the last version whose seals do not say which one made them
_SILENT = 3


def sealed(db: Any, table: str, number: int) -> dict[str, Any]:
    """For the history's row that tells of a row: its seal, and the version that made it."""
    digest = _sha256(db, table, number, SCHEMA_VERSION)
    return {"rows": [(table, number, digest)], "schema": SCHEMA_VERSION}


def holds(db: Any, table: str, number: int, digest: object, schema: int | None) -> bool:
    """Whether a row is as it was when it was sealed.

    Parameters
    ----------
    schema : int or None
        What :func:`sealed` wrote; None in projects of earlier versions: any of these may have made it.
    """
    return any(
        _sha256(db, table, number, version) == digest and not _later(db, table, number, version)
        for version in ((schema,) if schema is not None else range(1, _SILENT + 1))
    )


def _columns(table: str, versions: range) -> list[str]:
    return list(chain.from_iterable(FIXED[table].get(version, ()) for version in versions))


def _sha256(db: Any, table: str, number: int, version: int) -> str | None:
    """Hash of what the version knew of a row; None where there is no such row."""
    columns = ", ".join(_columns(table, range(1, version + 1)))
    row = db.execute(f"SELECT {columns} FROM {table} WHERE id = ?", (number,)).fetchone()
    # repr: a damaged row may hold bytes
    return None if row is None else hashlib.sha256(json.dumps(row, default=repr).encode()).hexdigest()


def _later(db: Any, table: str, number: int, version: int) -> bool:
    """Whether a row holds something that the version that sealed it knew nothing of."""
    columns = _columns(table, range(version + 1, SCHEMA_VERSION + 1))
    if not columns:
        return False
    row = db.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE id = ?", (number,)).fetchone()
    return any(value is not None for value in row)

"""Rows to records."""

from __future__ import annotations

import hashlib
import operator
import os
import sqlite3
from pathlib import Path

from napari_medseg.io import is_there
from napari_medseg.io.image import usable_sizes
from napari_medseg.names import clean_name
from napari_medseg.project.damage import damage_told
from napari_medseg.project.labels import PATH
from napari_medseg.project.records import Case, Run

# accepted: the newest revision is of what is shown. In progress: something was drawn on top of a proposal or nothing.
CASES = """
SELECT c.id, c.name, c.image, c.sha256, c.height, c.width, c.spacing_y, c.spacing_x, c.unit, c.group_key, c.split,
    CASE
        WHEN c.cursor = (SELECT stroke_id FROM revisions r WHERE r.case_id = c.id ORDER BY number DESC LIMIT 1)
            THEN 'accepted'
        WHEN c.cursor = 0 THEN 'new'
        WHEN (SELECT kind FROM strokes s WHERE s.id = c.cursor) = 'proposal' THEN 'proposed'
        ELSE 'in progress'
    END,
    (
        WITH RECURSIVE below (id, parent, kind) AS (
            SELECT id, parent, kind FROM strokes WHERE id = c.cursor
            -- each once: in a damaged project the path may lead round
            UNION SELECT s.id, s.parent, s.kind FROM strokes s JOIN below ON s.id = below.parent
        )
        SELECT COUNT(*) FROM below WHERE kind NOT IN ('proposal', 'unlock')
    ),
    c.depth, c.spacing_z, c.grid,
    (SELECT COUNT(DISTINCT box) FROM revisions r WHERE r.case_id = c.id)
FROM cases c {} ORDER BY c.id
"""
# of the newest revision, where it is what is shown
ACCEPTED = """
SELECT r.id FROM revisions r JOIN cases c ON c.id = r.case_id AND c.cursor = r.stroke_id
WHERE c.id = ? AND r.number = (SELECT MAX(number) FROM revisions WHERE case_id = c.id)
"""
# of the newest revision of a box, where it is of what is shown
ACCEPTED_BOX = """
SELECT r.id FROM revisions r JOIN cases c ON c.id = r.case_id AND c.cursor = r.stroke_id
WHERE c.id = ? AND r.box = ? ORDER BY number DESC LIMIT 1
"""
# where the project lay when it was told of an image's place
PLACES = "SELECT case_id, detail FROM history WHERE kind IN ('add', 'move') ORDER BY id"
REDO = "SELECT id, y0, x0, y1, x1 FROM strokes WHERE case_id = ? AND parent = ? ORDER BY id DESC LIMIT 1"
REVISION = """
SELECT r.stroke_id, r.sha256, r.case_id, r.box, c.depth, c.height, c.width
FROM revisions r JOIN cases c ON c.id = r.case_id WHERE r.id = ?
"""
ORIGIN = (
    PATH
    + """
SELECT origin FROM strokes WHERE id IN (SELECT id FROM path) AND kind = 'proposal' ORDER BY id DESC LIMIT 1
"""
)
PROPOSED = PATH + "SELECT MAX(id) FROM strokes WHERE id IN (SELECT id FROM path) AND kind = 'proposal'"
# the part of the grid of tiles that a stroke changed; nulls where it changed none
TILES_OF = "SELECT MIN(tile_y), MIN(tile_x), MAX(tile_y) + 1, MAX(tile_x) + 1 FROM tiles WHERE stroke_id = ?"
DRAWN = PATH + "SELECT COUNT(*) FROM strokes WHERE id IN (SELECT id FROM path) AND kind NOT IN ('proposal', 'unlock')"


def shape_of(depth: int | None, height: int, width: int) -> tuple[int, ...]:
    """(Y, X) of an image, (Z, Y, X) of a volume."""
    with damage_told("The size of an image"):
        # a product of text or nothing would go on to be an error elsewhere
        return tuple(operator.index(side) for side in ((height, width) if depth is None else (depth, height, width)))


def to_case(row: tuple, folder: Path) -> Case:
    """A row of :data:`CASES`."""
    with damage_told(f"{folder}, image {row[0]}"):
        # bytes: a name that is no UTF-8
        image = folder / os.fsdecode(row[2])
        return Case(
            id=row[0],
            # what was added by an older version, or behind the program's back, may hold any name
            name=clean_name(row[1]),
            image=image,
            sha256=row[3],
            shape=shape_of(row[13], row[4], row[5]),
            spacing=_spacing(row[8], row[14], row[6], row[7]),
            unit=row[8],
            group=row[9],
            split=row[10],
            state=row[11],
            strokes=row[12],
            missing=not is_there(image),
            grid=row[15],
            frames=row[16],
        )


def _spacing(unit: str, *sizes: object) -> tuple[float, ...] | None:
    """(y, x) or (z, y, x); None where nobody knows. An earlier version believed whatever size a file told."""
    known = tuple(float(size) for size in sizes if isinstance(size, (int, float)))
    return known if len(known) > 1 and usable_sizes(known, unit) else None


def to_run(row: tuple, folder: Path) -> Run:
    """A row of the table of runs; paths are relative to the project where they lie inside."""
    with damage_told(f"{folder}, run {row[0]}"):
        return Run(
            id=row[0],
            folder=folder / row[1],
            state=row[2],
            created=row[3],
            weights=None if row[4] is None else folder / row[4],
            spec=row[5],
            result=row[6],
        )


def tiles_sha256(db: sqlite3.Connection, stroke: int) -> str:
    """One hash over a stroke's tiles, for its row of the history."""
    digest = hashlib.sha256()
    for ty, tx, data in db.execute(
        "SELECT tile_y, tile_x, data FROM tiles WHERE stroke_id = ? ORDER BY tile_y, tile_x", (stroke,)
    ):
        # what is no longer bytes is told apart by what it says of itself
        digest.update(f"{ty},{tx}:".encode() + (data if isinstance(data, bytes) else repr(data).encode()))
    return digest.hexdigest()

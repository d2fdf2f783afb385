"""Is everything as the history says? Each row of each table against the row of the history that made it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_medseg.errors import InputError, ProjectError
from napari_medseg.project import history, seals
from napari_medseg.project.database import Database
from napari_medseg.project.queries import tiles_sha256


def problems(db: Database, revision_labels: Callable[[int], np.ndarray]) -> list[str]:
    """Every fault of a project, a sentence each.

    Parameters
    ----------
    db : Database
    revision_labels : callable
        Labels of a revision; raises a ProjectError where they are not those that were accepted.
    """
    found = [f"SQLite: {row[0]}" for row in db.rows("PRAGMA integrity_check") if row[0] != "ok"]
    for stroke, ty, tx, crc, data in db.rows("SELECT stroke_id, tile_y, tile_x, crc, data FROM tiles"):
        if not isinstance(data, bytes) or zlib.crc32(data) != crc:
            found.append(f"Tile ({ty}, {tx}) of stroke {stroke} does not match its checksum.")
    for (revision,) in db.rows("SELECT id FROM revisions"):
        try:
            revision_labels(revision)
        # InputError: its case is gone
        except (InputError, ProjectError) as error:
            found.append(str(error))
    rows = db.rows("SELECT id, case_id, created, author, kind, detail, chain FROM history ORDER BY id")
    broken = history.problems(rows)
    if broken:
        # what it says cannot be held against anything
        return found + broken
    told = [(row[1], row[4], json.loads(row[5])) for row in rows]
    with db.snapshot() as connection:
        return found + _rows(connection, told) + _values(connection, told)


def _rows(db: Any, told: list[tuple]) -> list[str]:
    """What never changes."""
    found = []
    sealed: dict[str, set[int]] = {table: set() for table in seals.FIXED}
    # the last one counts: the row of an image that was moved is sealed again
    last: dict[tuple[str, int], tuple[str, int | None]] = {}
    for _, _, detail in told:
        if "tiles" in detail:
            sealed["strokes"].add(detail["stroke"])
            if tiles_sha256(db, detail["stroke"]) != detail["tiles"]:
                found.append(f"The tiles of stroke {detail['stroke']} are not those that were drawn.")
        # histories of older versions do not seal rows
        for table, number, digest in detail.get("rows", ()):
            sealed[table].add(number)
            last[table, number] = (digest, detail.get("schema"))
    for (table, number), (digest, schema) in last.items():
        if not seals.holds(db, table, number, digest, schema):
            found.append(f"Row {number} of {table} was changed or removed.")
    # what was added behind the history's back
    old = any("rows" not in detail and kind == "add" for _, kind, detail in told)
    for table in ("strokes",) if old else ("cases", "strokes", "revisions", "runs"):
        there = {row[0] for row in db.execute(f"SELECT id FROM {table}")}
        found += [f"Row {number} of {table} is not in the history." for number in sorted(there - sealed[table])]
    orphans = db.execute("SELECT DISTINCT stroke_id FROM tiles WHERE stroke_id NOT IN (SELECT id FROM strokes)")
    found += [f"Tiles of stroke {row[0]} belong to nothing." for row in orphans]
    return found


def _values(db: Any, told: list[tuple]) -> list[str]:
    """What changes with the history: where it stands now is what the history says last."""
    cursors: dict[int, int] = {}
    splits: dict[int, str] = {}
    removed: dict[int, int] = {}
    runs: dict[int, dict[str, Any]] = {}
    adopted: Any = None
    classes: dict[int, tuple[str, str]] = {}
    groups = dict(db.execute("SELECT id, group_key FROM cases").fetchall())
    for case, kind, detail in told:
        if kind in ("undo", "redo"):
            cursors[case] = detail["cursor"]
        elif "stroke" in detail and "tiles" in detail:
            cursors[case] = detail["stroke"]
        elif kind in ("remove", "bring back"):
            removed[case] = int(kind == "remove")
        elif kind == "add":
            splits[case] = detail["split"]
        elif kind == "hold out":
            splits.update({number: "heldout" for number, group in groups.items() if group == detail["group"]})
        elif kind in ("train", "run"):
            kept = {key: value for key, value in detail.items() if value is not None}
            runs[detail["run"]] = {**runs.get(detail["run"], {}), **kept}
        elif kind == "adopt":
            adopted = detail["weights"]
        elif kind == "class":
            classes[detail["label"]] = (detail["name"], detail["colour"])
    found = []
    for number, cursor, split, gone in db.execute("SELECT id, cursor, split, removed FROM cases"):
        if gone != removed.get(number, 0):
            now, then = ("removed" if one else "there" for one in (gone, removed.get(number, 0)))
            found.append(f"Case {number} is {now}; the history says that it is {then}.")
        if cursor != cursors.get(number, 0):
            found.append(f"Case {number} shows stroke {cursor}; the history says {cursors.get(number, 0)}.")
        if split != splits.get(number, split):
            found.append(f"Case {number} is '{split}'; the history says '{splits[number]}'.")
    for number, *values in db.execute("SELECT id, state, weights, result FROM runs"):
        for key, value in zip(("state", "weights", "result"), values, strict=True):
            about = runs.get(number, {})
            # weights and a result that the history does not know of were put in behind its back; older versions, which
            # sealed no rows, did not tell all
            said = about.get(key, None if "rows" in about else value)
            if value != said:
                found.append(f"The {key} of run {number} is {value!r}; the history says {said!r}.")
    there = {label: (name, colour) for label, name, colour in db.execute("SELECT label, name, colour FROM classes")}
    if there != classes:
        found.append(f"The classes are {there}; the history says {classes}.")
    (now,) = db.execute("SELECT adopted FROM project").fetchone()
    if now != adopted:
        found.append(f"The weights in use are {now!r}; the history says {adopted!r}.")
    return found

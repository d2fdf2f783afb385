"""A seal counts what the version that made it knew; nothing that came later breaks it, or hides behind it."""

import json
import sqlite3

import numpy as np
import pytest
from PIL import Image

from napari_medseg.project import Project, history, seals
from napari_medseg.project.database import SCHEMA_VERSION

LATER = [(table, name) for table, known in seals.FIXED.items() for v in known if v > 2 for name in known[v]]


@pytest.fixture
def folder(tmp_path):
    with Project.create(tmp_path / "p") as project:
        for number in (1, 2):
            Image.new("L", (30, 28), number).save(tmp_path / "p" / f"{number}.png")
            project.add_case(tmp_path / "p" / f"{number}.png", shape=(28, 30))
        project.commit_stroke(1, np.ones((28, 30), np.uint8))
        # two rows of each table
        for _ in range(2):
            project.accept(1)
            project.add_run("{}", "runs/0001")
    return tmp_path / "p"


def change(folder, *statements):
    db = sqlite3.connect(folder / "project.sqlite")
    try:
        for statement in statements:
            db.execute(statement)
        db.commit()
    finally:
        db.close()


def as_version_2(folder):
    """The project as the second version of the schema would have made it: its seals, its columns."""
    db = sqlite3.connect(folder / "project.sqlite")
    try:
        chain = ""
        for *values, text, _ in db.execute("SELECT * FROM history ORDER BY id").fetchall():
            detail = json.loads(text)
            detail.pop("schema", None)
            detail["rows"] = [(table, row, seals._sha256(db, table, row, 2)) for table, row, _ in detail["rows"]]
            values.append(json.dumps(detail, sort_keys=True))
            chain = history.seal(chain, values)
            db.execute("UPDATE history SET detail = ?, chain = ? WHERE id = ?", (values[-1], chain, values[0]))
        for (index,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'looks%'").fetchall():
            db.execute(f"DROP INDEX {index}")
        for table, column in (*LATER, ("cases", "removed")):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("DROP TABLE classes")
        db.execute("PRAGMA user_version=2")
        db.commit()
    finally:
        db.close()


def found(folder):
    with Project.open(folder) as project:
        return project.verify()


def test_a_sound_project_of_an_earlier_version_passes(folder):
    as_version_2(folder)
    assert found(folder) == []
    # and goes on to, with rows of both versions
    with Project.open(folder) as project:
        Image.new("L", (30, 28), 3).save(folder / "3.png")
        project.add_case(folder / "3.png", shape=(28, 30), look="00")
        project.commit_stroke(1, np.zeros((28, 30), np.uint8))
        assert project.verify() == []


@pytest.mark.parametrize(("table", "column"), LATER)
def test_what_came_later_cannot_be_filled_in_behind_the_history(folder, table, column):
    as_version_2(folder)
    assert found(folder) == []
    change(folder, f"UPDATE {table} SET {column} = 'a' WHERE id = 2")
    # a box of a revision is also read
    assert found(folder)[-1] == f"Row 2 of {table} was changed or removed."


def test_an_earlier_version_is_no_excuse(folder):
    as_version_2(folder)
    change(folder, "UPDATE cases SET height = 27 WHERE id = 2")
    assert "Row 2 of cases was changed or removed." in found(folder)


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_seal_is_of_its_version_alone(folder, version):
    db = sqlite3.connect(folder / "project.sqlite")
    digest = seals._sha256(db, "cases", 1, SCHEMA_VERSION)
    assert seals.holds(db, "cases", 1, digest, SCHEMA_VERSION)
    if seals._sha256(db, "cases", 1, version) != digest:
        assert not seals.holds(db, "cases", 1, digest, version)
    db.close()


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *[("cases", column) for column in ("spacing_y", "spacing_x", "depth", "spacing_z", "look")],
        *[("runs", column) for column in ("weights", "result")],
        ("strokes", "origin"),
        ("revisions", "box"),
        ("project", "adopted"),
    ],
)
@pytest.mark.parametrize("value", ["'a'", "''", "7", "x'00'"])
def test_nothing_comes_into_a_column_that_was_left_empty(folder, table, column, value):
    change(folder, f"UPDATE {table} SET {column} = {value} WHERE id = 1")
    assert any("1" in text or "weights in use" in text for text in found(folder))


def test_every_column_is_sealed_or_held_against_the_history(folder):
    """A column that a later version adds must be put into one of the two lists."""
    told = {
        "cases": {"split", "cursor", "removed"},
        "runs": {"state", "weights", "result"},
        # 'clean' says how the last session ended
        "project": {"clean", "adopted"},
    }
    db = sqlite3.connect(folder / "project.sqlite")
    for table, versions in seals.FIXED.items():
        there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        sealed = {column for columns in versions.values() for column in columns}
        assert there == sealed | told.get(table, set()), table
    db.close()

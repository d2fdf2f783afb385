"""Nothing in a project can be changed behind its history's back."""

import json
import sqlite3

import numpy as np
import pytest
from PIL import Image

from napari_medseg.errors import InputError, ProjectError, WeightsError
from napari_medseg.project import Project


@pytest.fixture
def folder(tmp_path):
    """A project with everything in it."""
    with Project.create(tmp_path / "p") as project:
        for number in (1, 2):
            image = tmp_path / "p" / f"{number}.png"
            Image.new("L", (300, 280), number).save(image)
            project.add_case(image, shape=(280, 300), group=f"patient {number}", spacing=(0.5, 0.5), unit="mm")
        rng = np.random.default_rng(0)
        project.set_proposal(1, rng.integers(0, 2, (280, 300), np.uint8), {"network": "n", "sha256": "a" * 64})
        project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(5, 5, 14, 14))
        project.commit_stroke(1, np.zeros((9, 9), np.uint8), box=(5, 5, 14, 14), tool="eraser")
        project.undo(1)
        project.accept(1)
        project.hold_out("patient 2")
        project.set_class(1, "lesion", "#ff0000")
        run = project.add_run("{}", "runs/0001")
        weights = tmp_path / "p" / "weights.safetensors"
        weights.write_bytes(b"some weights")
        project.set_run(run, "done", weights="weights.safetensors", result="[]")
        project.adopt(weights)
        assert project.verify() == []
    return tmp_path / "p"


def change(folder, statement, *, check=True):
    db = sqlite3.connect(folder / "project.sqlite")
    try:
        db.execute(f"PRAGMA ignore_check_constraints={not check:d}")
        db.execute(statement)
        db.commit()
    finally:
        db.close()


def found(folder):
    with Project.open(folder) as project:
        return project.verify()


def columns():
    """Every column of every table."""
    tables = {
        "cases": "id name image sha256 height width spacing_y spacing_x unit group_key split cursor",
        "strokes": "parent kind created author y0 x0 y1 x1 origin",
        "tiles": "tile_y crc data",
        "revisions": "number stroke_id sha256 created author",
        "runs": "folder state created weights spec result",
        "history": "case_id created author kind detail chain",
        "project": "created software adopted",
        "classes": "label name colour",
    }
    return [(table, column) for table, names in tables.items() for column in names.split()]


@pytest.mark.parametrize(("table", "column"), columns())
def test_a_changed_value_is_found(folder, table, column):
    db = sqlite3.connect(folder / "project.sqlite")
    rows = db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
    kind = db.execute(f"SELECT typeof({column}) FROM {table} WHERE {column} IS NOT NULL").fetchone()[0]
    db.close()
    assert rows
    new = {
        "text": f"replace({column}, substr({column}, 1, 1), 'Z') || 'z'",
        "blob": f"CAST({column} || x'00' AS BLOB)",
    }.get(kind, f"{column} + 7")
    if (table, column) == ("cases", "split"):
        new = "CASE split WHEN 'train' THEN 'heldout' ELSE 'train' END"
    change(folder, f"UPDATE {table} SET {column} = {new}")
    try:
        problems = found(folder)
    except ProjectError:
        return
    assert problems


@pytest.mark.parametrize(("table", "column"), columns())
def test_a_value_that_was_never_written_is_told(folder, table, column):
    file = folder / "project.sqlite"
    whole = file.read_bytes()
    for value in ("NULL", "x'00ff'", "CAST('a' AS TEXT)", "1e300", "9223372036854775807"):
        file.write_bytes(whole)
        db = sqlite3.connect(file)
        # a flipped bit asks no constraint
        db.execute("PRAGMA ignore_check_constraints=ON")
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
        db.commit()
        db.close()
        try:
            change(folder, f"UPDATE OR REPLACE {table} SET {column} = {value}", check=False)
        except sqlite3.IntegrityError:
            # a key holds what it may hold, whatever is flipped
            continue
        try:
            with Project.open(folder) as project:
                assert project.verify(), value
                for revision in project.revisions(1):
                    project.revision_labels(revision.id)
                    project.revision_touched(revision.id)
        except (InputError, ProjectError) as error:
            assert str(error)


@pytest.mark.parametrize("table", ["cases", "strokes", "tiles", "revisions", "runs", "history", "classes"])
def test_a_removed_row_is_found(folder, table):
    change(
        folder, f"DELETE FROM {table} WHERE rowid = 1" if table != "tiles" else "DELETE FROM tiles WHERE stroke_id = 2"
    )
    assert found(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO revisions SELECT 9, case_id, 9, stroke_id, sha256, created, author, box FROM revisions",
        "INSERT INTO strokes SELECT 99, case_id, parent, kind, created, author, y0, x0, y1, x1, origin FROM strokes "
        "WHERE id = 1",
        "INSERT INTO tiles SELECT 77, tile_y, tile_x, crc, data FROM tiles WHERE stroke_id = 2",
        "INSERT INTO runs SELECT 5, folder, state, created, weights, spec, result FROM runs",
        "INSERT INTO history SELECT 99, case_id, created, author, kind, detail, chain FROM history WHERE id = 1",
    ],
)
def test_an_added_row_is_found(folder, statement):
    change(folder, statement)
    assert found(folder)


def test_a_changed_image_and_changed_weights_are_found(folder):
    with (folder / "1.png").open("ab") as stream:
        stream.write(b"x")
    assert any("1.png is not the file" in text for text in found(folder))
    (folder / "weights.safetensors").write_bytes(b"others")
    assert any("the file was changed" in text for text in found(folder))
    (folder / "weights.safetensors").unlink()
    assert any("the file is gone" in text for text in found(folder))


def test_any_byte_of_the_file_that_counts_is_watched(folder):
    file = folder / "project.sqlite"
    whole = file.read_bytes()

    def content():
        db = sqlite3.connect(file)
        try:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            # 'clean' says how the last session ended, and changes with each
            return {t: sorted(map(repr, db.execute(f"SELECT * FROM {t}"))) for t in tables if t != "project"}
        finally:
            db.close()

    before, noticed, harmless = content(), 0, 0
    for position in np.random.default_rng(1).integers(0, len(whole), 200):
        changed = bytearray(whole)
        changed[position] ^= 1 << int(position) % 8
        file.write_bytes(changed)
        try:
            if found(folder):
                noticed += 1
                continue
        except ProjectError:
            noticed += 1
            continue
        # free space inside the file: nobody ever reads it
        assert content() == before, position
        harmless += 1
    assert noticed > 30
    assert harmless < 170


def test_weights_of_a_run_that_nobody_adopted_are_watched(folder):
    (folder / "runs" / "0002").mkdir(parents=True)
    weights = folder / "runs" / "0002" / "weights.safetensors"
    weights.write_bytes(b"abc")
    with Project.open(folder) as project:
        run = project.add_run("{}", "runs/0002")
        project.set_run(run, "done", weights=weights, result="[]")
        assert project.runs()[1].weights == weights
        assert project.verify() == []
        weights.write_bytes(b"abd")
        assert project.verify() == ["Weights runs/0002/weights.safetensors, made by run 2: the file was changed."]
        with pytest.raises(WeightsError, match=r"not what run 2 made and was scored with \(changed\)"):
            project.check_run_weights(run, weights)
        weights.unlink()
        # cleared away: it can never be used
        assert project.verify() == []
        with pytest.raises(WeightsError, match=r"\(gone\)"):
            project.check_run_weights(run, weights)


def test_a_file_that_a_run_started_from_is_watched(folder, tmp_path):
    start = tmp_path / "start.safetensors"
    start.write_bytes(b"abc")
    with Project.open(folder) as project:
        project.add_run(json.dumps({"start_from": str(start)}), "runs/0002")
        assert project.verify() == []
        start.write_bytes(b"abd")
        assert project.verify() == [f"Weights {start}, which run 2 started from: the file was changed."]
        start.unlink()
        assert project.verify() == [f"Weights {start}, which run 2 started from: the file is gone."]

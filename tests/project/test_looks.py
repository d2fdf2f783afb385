"""Near copies found by the indexes are those that a comparison with all finds; the cost of a case knows no others."""

import sqlite3

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medseg.errors import InputError, ProjectError
from napari_medseg.io.look import NEAR, difference
from napari_medseg.project import Project, database, looks

BITS = 4 * looks.DIGITS


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with Project.create(tmp_path_factory.mktemp("looks") / "p") as project:
        yield project


def fill(project, values):
    """The looks of as many cases, instead of those before."""
    with project._db.transaction() as db:
        db.execute("DELETE FROM cases")
        for number, look in enumerate(values, 1):
            db.execute(
                "INSERT INTO cases (id, name, image, sha256, height, width, unit, group_key, split, look) "
                "VALUES (?, ?, 'i', ?, 9, 9, 'px', ?, 'train', ?)",
                (number, f"n{number}", f"{number}", f"g{number}", look),
            )


def by_comparing(values, look):
    """As it was before there were indexes."""
    rows = [(f"n{number}", f"g{number}", "train", one) for number, one in enumerate(values, 1)]
    nearest = min(rows, key=lambda row: difference(row[3], look), default=None)
    return None if nearest is None or difference(nearest[3], look) > NEAR else nearest[:3]


def flipped(look, bits):
    return looks.plain(f"{int(look, 16) ^ sum(1 << int(bit) for bit in set(bits)):x}")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), near=st.lists(st.integers(0, 2 * NEAR), min_size=1, max_size=12))
@example(seed=0, near=[NEAR, NEAR, NEAR + 1])
@example(seed=1, near=[NEAR + 1])
def test_twins_are_those_that_comparing_with_all_finds(project, seed, near):
    rng = np.random.default_rng(seed)
    look = rng.integers(0, 256, 32, dtype=np.uint8).tobytes().hex()
    # at every distance, among strangers; one of each also with its bits as far apart as they go
    values = [flipped(look, rng.choice(BITS, count, replace=False)) for count in near]
    values += [flipped(look, np.arange(count) * BITS // count) for count in near if count]
    values += [rng.integers(0, 256, 32, dtype=np.uint8).tobytes().hex() for _ in range(20)]
    values = [values[i] for i in rng.permutation(len(values))]
    fill(project, values)
    assert project.looks_like(look) == by_comparing(values, look)
    # digits may be written larger
    assert project.looks_like(look.upper()) == by_comparing(values, look)


def test_the_pieces_cover_a_look_and_are_enough():
    covered = [digit for start, length in looks.PIECES for digit in range(start, start + length)]
    assert covered == list(range(looks.DIGITS))
    assert 2 * len(looks.PIECES) > NEAR


def plan(project, query, values=()):
    return " ".join(row[3] for row in project._db.rows(f"EXPLAIN QUERY PLAN {query}", *values))


def test_no_table_is_walked_through(project):
    query, values = looks.near("f" * looks.DIGITS)
    told = plan(project, query, values)
    assert all(f"looks_{number} " in told for number in range(len(looks.PIECES)))
    assert "SCAN cases" not in told
    group = "SELECT name FROM cases WHERE group_key = ? AND split <> ?"
    assert "SCAN" not in plan(project, group, ("a", "train"))


def test_a_case_is_read_without_the_others(tmp_path, monkeypatch):
    for number in range(3):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    with Project.create(tmp_path / "p") as project:
        for number in range(3):
            project.add_case(tmp_path / f"{number}.png", shape=(8, 8))
        looked = []
        monkeypatch.setattr("napari_medseg.project.queries.is_there", lambda path: looked.append(path.name) or True)
        assert project.case(2).name == "1"
        assert looked == ["1.png"]
        with pytest.raises(InputError, match="case is 7; the project has 3 cases"):
            project.case(7)


def test_on_which_side_a_group_lies(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "i.png")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i.png", shape=(8, 8), group="anna")
        assert [project.split_of(group) for group in ("anna", "bert")] == ["train", None]
        project.hold_out("anna")
        assert project.split_of("anna") == "heldout"


def test_a_damaged_look_is_told(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "i.png")
    look = "0123456789abcdef" * 4
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i.png", shape=(8, 8), look=look)
        with project._db.transaction() as db:
            db.execute("UPDATE cases SET look = ?", (look[:-1] + "x",))
        with pytest.raises(ProjectError, match="is damaged"):
            project.looks_like(look)
        with pytest.raises(InputError, match="look is 'green'; expected hexadecimal digits"):
            project.looks_like("green")


# ---- projects of the fourth version ----------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path):
    """A project as the fourth version left it: without the indexes."""
    with Project.create(tmp_path / "p") as project:
        for number, look in enumerate(("0" * 64, "f" * 64)):
            Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
            project.add_case(tmp_path / f"{number}.png", shape=(8, 8), look=look, name=f"n{number}")
        project.commit_stroke(1, np.ones((8, 8), np.uint8))
    db = sqlite3.connect(tmp_path / "p" / "project.sqlite")
    for name in ("cases_of_group", *(f"looks_{number}" for number in range(len(looks.PIECES)))):
        db.execute(f"DROP INDEX {name}")
    db.execute("ALTER TABLE revisions DROP COLUMN box")
    db.execute("ALTER TABLE cases DROP COLUMN removed")
    db.execute("PRAGMA user_version=4")
    db.commit()
    db.close()
    return tmp_path / "p"


def indexes(folder):
    db = sqlite3.connect(folder / "project.sqlite")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        return version, {row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE type = 'index'") if row[0]}
    finally:
        db.close()


def test_an_old_project_gets_what_a_new_one_has(old, tmp_path):
    Project.create(tmp_path / "new").close()
    assert indexes(old)[1] < indexes(tmp_path / "new")[1]
    with Project.open(old) as project:
        assert project.looks_like("1" + "0" * 63)[0] == "n0"
        assert project.looks_like("f" * 60 + "0f0f")[0] == "n1"
        assert project.labels(1).all()
        assert project.verify() == []
    assert indexes(old) == indexes(tmp_path / "new")


def test_an_update_that_ends_half_way_leaves_the_old_project(old, monkeypatch):
    before = indexes(old)
    with monkeypatch.context() as patch:
        patch.setattr(database, "INDEXES", (*database.INDEXES, "CREATE INDEX no ON nothing (x)"))
        with pytest.raises(ProjectError):
            Project.open(old)
    assert indexes(old) == before
    with Project.open(old) as project:
        assert project.verify() == []


def test_an_index_that_lost_a_look_is_told(old):
    with Project.open(old):
        pass
    db = sqlite3.connect(old / "project.sqlite")
    db.execute("PRAGMA writable_schema=ON")
    # what the index holds is of other digits than what it is said to hold
    db.execute("UPDATE sqlite_master SET sql = replace(sql, '1, 5', '2, 5') WHERE name = 'looks_0'")
    db.execute("UPDATE cases SET look = '1' || substr(look, 2) WHERE id = 1")
    db.commit()
    db.close()
    with Project.open(old) as project:
        assert any("looks_0" in one for one in project.verify())

"""The project: nothing drawn is lost, everything can be undone, every fault is found."""

import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medseg.errors import ImageReadError, InputError, OutputError, ProjectError, ShapeError
from napari_medseg.project import Project
from napari_medseg.project.labels import changed_box
from tests.shipped import shipped


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.new("L", (400, 300), 7).save(path)
    return path


@pytest.fixture
def project(tmp_path, image):
    with Project.create(tmp_path / "p") as project:
        project.add_case(image, shape=(300, 400))
        yield project


def test_a_stroke_survives_reopening(project):
    labels = np.zeros((300, 400), np.uint8)
    labels[250:270, 240:260] = 1  # over four tiles
    assert project.commit_stroke(1, labels) == 1
    project.close()
    with Project.open(project.path) as again:
        assert np.array_equal(again.labels(1), labels)
        assert again.recovered is None
        assert again.verify() == []


def test_undo_and_redo_survive_reopening(project):
    first, second = np.zeros((2, 300, 400), np.uint8)
    first[:10, :10] = 1
    second[:10, :10], second[50:60, 50:60] = 1, 2
    project.commit_stroke(1, first)
    project.commit_stroke(1, second)
    project.close()
    with Project.open(project.path) as again:
        assert again.undo(1) == (50, 50, 60, 60)
        assert np.array_equal(again.labels(1), first)
        again.undo(1)
        assert not again.labels(1).any()
        assert again.undo(1) is None
    with Project.open(project.path) as third:
        assert third.redo(1) == (0, 0, 10, 10)
        third.redo(1)
        assert np.array_equal(third.labels(1), second)
        assert third.redo(1) is None


def test_strokes_that_were_undone_are_not_counted(project):
    project.set_proposal(1, np.ones((300, 400), np.uint8), {"network": "n"})
    for number in range(3):
        project.commit_stroke(1, np.full((10, 10), number, np.uint8), box=(0, 0, 10, 10))
    assert project.case(1).strokes == 3
    assert not project.undoes_proposal(1)
    for left in (2, 1, 0):
        project.undo(1)
        assert (project.case(1).strokes, project.summary()["strokes"]) == (left, left)
    assert project.undoes_proposal(1)
    project.redo(1)
    assert project.case(1).strokes == 1


def test_what_was_chosen_is_remembered_and_what_was_adopted_since_comes_before_it(project):
    assert project.chosen() == ("", "")
    project.choose("nuclei", project.path / "weights" / "own.safetensors")
    assert project.chosen() == ("nuclei", str(project.path / "weights" / "own.safetensors"))
    rows = len(project.history())
    project.choose("nuclei", project.path / "weights" / "own.safetensors")
    assert len(project.history()) == rows
    project.adopt(shipped("lgms-net/generalist"))
    assert project.chosen() == ("nuclei", "")
    project.choose("polyp", "cmunext-xxs/polyp@1")
    assert project.chosen() == ("polyp", "cmunext-xxs/polyp@1")
    assert project.verify() == []


def test_a_stroke_after_undo_is_what_redo_returns_to_and_nothing_is_deleted(project):
    a, b = np.zeros((2, 300, 400), np.uint8)
    a[:5], b[5:9] = 1, 1
    project.commit_stroke(1, a)
    project.undo(1)
    project.commit_stroke(1, b)
    project.undo(1)
    project.redo(1)
    assert np.array_equal(project.labels(1), b)
    assert [row.kind for row in project.history(1)] == ["add", "brush", "undo", "brush", "undo", "redo"]


strokes = st.lists(
    st.one_of(
        st.tuples(*(st.integers(0, n) for n in (299, 599, 300, 300, 255))),
        st.sampled_from(["undo", "redo", "reopen"]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=strokes)
def test_the_tile_store_is_the_array(tmp_path_factory, actions):
    folder = tmp_path_factory.mktemp("store")
    Image.new("L", (600, 300), 7).save(folder / "i.png")
    project = Project.create(folder / "p")
    project.add_case(folder / "i.png", shape=(300, 600))
    shown, past, future = np.zeros((300, 600), np.uint8), [], []
    try:
        for action in actions:
            if action == "undo":
                assert (project.undo(1) is not None) == bool(past)
                if past:
                    future.append(shown)
                    shown = past.pop()
            elif action == "redo":
                assert (project.redo(1) is not None) == bool(future)
                if future:
                    past.append(shown)
                    shown = future.pop()
            elif action == "reopen":
                project.close()
                project = Project.open(folder / "p")
            else:
                y, x, h, w, value = action
                after = shown.copy()
                after[y : y + h, x : x + w] = value
                stroke = project.commit_stroke(1, after, box=(y, x, y + h, x + w))
                assert (stroke is None) == np.array_equal(after, shown)
                if stroke is not None:
                    past.append(shown)
                    shown, future = after, []
            assert np.array_equal(project.labels(1), shown)
        assert project.verify() == []
    finally:
        project.close()


def test_states_follow_what_happens(project):
    assert project.case(1).state == "new"
    project.set_proposal(1, np.ones((300, 400), np.uint8), {"network": "n"})
    assert project.case(1).state == "proposed"
    project.commit_stroke(1, np.zeros((10, 10), np.uint8), box=(0, 0, 10, 10))
    assert project.case(1).state == "in progress"
    assert project.proposal_origin(1) == {"network": "n"}
    revision = project.accept(1)
    assert project.case(1).state == "accepted"
    project.undo(1)
    assert project.case(1).state == "proposed"
    assert project.revision_labels(revision.id)[:10, :10].sum() == 0
    assert project.next_case().id == 1


def test_a_revision_stays_as_it_was_accepted(project):
    labels = np.zeros((300, 400), np.uint8)
    labels[:20] = 3
    project.commit_stroke(1, labels)
    revision = project.accept(1)
    project.commit_stroke(1, np.zeros_like(labels))
    assert np.array_equal(project.revision_labels(revision.id), labels)
    assert [r.number for r in project.revisions(1)] == [1]


def test_a_project_opened_twice_is_refused_and_the_holder_named(project):
    with pytest.raises(ProjectError, match=r"is open in process \d+ on .*Close it there first"):
        Project.open(project.path)
    code = f"from napari_medseg.project import Project; Project.open({str(project.path)!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert "is open in process" in other.stderr


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100, "truncate"])
def test_a_damaged_project_is_told(project, damage):
    project.close()
    path = project.path / "project.sqlite"
    path.write_bytes(path.read_bytes()[:5000] if damage == "truncate" else damage)
    with pytest.raises(ProjectError, match=r"project\.sqlite is (damaged|no project)"):
        Project.open(project.path)
    path.unlink()
    with pytest.raises(ProjectError, match="holds no project"):
        Project.open(project.path)


def test_a_newer_project_is_not_touched(project):
    project.close()
    db = sqlite3.connect(project.path / "project.sqlite")
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(ProjectError, match="has version 99; this program knows up to 7"):
        Project.open(project.path)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE history SET author = 'someone else' WHERE id = 2", "History row 2 does not match its seal"),
        ("DELETE FROM history WHERE id = 2", "History row 2 is missing"),
        ("UPDATE tiles SET data = X'00' WHERE stroke_id = 1", "does not match its checksum"),
        ("UPDATE revisions SET sha256 = 'x'", "does not match its hash"),
        ("DELETE FROM tiles WHERE stroke_id = 1", "are not those that were drawn"),
    ],
)
def test_verify_finds_a_change(project, change, finding):
    labels = np.zeros((300, 400), np.uint8)
    labels[:20] = 3
    project.commit_stroke(1, labels)
    project.accept(1)
    assert project.verify() == []
    project.close()
    db = sqlite3.connect(project.path / "project.sqlite")
    db.execute(change)
    db.commit()
    db.close()
    with Project.open(project.path) as again:
        assert any(finding in problem for problem in again.verify())


def test_the_same_image_twice_and_a_split_group_are_refused(project, image, tmp_path):
    with pytest.raises(InputError, match="is in the project already as 'image'"):
        project.add_case(image, shape=(300, 400))
    for name, value in (("a", 1), ("b", 2)):
        Image.new("L", (8, 8), value).save(tmp_path / f"{name}.png")
    project.add_case(tmp_path / "a.png", shape=(8, 8), group="patient 1")
    with pytest.raises(InputError, match="a group stays together"):
        project.add_case(tmp_path / "b.png", shape=(8, 8), group="patient 1", split="heldout")


def test_a_vanished_image_is_marked_and_its_strokes_stay(project, image):
    project.commit_stroke(1, np.ones((300, 400), np.uint8))
    image.unlink()
    assert project.case(1).missing
    assert project.labels(1).all()
    with pytest.raises(ImageReadError, match=r"gone\.png cannot be read"):
        project.add_case(image.with_name("gone.png"), shape=(1, 1))


def test_labels_of_another_size_are_refused(project):
    with pytest.raises(ShapeError, match=r"labels have shape \(10, 10\)"):
        project.commit_stroke(1, np.zeros((10, 10), np.uint8))


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        Project.create(tmp_path / "file" / "p")


def test_changed_box():
    a = np.zeros((9, 9), np.uint8)
    assert changed_box(a, a) is None
    b = a.copy()
    b[2, 3] = b[5, 7] = 1
    assert changed_box(a, b) == (2, 3, 6, 8)


@pytest.mark.parametrize("cached", [1, 7, 64, 10_000])
def test_a_box_is_the_same_whatever_is_compared_at_a_time(monkeypatch, cached):
    monkeypatch.setattr("napari_medseg.project.labels.CACHED", cached)
    rng = np.random.default_rng(cached)
    for _ in range(200):
        before = rng.integers(0, 3, rng.integers(1, 30, 2))
        after = before.copy()
        for _ in range(rng.integers(0, 4)):
            after[rng.integers(len(after)), rng.integers(after.shape[1])] += 1
        rows, columns = np.nonzero(before != after)
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) if len(rows) else None
        assert changed_box(before, after) == box


def test_a_volume_is_drawn_in_undone_and_accepted(tmp_path):
    file = tmp_path / "scan.nii.gz"
    file.write_bytes(b"a volume")
    labels = np.zeros((5, 300, 40), np.uint8)
    with Project.create(tmp_path / "p") as project:
        case = project.add_case(file, shape=labels.shape, spacing=(3.0, 1.0, 0.5), unit="mm")
        assert (case.name, case.shape, case.spacing) == ("scan", (5, 300, 40), (3.0, 1.0, 0.5))
        labels[3, 10:20, 5:9] = 2
        project.commit_stroke(case.id, labels)
        part = np.ones((4, 6), np.uint8)
        project.commit_stroke(case.id, part, box=(4 * 300 + 7, 2, 4 * 300 + 11, 8))
        labels[4, 7:11, 2:8] = 1
        revision = project.accept(case.id)
    with Project.open(tmp_path / "p") as project:
        np.testing.assert_array_equal(project.labels(1), labels)
        np.testing.assert_array_equal(project.revision_labels(revision.id), labels)
        project.undo(1)
        labels[4] = 0
        np.testing.assert_array_equal(project.labels(1), labels)
        assert project.verify() == []


def test_classes_have_names_and_colours(tmp_path):
    with Project.create(tmp_path / "p") as project:
        assert project.classes() == []
        project.set_class(2, " optic  cup ", "#00ff7f")
        project.set_class(1, "disc", "#ff0000")
        project.set_class(1, "optic disc", "#ff0000")
        for label, name, colour, why in (
            (0, "x", "#000000", "expected 1 to 255"),
            (3, "optic cup", "#000000", "label 2 has it already"),
            (3, "  ", "#000000", "it is empty"),
            (3, "x", "red", "expected #rrggbb"),
        ):
            with pytest.raises(InputError, match=why):
                project.set_class(label, name, colour)
    with Project.open(tmp_path / "p") as project:
        assert [(c.label, c.name, c.colour) for c in project.classes()] == [
            (1, "optic disc", "#ff0000"),
            (2, "optic cup", "#00ff7f"),
        ]
        assert project.verify() == []


def test_a_project_of_the_first_version_opens(tmp_path, image):
    with Project.create(tmp_path / "p") as project:
        project.add_case(image, shape=(300, 400), spacing=(0.5, 0.25), unit="mm")
        labels = np.zeros((300, 400), np.uint8)
        labels[3:9, 4:7] = 1
        project.commit_stroke(1, labels)
    db = sqlite3.connect(tmp_path / "p" / "project.sqlite")
    # the table of the first version had no volumes
    later = ("depth", "spacing_z", "look", "grid", "removed")
    kept = [row[1] for row in db.execute("PRAGMA table_info(cases)") if row[1] not in later]
    db.executescript(
        f"""
        PRAGMA foreign_keys=OFF; BEGIN;
        CREATE TABLE old (id INTEGER PRIMARY KEY, {", ".join(kept[1:])});
        INSERT INTO old SELECT {", ".join(kept)} FROM cases;
        DROP TABLE cases; ALTER TABLE old RENAME TO cases; DROP TABLE classes;
        ALTER TABLE revisions DROP COLUMN box;
        PRAGMA user_version=1; COMMIT;
        """
    )
    db.close()
    with Project.open(tmp_path / "p") as project:
        assert (project.case(1).shape, project.case(1).spacing) == ((300, 400), (0.5, 0.25))
        np.testing.assert_array_equal(project.labels(1), labels)
        assert project.verify() == []

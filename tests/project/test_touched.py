"""What a person drew is never changed by a later proposal, whatever was drawn, undone and proposed before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medseg.project import Project
from napari_medseg.project.touched import ASSISTED

SIDE = 300  # more than one tile


@pytest.fixture
def project(tmp_path):
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "i.png")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i.png", shape=(SIDE, SIDE))
        yield project


def test_a_proposal_leaves_what_a_person_drew(project):
    project.set_proposal(1, np.ones((SIDE, SIDE), np.uint8), {})
    assert not project.touched(1).any()
    project.commit_stroke(1, np.zeros((5, 7), np.uint8), box=(250, 10, 255, 17))  # over a tile's rim
    assert project.touched(1).sum() == 35
    project.set_proposal(1, np.full((SIDE, SIDE), 2, np.uint8), {})
    labels = project.labels(1)
    assert (labels[250:255, 10:17] == 0).all()
    assert (labels == 2).sum() == SIDE * SIDE - 35


def test_unlocked_pixels_follow_the_next_proposal_and_undo_locks_them_again(project):
    project.commit_stroke(1, np.ones((20, 20), np.uint8), box=(0, 0, 20, 20))
    project.unlock(1, (0, 0, 10, 20))
    assert project.touched(1).sum() == 200
    assert project.case(1).strokes == 1  # no stroke that anyone drew
    project.undo(1)
    assert project.touched(1).sum() == 400
    project.redo(1)
    project.set_proposal(1, np.zeros((SIDE, SIDE), np.uint8), {})
    assert project.labels(1).sum() == 200
    assert project.verify() == []


def test_pixels_of_an_undone_stroke_are_nobodys(project):
    project.commit_stroke(1, np.ones((20, 20), np.uint8), box=(0, 0, 20, 20))
    project.undo(1)
    project.set_proposal(1, np.full((SIDE, SIDE), 3, np.uint8), {})
    assert (project.labels(1) == 3).all()


def test_a_pixel_that_was_changed_and_changed_back_is_the_persons(project):
    project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
    project.commit_stroke(1, np.zeros((9, 9), np.uint8), box=(0, 0, 9, 9))
    project.set_proposal(1, np.ones((SIDE, SIDE), np.uint8), {})
    assert not project.labels(1)[:9, :9].any()


boxes = st.tuples(*(st.integers(0, SIDE - 1) for _ in range(4)), st.integers(0, 3))
steps = st.lists(
    st.tuples(st.sampled_from(["draw", "propose", "undo", "redo", "unlock", "reopen"]), boxes), max_size=12
)


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_any_order_of_steps_keeps_the_promise(steps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("promise")
    Image.new("L", (SIDE, SIDE)).save(folder / "i.png")
    project = Project.create(folder / "p")
    project.add_case(folder / "i.png", shape=(SIDE, SIDE))
    # plain reference: all states on the path, and those that were undone
    path, undone = [(np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), bool))], []
    for kind, (ya, xa, yb, xb, value) in steps:
        y0, y1, x0, x1 = min(ya, yb), max(ya, yb) + 1, min(xa, xb), max(xa, xb) + 1
        part = np.s_[y0:y1, x0:x1]
        labels, touched = (array.copy() for array in path[-1])
        if kind == "draw":
            touched[part] |= labels[part] != value
            changed = (labels[part] != value).any()
            labels[part] = value
            project.commit_stroke(1, labels[part], box=(y0, x0, y1, x1))
            if changed:
                path, undone = [*path, (labels, touched)], []
        elif kind == "propose":
            proposal = np.zeros((SIDE, SIDE), np.uint8)
            proposal[part] = value
            project.set_proposal(1, proposal, {})
            path, undone = [*path, (np.where(touched, labels, proposal), touched)], []
            assert np.array_equal(project.labels(1)[touched], labels[touched])
        elif kind == "unlock":
            project.unlock(1, (y0, x0, y1, x1))
            touched[part] = False
            path, undone = [*path, (labels, touched)], []
        elif kind == "undo" and len(path) > 1:
            project.undo(1)
            undone.append(path.pop())
        elif kind == "redo" and undone:
            project.redo(1)
            path.append(undone.pop())
        elif kind == "reopen":
            project.close()
            project = Project.open(folder / "p")
        assert np.array_equal(project.labels(1), path[-1][0])
        assert np.array_equal(project.touched(1), path[-1][1])
    assert project.verify() == []
    project.close()


def test_an_undo_walks_through_no_strokes(project, monkeypatch):
    project.touched(1)
    for y in range(3):
        project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(20 * y, 0, 20 * y + 9, 9))
    monkeypatch.setattr("napari_medseg.project.current.touched_by", None)
    project.undo(1)
    assert project.touched(1).sum() == 2 * 81
    project.unlock(1)
    project.undo(1)
    assert project.touched(1).sum() == 2 * 81


# who made each label


def test_each_label_is_a_networks_a_persons_or_of_both(project):
    project.commit_stroke(1, np.full((9, 9), 7, np.uint8), box=(0, 0, 9, 9))
    assert project.made_by(1) == {7: "manual"}
    proposed = np.zeros((SIDE, SIDE), np.uint8)
    proposed[50:60, :9], proposed[70:80, :9], proposed[90:99, :9], proposed[120:130, :9] = 1, 2, 3, 6
    project.set_proposal(1, proposed, {})
    assert project.made_by(1) == {1: "automatic", 2: "automatic", 3: "automatic", 6: "automatic", 7: "manual"}
    # a part is taken away, something is added, a part is drawn over, and one is new
    project.commit_stroke(1, np.zeros((2, 2), np.uint8), box=(50, 0, 52, 2))
    project.commit_stroke(1, np.full((5, 5), 2, np.uint8), box=(200, 0, 205, 5))
    project.commit_stroke(1, np.full((9, 9), 4, np.uint8), box=(90, 0, 99, 9))
    made = {1: "semiautomatic", 2: "semiautomatic", 3: "semiautomatic", 4: "manual", 6: "automatic", 7: "manual"}
    assert project.made_by(1) == made
    revision = project.accept(1)
    project.undo(1)
    assert project.made_by(1, revision.id) == made and project.made_by(1) != made


@pytest.mark.parametrize("tool", ASSISTED)
def test_where_a_tool_chose_pixels_a_label_is_of_both_until_they_are_gone(project, tool):
    box = (0, 0, 9, 9)
    project.commit_stroke(1, np.full((9, 9), 3, np.uint8), box=box)
    # what only takes away leaves a person's own pixels
    for taking in ("eraser", "keep largest", "remove small", tool):
        project.commit_stroke(1, np.zeros((1, 9), np.uint8), box=(8, 0, 9, 9), tool=taking)
        project.commit_stroke(1, np.full((1, 9), 3, np.uint8), box=(8, 0, 9, 9))
    assert project.made(1) == ({3: "manual"}, {})
    project.commit_stroke(1, np.full((9, 9), 3, np.uint8), box=(20, 20, 29, 29), tool=tool)
    assert project.made(1) == ({3: "semiautomatic"}, {3: (tool,)})
    # beside a proposal too; one of its own pixels makes it the network's and a person's
    proposed = np.zeros((SIDE, SIDE), np.uint8)
    proposed[50:60, :9] = 1
    project.set_proposal(1, proposed, {})
    assert project.made(1) == ({1: "automatic", 3: "semiautomatic"}, {3: (tool,)})
    shown = project.labels(1)
    shown[20:29, 20:29] = 0
    assert project.made(1, None, shown).by[3] == "manual"
    project.commit_stroke(1, np.full((9, 9), 4, np.uint8), box=(20, 20, 29, 29))
    assert project.made_by(1) == {1: "automatic", 3: "manual", 4: "manual"}


def test_what_is_shown_and_not_stored_yet_is_a_persons(project):
    proposed = np.zeros((SIDE, SIDE), np.uint8)
    proposed[:9, :9] = 1
    project.set_proposal(1, proposed, {})
    shown = proposed.copy()
    shown[0, 0], shown[100, :5] = 0, 2
    assert project.made_by(1, None, shown) == {1: "semiautomatic", 2: "manual"}


def test_what_was_unlocked_stays_a_persons_until_the_next_proposal(project):
    project.set_proposal(1, np.zeros((SIDE, SIDE), np.uint8), {})
    project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
    project.unlock(1)
    assert project.made_by(1) == {1: "manual"}


def test_what_classes_are_is_remembered_in_the_history(project, tmp_path):
    assert project.codings() == {}
    for what in ("liver", "spleen", "spleen"):
        project.set_coding(2, {"what": what, "where": ""})
    assert project.codings() == {2: {"what": "spleen", "where": ""}}
    assert [row.kind for row in project.history()].count("coding") == 2
    # of masks of another task, apart
    project.set_coding(2, {"what": "cyst", "where": "breast"}, "breast-ultrasound")
    assert project.codings()[2]["what"] == "spleen"
    assert project.codings("breast-ultrasound") == {2: {"what": "cyst", "where": "breast"}}
    assert project.verify() == []

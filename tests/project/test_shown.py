"""What is held in memory is what is on the disk, whatever was drawn, undone, looked at and forgotten in between."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medseg.errors import OutputError
from napari_medseg.project import Project
from napari_medseg.project.shown import Shown, ShownMemory, Side, Sides

SHAPES = ((300, 280), (3, 130, 280))


def make(folder):
    project = Project.create(folder / "p")
    for number, shape in enumerate(SHAPES):
        Image.new("L", (8, 8), number).save(folder / f"{number}.png")
        project.add_case(folder / f"{number}.png", shape=shape)
    return project


def fresh(project, case):
    """From the tiles alone."""
    store = project._drawn.current
    cursor, shape = store.place(case)
    rows = (int(np.prod(shape[:-1])), shape[-1])
    return store.labels_at(cursor, rows).reshape(shape), store.touched_at(cursor, rows).reshape(shape)


kinds = ["draw", "draw", "propose", "undo", "undo", "redo", "unlock", "look", "look at what is touched"]
steps = st.lists(
    st.tuples(
        st.sampled_from(kinds),
        st.integers(1, len(SHAPES)),
        st.tuples(*(st.integers(0, 270) for _ in range(4)), st.integers(0, 3)),
    ),
    max_size=25,
)


@pytest.mark.parametrize(("shown", "sides"), [(10**9, 10**9), (10**9, 0), (0, 10**9), (10**9, 3000)])
@settings(max_examples=15, deadline=None)
@given(steps=steps)
def test_memory_and_disk_agree(steps, shown, sides, tmp_path_factory):
    with make(tmp_path_factory.mktemp("agree")) as project:
        current = project._drawn.current
        current._memory, current._sides = ShownMemory(shown), Sides(sides)
        for kind, case, (ya, xa, yb, xb, value) in steps:
            box = (min(ya, yb), min(xa, xb), max(ya, yb) + 1, max(xa, xb) + 1)
            if kind == "draw":
                part = np.full((box[2] - box[0], box[3] - box[1]), value, np.uint8)
                project.commit_stroke(case, part, box=tuple(np.int64(n) for n in box))
            elif kind == "propose":
                whole = np.zeros(SHAPES[case - 1], np.uint8)
                whole[..., box[1] : box[3]] = value
                project.set_proposal(case, whole, {})
            elif kind == "unlock":
                project.unlock(case, box)
            elif kind == "undo":
                project.undo(case)
            elif kind == "redo":
                project.redo(case)
            elif kind == "look":
                assert np.array_equal(project.labels(case), fresh(project, case)[0])
            else:
                assert np.array_equal(project.touched(case), fresh(project, case)[1])
        for case in range(1, len(SHAPES) + 1):
            labels, touched = fresh(project, case)
            assert np.array_equal(project.labels(case), labels)
            assert np.array_equal(project.touched(case), touched)
        assert project.verify() == []


def test_a_stroke_its_undo_and_its_redo_take_the_memory_of_what_they_change(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "i.png")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i.png", shape=(40, 512, 512))  # 10 MB
        project.set_proposal(1, np.ones((40, 512, 512), np.uint8), {})
        project.touched(1)
        tracemalloc.start()
        try:
            project.commit_stroke(1, np.zeros((20, 20), np.uint8), box=(5000, 40, 5020, 60))
            for move in (project.undo, project.redo, project.undo):
                move(1)
                project._drawn.current.of(1)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
        assert project.labels(1).all()


def test_what_was_not_stored_is_not_shown(tmp_path, monkeypatch):
    with make(tmp_path) as project:
        project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
        before, touched = project.labels(1), project.touched(1)

        def full(*_):
            raise OutputError("the disk is full")

        monkeypatch.setattr("napari_medseg.project.label_store.write_tiles", full)
        with pytest.raises(OutputError):
            project.commit_stroke(1, np.full((9, 9), 2, np.uint8), box=(5, 5, 14, 14))
        assert np.array_equal(project.labels(1), before)
        assert np.array_equal(project.touched(1), touched)


@pytest.mark.parametrize("undone", [False, True])
def test_what_ends_a_step_half_way_is_read_anew(tmp_path, monkeypatch, undone):
    with make(tmp_path) as project:
        project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))

        def interrupted(self, side):
            self.labels[...] = 7
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Shown, "put", interrupted)
            with pytest.raises(KeyboardInterrupt):
                if undone:
                    project.undo(1)
                    project.labels(1)
                else:
                    project.commit_stroke(1, np.full((9, 9), 2, np.uint8), box=(5, 5, 14, 14))
        assert np.array_equal(project.labels(1), fresh(project, 1)[0])
        assert project.labels(1).sum() == (0 if undone else 81 - 16 + 2 * 81)


def test_sides_are_remembered_until_there_are_too_many():
    sides = Sides(most=3 * 100)
    for stroke in range(5):
        for _ in range(2):
            sides.put(stroke, Side(stroke, (0, 0, 10, 10), np.full((10, 10), stroke, np.uint8), None))
    # it would push the others out
    sides.put(9, Side(9, (0, 0, 20, 20), np.zeros((20, 20), np.uint8), None))
    assert [stroke for stroke in range(10) if sides.get(stroke, stroke) is not None] == [2, 3, 4]
    # the other side is remembered, not this one
    assert sides.get(4, 3) is None


def test_the_case_in_use_is_remembered_however_large():
    memory = ShownMemory(most=100)
    memory.put(Shown(1, 0, np.zeros((9, 9), np.uint8)))
    memory.put(Shown(2, 0, np.zeros((9, 9), np.uint8)))
    assert memory.take(1) is None
    assert memory.take(2) is not None

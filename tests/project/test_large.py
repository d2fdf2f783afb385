"""Large cases: what a box costs hangs on the box, and nobody's strokes are lost to what comes later."""

import json
import shutil
import sqlite3
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.errors import InputError, OutputError, ProjectError, ShapeError
from napari_medseg.io.image import Grid
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.project import Project, sparse
from tests.project.large_cases import AROUND, BOX, SHAPE, blocks, fill, full, make


@pytest.fixture
def project(tmp_path):
    with make(tmp_path) as project:
        yield project


# ---- what a box costs ----


def test_a_large_case_is_never_asked_for_as_a_whole(project):
    assert project.case(1).large
    for ask in (project.labels, project.touched, project.accept, project.made, project.proposed):
        with pytest.raises(InputError, match=r"50000 x 50000 px.* no box is given"):
            ask(1)
    with pytest.raises(InputError, match="expected at most 67108864"):
        project.labels(1, (0, 0, 9000, 9000))
    with pytest.raises(InputError, match="no box is given"):
        project.commit_stroke(1, full(1))
    with pytest.raises(ShapeError, match="labels have shape"):
        project.commit_stroke(1, np.zeros((3, 3), np.uint8), box=BOX)


def test_a_stroke_its_undo_and_its_redo_take_the_memory_of_the_box(project):
    fill(blocks(project), 2, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    project.labels(1, BOX)
    tracemalloc.start()
    try:
        for value in (1, 3, 1):
            project.commit_stroke(1, full(value), box=BOX)
            project.labels(1, BOX)
            project.touched(1, BOX)
            project.undo(1)
            project.unlock(1)
            project.labels(1, BOX)
            project.undo(1)
            project.redo(1)
        project.accept(1, BOX)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # the image has 2.5e9 px
    assert peak < 20_000_000


def test_only_the_tiles_of_the_box_are_read_and_each_of_them_once(project, monkeypatch):
    for y in range(0, 20_000, 1000):
        project.commit_stroke(1, np.ones((10, 10), np.uint8), box=(y, 0, y + 10, 10))
    for value in range(1, 9):
        project.commit_stroke(1, full(value), box=BOX)
    read = []
    decode = sparse.decode
    monkeypatch.setattr(sparse, "decode", lambda *args: read.append(1) or decode(*args))
    assert (project.labels(1, BOX) == 8).all()
    # these were looked at before the last stroke: four tiles
    assert len(read) <= 6
    read.clear()
    for _ in range(5):
        project.undo(1)
        project.labels(1, BOX)
    assert read == []
    project.close()
    with Project.open(project.path) as again:
        again.labels(1, (0, 0, 10, 10))
        assert len(read) == 1


# ---- strokes, undo, redo ----

kinds = [
    "draw",
    "draw",
    "suggest",
    "base",
    "done",
    "undo",
    "undo",
    "redo",
    "unlock",
    "again",
    "accept",
    "accept",
    "withdraw",
]
steps = st.lists(
    st.tuples(
        st.sampled_from(kinds), st.tuples(*(st.integers(0, 500) for _ in range(4))), st.integers(0, 3), st.booleans()
    ),
    max_size=20,
)
SMALL = (520, 530)


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_a_large_case_is_what_plain_arrays_say(steps, tmp_path_factory):
    """Against whole arrays, of a case as small as an ordinary one, and blocks of one tile."""
    folder = tmp_path_factory.mktemp("plain")
    patch = pytest.MonkeyPatch()
    for where in ("boxes", "label_store", "revision_store", "records"):
        patch.setattr(f"napari_medseg.project.{where}.large_shape", lambda shape: True)
    patch.setattr("napari_medseg.io.label_blocks.BLOCK", (256, 256))
    rng = np.random.default_rng(0)
    states = [(np.zeros(SMALL, np.uint8), np.zeros(SMALL, bool), None, ())]
    path, ahead, stores, revisions = [0], {}, [], []

    def now():
        return states[path[-1]]

    def follow(labels, touched, store, kept=None):
        """Labels are those in tiles: what a store says of the rest is put in when it is asked for."""
        states.append((labels, touched, store, now()[3] if kept is None else kept))
        ahead[path[-1]] = len(states) - 1
        path.append(len(states) - 1)

    def shown(state):
        labels, touched, store, _ = state
        return (
            labels
            if store is None
            else np.where(touched | (labels > 99), labels % 100, stores[store].read((0, 0, *SMALL)))
        )

    def spared():
        """What no proposal changes, beside what a person set."""
        found = np.zeros(SMALL, bool)
        for box in now()[3]:
            found[box[0] : box[2], box[1] : box[3]] = True
        return found

    whole = (0, 0, *SMALL)
    try:
        with make(folder, SMALL) as project:
            for kind, (ya, xa, yb, xb), value, flag in steps:
                box = (min(ya, yb), min(xa, xb), max(ya, yb) + 1, max(xa, xb) + 1)
                inside = np.s_[box[0] : box[2], box[1] : box[3]]
                labels, touched, (store, accepted) = now()[0].copy(), now()[1].copy(), now()[2:]
                seen = shown(now())
                if kind == "draw":
                    part = full(value, box)
                    before = shown(now())
                    changed = np.zeros(SMALL, bool)
                    changed[inside] = before[inside] != value
                    number = project.commit_stroke(1, part, box=box)
                    assert (number is None) == (not changed.any())
                    if number is not None:
                        labels[changed], touched = value, touched | changed
                        follow(labels, touched, store)
                elif kind == "suggest":
                    project.set_proposal(1, full(value, box), {}, box=box)
                    free = np.zeros(SMALL, bool)
                    free[inside] = True
                    free &= ~touched & ~spared()
                    # set, and nobody's: 100 on top says so
                    labels[free] = value + (100 if store is not None else 0)
                    follow(labels, touched, store)
                elif kind == "base":
                    stores.append(blocks(project, f"s{len(stores)}", SMALL))
                    project.set_base(1, stores[-1].path, {})
                    # what is kept of nobody's: 100 on top says so
                    kept = np.where(spared(), seen + 100, 0)
                    follow(np.where(touched, labels, kept), touched, len(stores) - 1)
                elif kind == "done" and stores:
                    left = [index for index in stores[-1].blocks() if not stores[-1].done(index)]
                    if left:
                        fill(
                            stores[-1],
                            lambda b: rng.integers(0, 4, (b[2] - b[0], b[3] - b[1])).astype(np.uint8),
                            left[0],
                        )
                elif kind == "undo" and len(path) > 1:
                    project.undo(1)
                    path.pop()
                elif kind == "redo":
                    assert project.can_redo(1) == (path[-1] in ahead)
                    if path[-1] in ahead:
                        project.redo(1)
                        path.append(ahead[path[-1]])
                elif kind == "unlock":
                    project.unlock(1, box)
                    # what a person had set stays until the next proposal
                    marked = touched.copy()
                    marked[inside] = False
                    if store is not None:
                        labels[touched & ~marked] += 100
                    follow(labels, marked, store)
                elif kind == "again":
                    project.close()
                    project = Project.open(project.path)
                elif kind == "withdraw" and accepted:
                    gone = accepted[ya % len(accepted)]
                    project.withdraw(1, gone)
                    assert gone not in project.frames(1)
                    follow(labels, touched, store, tuple(one for one in accepted if one != gone))
                elif kind == "accept":
                    before_it = project._drawn.current.place(1)[0]
                    held = shown(now())[inside]
                    done = (
                        store is None
                        or project._drawn.sparse.held(
                            1, SMALL, project.case(1).id and project._drawn.current.place(1)[0], box
                        ).whole
                    )
                    if done:
                        revision = project.accept(1, box)
                        revisions.append((revision.id, held.copy(), now()[1][inside].copy()))
                        assert revision.box == box
                        assert box in project.frames(1)
                        if project.can_undo(1) and project._drawn.current.place(1)[0] != before_it:
                            if store is not None:
                                labels[inside] = np.where(touched[inside], held, held + 100)
                            follow(labels, touched, store, (*accepted, box))
                    else:
                        with pytest.raises(InputError, match="not done within"):
                            project.accept(1, box)
                if kind in ("suggest", "base", "done"):
                    for y0, x0, y1, x1 in accepted:
                        assert np.array_equal(project.labels(1, (y0, x0, y1, x1)), seen[y0:y1, x0:x1])
                if flag:
                    assert np.array_equal(project.labels(1, box), shown(now())[inside])
                    assert np.array_equal(project.touched(1, box), now()[1][inside])
            assert np.array_equal(project.labels(1, whole), shown(now()))
            assert np.array_equal(project.touched(1, whole), now()[1])
            for number, labels, touched in revisions:
                assert np.array_equal(project.revision_labels(number), labels)
                assert np.array_equal(project.revision_touched(number), touched)
            assert project.verify() == []
            project.close()
    finally:
        patch.undo()


def test_labels_follow_the_blocks_that_come_and_strokes_stay(project):
    store = blocks(project)
    number = project.set_base(1, store.path, {"network": "n", "weights": "w"})
    assert project.case(1).state == "proposed"
    assert not project.labels(1, BOX).any()
    # drawn where nothing has come yet
    drawn = (2000, 4050, 2100, 4150)
    project.commit_stroke(1, full(3, drawn), box=drawn)
    expected = full(0)
    for index in AROUND:
        fill(store, 1, index)
        y0, x0, y1, x1 = store.box(index)
        expected[max(0, y0 - BOX[0]) : y1 - BOX[0], max(0, x0 - BOX[1]) : x1 - BOX[1]] = 1
        expected[100:200, 50:150] = 3
        assert np.array_equal(project.labels(1, BOX), expected)
    assert project.touched(1, BOX).sum() == 100 * 100
    assert project.case(1).state == "in progress"
    origin = project.proposal_origin(1)
    assert (origin["network"], origin["store"], origin["store_digest"]) == ("n", "slides/1/a.zarr", store.digest)
    assert project.verify() == []
    project.undo(1)
    assert (project.labels(1, BOX) == 1).all()
    assert project.undo(1) == (0, 0, *SHAPE)
    assert not project.labels(1, BOX).any()
    project.redo(1)
    assert (project.labels(1, BOX) == 1).all()
    assert number == 1


def test_what_came_while_someone_drew_is_not_what_they_drew(project):
    store = blocks(project)
    project.set_base(1, store.path, {})
    seen = project.labels(1, BOX)
    after = seen.copy()
    after[:10, :10] = 2
    fill(store, 1, *AROUND)
    project.commit_stroke(1, after, box=BOX, seen=seen)
    assert project.touched(1, BOX).sum() == 100
    assert (project.labels(1, BOX) == 1).sum() == 400 * 300 - 100
    with pytest.raises(ShapeError, match="what was seen"):
        project.commit_stroke(1, after, box=BOX, seen=seen[1:])


def test_a_newer_proposal_leaves_what_was_drawn_over_the_older(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    drawn = (2000, 4050, 2100, 4150)
    project.commit_stroke(1, full(0, drawn), box=drawn)
    fill(blocks(project, "b"), 2, *AROUND)
    project.set_base(1, project.path / "slides/1/b.zarr", {})
    labels = project.labels(1, BOX)
    assert (labels == 0).sum() == 100 * 100
    assert (labels == 2).sum() == 400 * 300 - 100 * 100
    project.unlock(1)
    fill(blocks(project, "c"), 3, *AROUND)
    project.set_base(1, project.path / "slides/1/c.zarr", {})
    assert (project.labels(1, BOX) == 3).all()


def test_what_a_box_of_two_makers_says(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    assert project.made_by(1, box=BOX) == {1: "automatic"}
    half = (BOX[0], BOX[1], BOX[0] + 10, BOX[3])
    project.commit_stroke(1, full(2, half), box=half, tool="fill holes")
    made = project.made(1, box=BOX)
    assert made.by == {1: "semiautomatic", 2: "semiautomatic"}
    assert made.tools == {2: ("fill holes",)}
    revision = project.accept(1, BOX)
    assert project.made(1, revision.id) == made
    assert project.strokes_below(1, revision.id) == 1


# ---- what is refused, and damage ----


def test_a_store_must_be_of_the_project_and_of_the_image(project, tmp_path):
    outside = LabelBlocks.create(tmp_path / "o.zarr", Grid(SHAPE), {})
    with pytest.raises(InputError, match="is not in"):
        project.set_base(1, outside.path, {})
    other = blocks(project, "other", (50_000, 40_000))
    with pytest.raises(ShapeError, match=r"has shape \(50000, 40000\)"):
        project.set_base(1, other.path, {})
    with pytest.raises(InputError, match="holds no labels of a large image"):
        project.set_base(1, project.path / "slides", {})
    assert project.case(1).state == "new"


def test_an_ordinary_case_has_no_store_and_no_box(project, tmp_path):
    from PIL import Image

    Image.new("L", (9, 9)).save(tmp_path / "s.png")
    small = project.add_case(tmp_path / "s.png", shape=(9, 9))
    with pytest.raises(InputError, match="expected a large one"):
        project.set_base(small.id, blocks(project).path, {})
    with pytest.raises(InputError, match="expected none"):
        project.accept(small.id, (0, 0, 3, 3))
    assert project.base_problem(small.id) is None


def gone(folder):
    shutil.rmtree(folder)


def other(folder):
    shutil.rmtree(folder)
    LabelBlocks.create(folder, Grid(SHAPE), {"made": "by others"})


def no_json(folder):
    (folder / "zarr.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "told"), [(gone, "moved or deleted"), (other, "other labels than those"), (no_json, "a.zarr")]
)
def test_a_store_that_is_gone_or_others_is_told_and_strokes_stay(project, damage, told):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    drawn = (2000, 4050, 2100, 4150)
    project.commit_stroke(1, full(3, drawn), box=drawn)
    accepted = (2200, 4200, 2300, 4300)
    project.accept(1, accepted)
    damage(project.path / "slides/1/a.zarr")
    project.close()
    with Project.open(project.path) as again:
        labels = again.labels(1, BOX)
        assert (labels == 3).sum() == 100 * 100
        # what was accepted hangs on no folder
        assert (labels[300:, 200:] == 1).all()
        assert (again.revision_labels(1) == 1).all()
        labels[300:, 200:] = 0
        assert set(np.unique(labels)) == {0, 3}
        assert told in again.base_problem(1)
        assert sum(told in text for text in again.verify()) >= 1
        with pytest.raises(ProjectError, match="slides"):
            again.accept(1, BOX)
        # and more can be drawn
        again.commit_stroke(1, full(2), box=BOX)
        assert (again.labels(1, BOX) == 2).all()


def test_a_damaged_block_is_told_and_the_others_are_shown(project):
    store = blocks(project)
    fill(store, 1, *AROUND)
    project.set_base(1, store.path, {})
    chunk = store.path / "0" / "c" / "0" / "2"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 255
    chunk.write_bytes(bytes(data))
    labels = project.labels(1, BOX)
    x = store.box((0, 2))[1] - BOX[1]
    assert not labels[:148, x:].any()
    assert (labels[148:] == 1).all()
    assert (labels[:, :x] == 1).all()
    assert any("are damaged" in text for text in project.verify())
    with pytest.raises(ProjectError, match="are damaged"):
        project.accept(1, BOX)
    # where it is sound, it is as good as ever
    project.accept(1, (2048, 4000, 2100, 4300))


def test_a_changed_origin_or_box_is_found(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    project.accept(1, BOX)
    project.close()
    for statement in (
        "UPDATE revisions SET box = '[1900, 4000, 2300, 4301]'",
        "UPDATE revisions SET box = NULL",
        "UPDATE strokes SET origin = NULL",
    ):
        copy = project.path.parent / "copy"
        shutil.copytree(project.path, copy)
        db = sqlite3.connect(copy / "project.sqlite")
        db.execute(statement.replace("box = NULL", "box = 'x'"))
        db.commit()
        db.close()
        with Project.open(copy) as again:
            try:
                found = again.verify()
            except ProjectError as error:
                found = [str(error)]
        assert found
        shutil.rmtree(copy)


def test_a_folder_outside_the_project_is_never_followed(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    project.close()
    db = sqlite3.connect(project.path / "project.sqlite")
    (origin,) = db.execute("SELECT origin FROM strokes").fetchone()
    db.execute("UPDATE strokes SET origin = ?", (json.dumps({**json.loads(origin), "store": "../../etc"}),))
    db.commit()
    db.close()
    with Project.open(project.path) as again, pytest.raises(ProjectError, match="is no folder of the project"):
        again.labels(1, BOX)


def test_nothing_is_stored_where_nothing_can_be(project, monkeypatch):
    project.commit_stroke(1, full(1), box=BOX)
    (project.path / "project.sqlite").rename(project.path / "gone.sqlite")
    with pytest.raises(OutputError, match="is gone"):
        project.commit_stroke(1, full(2), box=BOX)
    (project.path / "gone.sqlite").rename(project.path / "project.sqlite")
    assert (project.labels(1, BOX) == 1).all()
    project.commit_stroke(1, full(2), box=BOX)
    assert (project.labels(1, BOX) == 2).all()


def test_tiles_of_an_earlier_version_are_read(tmp_path, monkeypatch):
    """Images of more than 8192 x 8192 px were ordinary ones."""
    with make(tmp_path, (300, 280)) as project:
        project.set_proposal(1, np.ones((300, 280), np.uint8), {})
        project.commit_stroke(1, np.full((20, 30), 2, np.uint8), box=(250, 240, 270, 270))
        project.accept(1)
        labels, touched = project.labels(1), project.touched(1)
        for where in ("boxes", "label_store", "revision_store", "records"):
            monkeypatch.setattr(f"napari_medseg.project.{where}.large_shape", lambda shape: True)
        whole = (0, 0, 300, 280)
        assert np.array_equal(project.labels(1, whole), labels)
        assert np.array_equal(project.touched(1, whole), touched)
        project.commit_stroke(1, np.full((20, 30), 3, np.uint8), box=(260, 240, 280, 270))
        labels[260:280, 240:270], touched[260:280, 240:270] = 3, True
        assert np.array_equal(project.labels(1, whole), labels)
        assert np.array_equal(project.touched(1, whole), touched)
        assert project.verify() == []


# ---- what is accepted ----


def test_several_boxes_are_accepted_each_as_it_was(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    first = project.accept(1, BOX)
    assert (project.case(1).state, project.corrected(first.id)) == ("in progress", False)
    assert project.accepted_revision(1, BOX) == project.accepted_revision(1) == first.id
    other = (2300, 4000, 2400, 4100)
    project.commit_stroke(1, full(2, other), box=other)
    # beside it
    assert project.frames(1) == [BOX]
    assert project.accepted_revision(1, BOX) == first.id
    second = project.accept(1, (2200, 3900, 2500, 4200))
    assert project.frames(1) == [BOX, (2200, 3900, 2500, 4200)]
    assert (project.corrected(second.id), project.corrected(first.id)) == (True, False)
    assert [one.box for one in project.revisions(1)] == [BOX, (2200, 3900, 2500, 4200)]
    assert (project.revision_labels(first.id) == 1).all()
    assert (project.revision_labels(second.id) == 2).sum() == 100 * 100
    project.undo(1)
    assert (project.revision_labels(second.id) == 2).sum() == 100 * 100
    assert project.verify() == []


@pytest.mark.parametrize(
    ("box", "told"),
    [((5, 5, 5, 9), "expected a part"), ((60_000, 0, 60_010, 9), "expected a part"), ((1, 2, 3), "Give one of these")],
)
def test_a_box_with_nothing_in_it_is_not_accepted(project, box, told):
    with pytest.raises(InputError, match=told):
        project.accept(1, box)
    assert project.revisions(1) == []


def test_a_large_volume_is_asked_for_and_accepted_in_boxes_of_slices(tmp_path):
    shape = (300, 2000, 2100)
    with make(tmp_path, shape) as project:
        store = blocks(project, shape=shape)
        # x is 0 to 255 along a block: which voxel is which can be told
        fill(
            store,
            lambda b: np.broadcast_to(np.arange(b[5] - b[2]) % 256, (b[3] - b[0], b[4] - b[1], b[5] - b[2])).astype(
                np.uint8
            ),
            (0, 0, 0),
            (1, 0, 0),
            (0, 1, 0),
            (1, 1, 0),
        )
        project.set_base(1, store.path, {})
        box = (62, 250, 10, 67, 260, 30)
        labels = project.labels(1, box)
        assert labels.shape == (5, 10, 20)
        assert (labels == np.arange(10, 30)).all()
        # as rows of all slices
        row = 63 * 2000 + 255
        project.commit_stroke(1, full(9, (row, 10, row + 3, 20)), box=(row, 10, row + 3, 20))
        assert (project.labels(1, box)[1, 5:8, :10] == 9).all()
        assert project.touched(1, box).sum() == 30 - 0
        revision = project.accept(1, box)
        assert revision.box == box
        assert project.revision_labels(revision.id).shape == (5, 10, 20)
        # rows of one slice are that slice's
        assert project.accept(1, (row, 10, row + 3, 20)).box == (63, 255, 10, 64, 258, 20)
        with pytest.raises(InputError, match="rows of one slice"):
            project.accept(1, (row, 10, row + 3000, 20))
        with pytest.raises(InputError, match="no box is given"):
            project.by_hand(1)
        assert project.verify() == []

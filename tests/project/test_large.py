"""Large cases: what a box costs hangs on the box, and nobody's strokes are lost to what comes later."""

import tracemalloc

import numpy as np
import pytest

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.project import Project, sparse
from tests.project.large_cases import AROUND, BOX, SHAPE, blocks, fill, full, make


@pytest.fixture
def project(tmp_path):
    with make(tmp_path) as project:
        yield project


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


def test_several_boxes_are_accepted_each_as_it_was(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    first = project.accept(1, BOX)
    assert (project.case(1).state, project.corrected(first.id)) == ("accepted", False)
    assert project.accepted_revision(1, BOX) == project.accepted_revision(1) == first.id
    other = (2300, 4000, 2400, 4100)
    project.commit_stroke(1, full(2, other), box=other)
    assert project.case(1).state == "in progress"
    assert project.accepted_revision(1, BOX) is None
    second = project.accept(1, (2200, 3900, 2500, 4200))
    assert project.case(1).state == "accepted"
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

"""What a person accepted of a large case: no proposal changes it, undo and a word take it back, and counts follow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.app.accepted import masks_of
from napari_medseg.errors import InputError
from napari_medseg.project import Project
from napari_medseg.project.revision_store import WORTH_LOOKING
from tests.project.large_cases import AROUND, BOX, blocks, fill, full, make

OTHER = (2300, 4000, 2400, 4100)
SMALL = (520, 530)


@pytest.fixture
def project(tmp_path):
    with make(tmp_path) as project:
        yield project


def proposed(project, name, value):
    fill(blocks(project, name), value, *AROUND)
    return project.set_base(1, project.path / f"slides/1/{name}.zarr", {"network": name})


def boxes_in(shape):
    return st.tuples(*(st.integers(0, n - 1) for n in (*shape, *shape))).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 1, max(b[1], b[3]) + 1)
    )


steps = st.lists(
    st.tuples(
        st.sampled_from(("accept", "accept", "base", "base", "suggest", "block", "undo", "redo", "unlock", "again")),
        boxes_in(SMALL),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=16,
)


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_no_proposal_changes_a_pixel_of_what_was_accepted(steps, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    for where in ("boxes", "label_store", "revision_store", "records"):
        patch.setattr(f"napari_medseg.project.{where}.large_shape", lambda shape: True)
    patch.setattr("napari_medseg.io.label_blocks.BLOCK", (256, 256))
    rng = np.random.default_rng(0)
    store, number, before = None, 0, {}

    def some(box):
        return rng.integers(0, 4, (box[2] - box[0], box[3] - box[1])).astype(np.uint8)

    project = make(tmp_path_factory.mktemp("frames"), SMALL)
    try:
        for kind, box, value in steps:
            if kind == "accept":
                try:
                    project.accept(1, box)
                except InputError as error:
                    assert "not done" in str(error)
            elif kind == "base":
                number += 1
                store = blocks(project, f"s{number}", SMALL)
                project.set_base(1, store.path, {})
            elif kind == "suggest":
                project.set_proposal(1, some(box), {}, box=box)
            elif kind == "block" and store is not None:
                left = [index for index in store.blocks() if not store.done(index)]
                fill(store, some, *left[: value + 1])
            elif kind == "unlock":
                project.unlock(1, box)
            elif kind in ("undo", "redo"):
                getattr(project, kind)(1)
            elif kind == "again":
                project.close()
                project = Project.open(project.path)
            now = {one: project.labels(1, one) for one in project.frames(1)}
            for one in now.keys() & before.keys():
                assert np.array_equal(now[one], before[one]), kind
            before = now
            # as accepted and as all: the same, also where newer boxes lie over older ones
            for mask in masks_of(project, project.case(1)):
                assert np.array_equal(
                    project.revision_labels(mask.revision.id)[
                        mask.box[0] - mask.revision.box[0] : mask.box[2] - mask.revision.box[0],
                        mask.box[1] - mask.revision.box[1] : mask.box[3] - mask.revision.box[1],
                    ],
                    project.labels(1, mask.box),
                )
        assert project.verify() == []
    finally:
        project.close()
        patch.undo()


def test_undo_takes_an_accept_back_and_redo_brings_it(project):
    proposed(project, "a", 1)
    project.accept(1, BOX)
    project.accept(1, OTHER)
    assert (project.case(1).frames, project.case(1).state) == (2, "in progress")
    assert project.undo(1) == OTHER
    assert project.frames(1) == [BOX]
    assert [one.box for one in project.standing(1)] == [BOX]
    assert (project.case(1).frames, project.case(1).strokes) == (1, 0)
    project.redo(1)
    assert project.frames(1) == [BOX, OTHER]


def test_a_box_is_taken_back_by_a_word_whatever_came_after_it(project):
    proposed(project, "a", 1)
    project.accept(1, BOX)
    project.accept(1, OTHER)
    project.withdraw(1, BOX)
    assert project.frames(1) == [OTHER]
    assert [mask.box for mask in masks_of(project, project.case(1))] == [OTHER]
    # nothing is another one before somebody proposes
    assert (project.labels(1, BOX) == 1).all()
    proposed(project, "b", 2)
    assert (project.labels(1, BOX) == 2).all()
    assert (project.labels(1, OTHER) == 1).all()
    project.undo(1)
    project.undo(1)
    assert project.frames(1) == [BOX, OTHER]
    proposed(project, "c", 3)
    assert (project.labels(1, BOX) == 1).all()
    with pytest.raises(InputError, match="expected one that is accepted"):
        project.withdraw(1, (0, 0, 50, 50))


def test_a_box_that_was_drawn_in_is_accepted_no_more_until_that_is_undone(project):
    proposed(project, "a", 1)
    first = project.accept(1, BOX)
    inner = (2000, 4050, 2010, 4060)
    project.commit_stroke(1, full(2, inner), box=inner)
    assert project.frames(1) == []
    # what was accepted is still what is learned from, as of an ordinary image
    assert [mask.revision.id for mask in masks_of(project, project.case(1))] == [first.id]
    project.undo(1)
    assert project.frames(1) == [BOX]
    project.redo(1)
    second = project.accept(1, BOX)
    assert project.frames(1) == [BOX]
    assert [mask.revision.id for mask in masks_of(project, project.case(1))] == [second.id]


def test_accepted_twice_is_one_box(project):
    project.accept(1, BOX)
    second = project.accept(1, BOX)
    assert project.frames(1) == [BOX]
    assert [mask.revision.id for mask in masks_of(project, project.case(1))] == [second.id]
    project.withdraw(1, BOX)
    assert project.frames(1) == []


def test_a_proposal_that_is_not_done_holds_up_nothing_that_was_accepted(project):
    proposed(project, "a", 1)
    first = project.accept(1, BOX)
    project.set_base(1, blocks(project, "b").path, {})
    assert project.frames(1) == [BOX]
    assert np.array_equal(project.revision_labels(project.accept(1, BOX).id), project.revision_labels(first.id))
    with pytest.raises(InputError, match="not done"):
        project.accept(1, OTHER)


def test_a_slide_is_done_when_all_that_is_worth_looking_at_is_accepted(project):
    store = blocks(project)
    fill(store, 1, *AROUND)
    project.set_base(1, store.path, {WORTH_LOOKING: 2})
    assert (project.case(1).state, project.case(1).frames_of) == ("proposed", 2)
    project.accept(1, BOX)
    assert project.case(1).state == "in progress"
    project.accept(1, OTHER)
    assert project.case(1).state == "accepted"
    assert project.next_case() is None
    project.undo(1)
    assert project.next_case().id == 1

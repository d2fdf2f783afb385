"""Stray pieces are asked about where a label is one thing, never where it is many."""

import numpy as np
import pytest

from napari_medseg.app.pieces import StrayPieces, do_not_ask
from napari_medseg.io import write_image
from napari_medseg.project import Project

SHAPE = (64, 64)


def mask(*corners, side=3, label=1):
    """One large square, and small ones."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:32, 2:32] = label
    for y, x in corners:
        labels[y : y + side, x : x + side] = label
    return labels


STRAY = mask((50, 50))
MANY = mask((40, 40), (40, 10), (10, 40), side=15)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p") as made:
        for number in range(4):
            path = tmp_path / f"{number}.tif"
            write_image(path, np.full(SHAPE, number, np.uint8))
            made.add_case(path, shape=SHAPE, group=str(number))
        yield made


def accepted(project, *masks):
    for case_id, labels in enumerate(masks, start=2):
        project.commit_stroke(case_id, labels)
        project.accept(case_id)


@pytest.mark.parametrize(
    ("others", "asked"),
    [
        ((), True),
        ((mask(), mask()), True),
        ((mask(), MANY), True),
        ((MANY, MANY, mask()), False),
        # it was kept before
        ((STRAY, STRAY), False),
        # another label says nothing
        ((mask((50, 50), label=2),) * 2, True),
    ],
)
def test_the_other_accepted_masks_say_whether_a_label_is_one_thing(project, others, asked):
    accepted(project, *others)
    assert [one.label for one in StrayPieces().to_ask(project, 1, STRAY)] == ([1] if asked else [])
    assert StrayPieces().to_ask(project, 1, MANY) == []


def test_what_the_case_itself_was_accepted_as_says_nothing(project):
    project.commit_stroke(1, STRAY)
    project.accept(1)
    assert StrayPieces().to_ask(project, 1, STRAY)


def test_who_does_not_want_to_be_asked_is_not(project):
    pieces = StrayPieces()
    do_not_ask(project, 1)
    assert pieces.to_ask(project, 1, STRAY) == []
    assert pieces.to_ask(project, 1, STRAY * 2)


def test_masks_that_were_counted_are_not_read_again(project, monkeypatch):
    accepted(project, mask(), mask())
    pieces = StrayPieces()
    assert pieces.to_ask(project, 1, STRAY)
    monkeypatch.setattr(Project, "revision_labels", lambda *_: pytest.fail("read again"))
    assert pieces.to_ask(project, 1, STRAY)


NOTHING = np.zeros(SHAPE, np.uint8)


def drawn_over(project):
    project.set_proposal(1, NOTHING, {})
    project.commit_stroke(1, mask())
    project.commit_stroke(1, NOTHING)


def taken_back(project):
    project.set_proposal(1, mask(), {})
    project.undo(1)


def rubbed_out(project):
    project.set_proposal(1, mask(), {})
    project.commit_stroke(1, NOTHING)


@pytest.mark.parametrize(
    ("come", "asked"),
    [
        (lambda project: None, True),
        (taken_back, True),
        (rubbed_out, True),
        (drawn_over, True),
        # what a network says, and the person looks at
        (lambda project: project.set_proposal(1, NOTHING, {}), False),
    ],
)
def test_an_empty_mask_is_asked_about_unless_a_network_proposed_it(project, come, asked):
    come(project)
    assert StrayPieces().emptied(project, 1, NOTHING) == asked
    assert not StrayPieces().emptied(project, 1, mask())
    # of a project with images of nothing, nobody is asked again
    accepted(project, NOTHING)
    assert not StrayPieces().emptied(project, 1, NOTHING)

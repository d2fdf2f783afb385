"""A proposal that comes late never takes the place of an accepted mask, and is kept."""

import numpy as np
import pytest

from napari_medseg.project import Project

SHAPE = (20, 30)


def mask(number):
    labels = np.zeros(SHAPE, np.uint8)
    labels[number : number + 5] = 1
    return labels


@pytest.fixture
def project(tmp_path):
    from napari_medseg.io import write_image

    write_image(tmp_path / "i.tif", np.arange(600, dtype=np.uint16).reshape(SHAPE))
    with Project.create(tmp_path / "p") as made:
        made.add_case(tmp_path / "i.tif", shape=SHAPE)
        made.set_proposal(1, mask(1), {"network": "a"})
        yield made


def stroke(project):
    project.commit_stroke(1, mask(3))


def undone(project):
    project.commit_stroke(1, mask(3))
    project.undo(1)


def accepted(project):
    project.accept(1)


def drawn_on(project):
    project.accept(1)
    project.commit_stroke(1, mask(3))


@pytest.mark.parametrize(("meanwhile", "shown"), [(stroke, True), (undone, True), (accepted, False), (drawn_on, True)])
def test_what_was_accepted_stays_and_redo_shows_the_proposal(project, meanwhile, shown):
    meanwhile(project)
    assert not project.verify()
    before, state = project.labels(1), project.case(1).state
    assert project.offer_proposal(1, mask(9), {"network": "b"}) is shown
    if shown:
        assert project.proposal_origin(1) == {"network": "b"} and project.case(1).state == "proposed"
        return
    assert np.array_equal(project.labels(1), before) and project.case(1).state == state
    assert project.proposal_origin(1) == {"network": "a"}
    assert project.redo(1) is not None
    assert np.array_equal(project.labels(1), mask(9)) and project.proposal_origin(1) == {"network": "b"}
    project.undo(1)
    assert project.case(1).state == "accepted" and not project.verify()


def test_what_it_was_asked_to_replace_it_replaces(project):
    project.accept(1)
    over = project.accepted_revision(1)
    assert over == project.revisions(1)[0].id
    assert project.offer_proposal(1, mask(9), {"network": "b"}, over=over)
    assert project.accepted_revision(1) is None
    # and no other that came since
    project.accept(1)
    assert not project.offer_proposal(1, mask(5), {"network": "c"}, over=over)
    assert np.array_equal(project.labels(1), mask(9))


def test_kept_is_as_good_as_shown_also_over_a_restart(project, tmp_path):
    project.commit_stroke(1, mask(3))
    shown, touched = project.labels(1), project.touched(1)
    project.set_aside(1, mask(9), {"network": "b"})
    assert np.array_equal(project.labels(1), shown)
    # what is drawn next lies on what is shown
    project.close()
    with Project.open(tmp_path / "p") as again:
        assert np.array_equal(again.labels(1), shown) and again.can_redo(1)
        again.redo(1)
        after = np.where(touched, shown, mask(9))
        assert np.array_equal(again.labels(1), after) and not again.verify()

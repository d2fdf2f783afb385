"""Which slices of a volume a person drew in, across each axis, and which pixels are theirs by hand."""

import numpy as np
import pytest

from napari_medseg.errors import ShapeError
from napari_medseg.project import Project
from napari_medseg.project.touched import CARRIED, INTERPOLATED

SHAPE = (6, 300, 40)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "v").write_bytes(b"v")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "v", shape=SHAPE)
        yield project


def draw(project, place, label=1, tool="brush"):
    labels = project.labels(1)
    labels[place] = label
    rows = labels.reshape(-1, SHAPE[2])
    project.commit_stroke(1, rows, box=(0, 0, *rows.shape), tool=tool)


def test_a_stroke_in_one_slice_counts_for_that_plane_alone(project):
    draw(project, np.s_[2, 250:280, 3:30])
    draw(project, np.s_[1:5, 260, 5:9])
    hand = project.by_hand(1)
    assert hand.slices == ((2,), (260,), ())
    np.testing.assert_array_equal(hand.pixels, project.touched(1))


def test_what_was_carried_there_is_not_by_hand(project):
    draw(project, np.s_[0, 10:20, 10:20])
    draw(project, np.s_[1:4, 10:20, 10:20], tool=CARRIED)
    draw(project, np.s_[5, 10:20, 10:20], tool=INTERPOLATED)
    hand = project.by_hand(1)
    assert hand.slices[0] == (0,)
    assert np.flatnonzero(hand.pixels.any(axis=(1, 2))).tolist() == [0]
    # corrected afterwards, it is
    draw(project, np.s_[2, 12:14, 12:14], label=0, tool="eraser")
    assert project.by_hand(1).slices[0] == (0, 2)
    assert project.by_hand(1).pixels[2].sum() == 4
    # and what is carried over it again is not
    draw(project, np.s_[2, 12:14, 12:14], tool=CARRIED)
    assert project.by_hand(1).pixels[2].sum() == 0


def test_proposals_and_what_goes_over_many_slices_correct_none(project):
    project.set_proposal(1, np.ones(SHAPE, np.uint8), {"network": "n"})
    draw(project, np.s_[1:4, 10:20, 10:20], label=0, tool="smooth")
    hand = project.by_hand(1)
    assert hand.slices == ((), (), ())
    assert hand.pixels.sum() == 300


def test_undo_and_unlock_take_it_back(project):
    draw(project, np.s_[3, 1:4, 1:4])
    draw(project, np.s_[4, 1:4, 1:4])
    project.undo(1)
    assert project.by_hand(1).slices[0] == (3,)
    project.unlock(1)
    hand = project.by_hand(1)
    assert hand.slices == ((), (), ()) and not hand.pixels.any()


def test_of_an_image_there_are_no_slices(tmp_path):
    (tmp_path / "i").write_bytes(b"i")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i", shape=(4, 4))
        with pytest.raises(ShapeError, match="expected a volume"):
            project.by_hand(1)
        assert project.proposed(1) is None


def test_what_was_proposed_stays_known_under_corrections(project):
    assert project.proposed(1) is None
    proposed = np.zeros(SHAPE, np.uint8)
    proposed[1:3] = 2
    project.set_proposal(1, proposed, {"network": "n"})
    draw(project, np.s_[2], label=0)
    np.testing.assert_array_equal(project.proposed(1), proposed)

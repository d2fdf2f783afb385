"""Corrected slices to their neighbours: which are taken, what is said."""

import numpy as np
import pytest

from napari_medseg.app.carry import carried_text, carry, said_by
from napari_medseg.editing.propagate import Propagation, Stop
from napari_medseg.errors import InputError
from napari_medseg.inference import Prediction
from napari_medseg.project import Project
from napari_medseg.project.touched import CARRIED
from tests.editing.test_propagate import dice, tube

IMAGE, TRUTH = tube(15, drift=0.4, first=2, last=12)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "v").write_bytes(b"v")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "v", shape=TRUTH.shape)
        yield project


def commit(project, labels, tool):
    rows = labels.reshape(-1, labels.shape[-1])
    project.commit_stroke(1, rows, box=(0, 0, *rows.shape), tool=tool)


def correct(project, *slices):
    for z in slices:
        labels = project.labels(1)
        labels[z] = TRUTH[z]
        commit(project, labels, "brush")


def run(project, **more):
    return carry(project, 1, IMAGE, project.labels(1), **more)


def test_what_is_drawn_is_carried_and_again_from_what_is_corrected_since(project):
    correct(project, 4, 9)
    told = []
    first = run(project, step=told.append)
    assert dice(first.after, TRUTH) > 0.9
    assert sorted(set(told)) == sorted({*first.filled, *(at for at in told if at not in first.filled)})
    assert first.text.startswith("Slices ") and "4" not in first.text.split(".")[0].split(" of ")[0].split()
    commit(project, first.after, CARRIED)
    # a filled slice that a person corrects is one more to go from; the others are filled anew
    labels = project.labels(1)
    labels[7] = 0
    commit(project, labels, "eraser")
    second = run(project)
    assert not second.after[7].any()
    assert {5, 6, 8} <= set(second.filled)
    assert second.after[6].sum() < first.after[6].sum()


def test_a_plane_in_which_nobody_drew_is_refused_and_so_is_an_empty_one(project):
    with pytest.raises(InputError, match="no slice of this plane is corrected yet"):
        run(project)
    correct(project, 5)
    with pytest.raises(InputError, match="no slice of this plane"):
        run(project, axis=2)
    labels = project.labels(1)
    labels[:] = 0
    commit(project, labels, "eraser")
    with pytest.raises(InputError, match=r"nothing is drawn on the slices that you corrected \(5\)"):
        run(project)


def test_what_was_proposed_is_heard_without_its_probabilities(project):
    proposed = TRUTH.copy()
    proposed[10:] = 0
    project.set_proposal(1, proposed, {"network": "n"})
    labels = project.labels(1)
    labels[6, 0, 0] = 1
    commit(project, labels, "brush")
    found = run(project)
    above = found.text.partition("From slice 6 to 9; stopped at 10: ")[2]
    assert above.startswith("the network says otherwise there")
    # nothing of a class that was not proposed
    other = np.where(labels, 5, 0).astype(np.uint8)
    commit(project, other, "brush")
    assert 5 in carry(project, 1, IMAGE, other).after[7]


def test_labels_of_other_numbers_are_left_alone(project):
    correct(project, 4, 9)
    labels = project.labels(1)
    labels[6:8, :4, :4] = 3
    commit(project, labels, "fill holes")
    after = run(project).after
    np.testing.assert_array_equal(after == 3, labels == 3)


def test_it_is_said_where_it_stopped_and_why():
    stops = (Stop(20, 15, 14, "edge"), Stop(20, 31, 32, "unlike"))
    found = Propagation(np.zeros((1, 1, 1)), (*range(15, 20), *range(21, 32)), stops)
    assert carried_text(found, 40) == (
        "Slices 15 to 19 and 21 to 31 of 40. From slice 20 to 15; stopped at 14: its edge is lost there. "
        "From slice 20 to 31; stopped at 32: the image looks otherwise there."
    )
    none = Propagation(np.zeros((1, 1, 1)), (), (Stop(0, 0, -1, "end"), Stop(0, 0, 1, "empty")))
    assert carried_text(none, 3) == (
        "No other slice can be filled. Stopped right beside slice 0, at 1: the object ends there."
    )


def test_what_a_network_says_is_kept_of_volumes_alone():
    flat = Prediction(labels=np.zeros((4, 4), np.uint8), probabilities=np.ones((1, 4, 4), np.float32), classes={3: "a"})
    assert said_by(flat) is None
    deep = Prediction(
        labels=np.zeros((2, 4, 4), np.uint8), probabilities=np.ones((1, 2, 4, 4), np.float32), classes={3: "a"}
    )
    said = said_by(deep)
    assert list(said) == [3] and said[3].dtype == np.float16 and said[3].shape == (2, 4, 4)

"""Who drafts while a slow network works: the smallest one that knows the task, where that helps."""

from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.app import waits
from napari_medseg.app.demo import sample_project
from napari_medseg.app.draft import DRAFT_KEY, draft_for, left_as_draft, predict_drafted, shows_proposal
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.errors import Cancelled
from napari_medseg.io import read_image
from napari_medseg.weights import list_weights
from tests.shipped import shipped

SHAPE = (256, 320, 3)
LARGE = PredictRequest(network="sgd-net-s", weights=shipped("sgd-net-s/generalist"))
SMALL = PredictRequest(network="cmunext-xxs", weights=shipped("cmunext-xxs/nuclei"))


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    monkeypatch.setattr(waits, "SLOW", 1.0)
    waits.note_wait(LARGE, SHAPE, 3.0)


def known():
    return [(entry.id, entry) for entry in list_weights()]


def test_the_small_network_of_the_task_drafts_plainly():
    request = replace(LARGE, mirrored=True, also=(("lgms-net", shipped("lgms-net/generalist")),), device="cpu")
    assert draft_for(request, SHAPE, known(), "nuclei") is None
    waits.note_wait(request, SHAPE, 3.0)
    draft = draft_for(request, SHAPE, known(), "nuclei")
    assert draft.request == replace(SMALL, device="cpu", mirrored=False)
    assert (draft.by, draft.waits_for) == ("CMUNeXt-XXS", ("SGD-Net small", "LGMSNet"))


@pytest.mark.parametrize("task", sorted({entry.task for entry in list_weights(network="cmunext-xxs")}))
def test_each_specialist_drafts_for_its_task(task):
    draft = draft_for(LARGE, SHAPE, known(), task)
    assert draft is not None and draft.request.weights.startswith(f"cmunext-xxs/{task}@")


@pytest.mark.parametrize("task", ["kidney-stones", "", "of nobody"])
def test_nobody_drafts_what_no_small_network_knows(task):
    assert draft_for(LARGE, SHAPE, known(), task) is None


def test_a_persons_own_small_weights_draft_first_and_of_the_same_classes_alone():
    own = next(entry for entry in list_weights(network="cmunext-xxs") if entry.task == "nuclei")
    mine = ("/p/weights/round-1.safetensors", own)
    assert draft_for(LARGE, SHAPE, [mine, *known()], "nuclei").request.weights == mine[0]
    # measured as worse, they come last
    assert draft_for(LARGE, SHAPE, [mine, *known()], "nuclei", worse={mine[0]}).request.weights == own.id
    two = (mine[0], replace(own, classes=("nucleus", "border"), labels=(1, 2)))
    assert draft_for(LARGE, SHAPE, [two, *known()], "nuclei").request.weights == own.id
    others = [one for one in known() if one[1].network != "cmunext-xxs"]
    assert draft_for(LARGE, SHAPE, [two, *others], "nuclei") is None


def test_a_draft_that_takes_long_itself_is_left_out():
    # on a large image, bringing it to the network's size takes its time for either
    waits.note_wait(SMALL, SHAPE, 0.5)
    assert draft_for(LARGE, SHAPE, known(), "nuclei") is not None
    waits.note_wait(SMALL, SHAPE, 0.7)
    assert draft_for(LARGE, SHAPE, known(), "nuclei") is None


@pytest.fixture
def project(tmp_path):
    with sample_project(tmp_path / "p") as made:
        yield made


def test_the_draft_comes_first_and_the_answer_is_the_same(project):
    case = project.case(1)
    image, drafts = read_image(case.image).data, []
    draft = draft_for(LARGE, SHAPE, known(), "nuclei")
    found = predict_drafted(image, LARGE, draft, drafts.append)
    assert np.array_equal(found.labels, predict_array(image, LARGE).labels)
    assert np.array_equal(drafts[0].labels, predict_array(image, SMALL).labels)
    assert drafts[0].origin[DRAFT_KEY] == LARGE.weights and DRAFT_KEY not in found.origin
    assert waits.known_wait(LARGE, image.shape) == found.origin["seconds"]
    # shown, it is one that the other mask is still to follow
    assert not shows_proposal(project, 1) and not left_as_draft(project, project.case(1), LARGE)
    project.set_proposal(1, drafts[0].labels, drafts[0].kept_origin)
    assert shows_proposal(project, 1) and left_as_draft(project, project.case(1), LARGE)
    assert not left_as_draft(project, project.case(1), SMALL)
    labels = project.labels(1)
    labels[:9, :9] = 2
    project.commit_stroke(1, labels)
    assert not left_as_draft(project, project.case(1), LARGE)
    project.undo(1)
    project.accept(1)
    assert not left_as_draft(project, project.case(1), LARGE)


def test_a_draft_that_cannot_be_made_is_left_out_and_a_cancelled_one_ends_all(tmp_path):
    image, drafts = np.zeros((64, 64), np.uint8), []
    draft = draft_for(LARGE, SHAPE, known(), "nuclei")
    gone = replace(draft, request=replace(draft.request, weights=str(tmp_path / "gone.safetensors")))
    assert predict_drafted(image, LARGE, gone, drafts.append).labels.shape == image.shape and not drafts
    with pytest.raises(Cancelled):
        predict_drafted(image, LARGE, draft, drafts.append, cancelled=lambda: True)


def test_what_is_asked_in_boxes_says_nothing_of_other_waits():
    boxed = PredictRequest(network="dcsnet-s", weights=shipped("dcsnet-s/generalist"))
    image = np.zeros((64, 64), np.uint8)
    predict_drafted(image, boxed, None, print, boxes=np.array([[4, 4, 40, 40]]))
    assert waits.known_wait(boxed, image.shape) is None

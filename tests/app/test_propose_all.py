"""Every image gets its proposal: nothing of a person's is touched, nothing is done twice, one bad image stops none."""

import numpy as np
import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.propose_all import propose_all
from napari_medseg.app.queue import WORST, Queue
from napari_medseg.errors import Cancelled, InputError, PartlyDoneError
from napari_medseg.io import read_image, write_image
from napari_medseg.project import Project

REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)


@pytest.fixture
def project(tmp_path):
    """Six small images, each a corner of a sample, the later ones in more fog."""
    with sample_project(tmp_path / "samples") as samples:
        data = read_image(samples.cases()[0].image).data
    data = data if data.ndim == 2 else data.mean(axis=-1)
    with Project.create(tmp_path / "p") as made:
        for number in range(6):
            image = (data[:64, 10 * number : 10 * number + 64] * (1 - 0.15 * number)).astype(np.uint8)
            path = write_image(tmp_path / f"i{number}.tif", image)
            made.add_case(path, shape=image.shape, group=f"{number}")
        yield made


def run(project, **wishes):
    return list(propose_all(project, lambda image: None if image.volume else REQUEST, **wishes))


def test_each_image_gets_a_proposal_that_can_be_undone(project):
    steps = run(project)
    assert [(step.done, step.of) for step in steps] == [(n, 6) for n in range(1, 7)]
    for case in project.cases():
        assert case.state == "proposed" and case.strokes == 0
        assert project.proposal_origin(case.id)["network"] == "cmunext-xxs"
        assert project.undo(case.id) is not None
        assert not project.labels(case.id).any()
    assert project.verify() == []


def test_what_a_person_did_is_left_alone_unless_told(project):
    drawn, accepted, opened, *others = [case.id for case in project.cases()]
    mine = np.zeros((64, 64), np.uint8)
    mine[3:9, 3:9] = 1
    for case_id in (drawn, accepted):
        project.commit_stroke(case_id, mine)
    project.accept(accepted)
    left = {step.case.id for step in run(project, open_now=lambda: {opened}) if step.doubt is None}
    assert left == {drawn, opened}
    for case_id in (drawn, accepted):
        np.testing.assert_array_equal(project.labels(case_id), mine)
    assert project.case(accepted).state == "accepted" and project.case(opened).state == "new"
    assert all(project.case(case_id).state == "proposed" for case_id in others)
    # told, the network has its say where the person drew nothing
    run(project, drawn=True)
    assert project.proposal_origin(drawn) is not None
    np.testing.assert_array_equal(project.labels(drawn)[3:9, 3:9], 1)


def test_an_image_that_is_opened_meanwhile_is_the_persons(project):
    """Its proposal is made for the window by then; a second one under the first would not be what is on the screen."""
    asked = []

    def open_now():
        asked.append(len(asked))
        # not before, but when it is to be stored
        return {1} if len(asked) > 1 else set()

    steps = run(project, open_now=open_now)
    assert steps[0].doubt is None and project.case(1).state == "new"


def test_nothing_is_done_twice(project):
    first = run(project)
    strokes = len(project.history())
    assert [step.doubt for step in run(project)] == [step.doubt for step in first]
    assert len(project.history()) == strokes
    other = PredictRequest(network="cmunext-xxs", weights="polyp", device="cpu", size=64)
    list(propose_all(project, lambda image: other, unlike=True))
    assert {project.proposal_origin(case.id)["weights"].split("@")[0] for case in project.cases()} == {
        "cmunext-xxs/polyp"
    }


def test_cancelled_between_two_images_what_is_done_stays(project):
    steps = []
    with pytest.raises(Cancelled):
        for step in propose_all(project, lambda image: REQUEST, cancelled=lambda: len(steps) == 2):
            steps.append(step)
    assert [case.state for case in project.cases()] == ["proposed"] * 2 + ["new"] * 4


def test_one_bad_image_stops_no_other_and_is_told_at_the_end(project):
    second = project.cases()[1]
    second.image.write_bytes(b"")
    steps = []
    with pytest.raises(PartlyDoneError, match=r"1 image got no proposal; the first: .*i1\.tif is empty"):
        for step in propose_all(project, lambda image: REQUEST):
            steps.append(step)
    assert len(steps) == 6
    assert [case.state for case in project.cases()] == ["proposed", "new"] + ["proposed"] * 4


def test_where_no_network_takes_an_image_that_is_said(project):
    with pytest.raises(
        PartlyDoneError,
        match=r"'i0': no network that is known to fit is chosen or at hand\. Choose one in the tab Propose",
    ):
        list(propose_all(project, lambda image: None))


def test_what_is_wrong_for_all_ends_it_at_once(project):
    wrong = PredictRequest(network="cmunext-xxs", weights="nowhere@7", device="cpu")
    with pytest.raises(InputError, match="nowhere@7"):
        list(propose_all(project, lambda image: wrong))


def test_the_worst_come_first_also_in_another_session(project):
    doubts = {step.case.id: step.doubt for step in run(project)}
    worst = sorted(doubts, key=lambda case_id: -doubts[case_id])
    assert len(set(doubts.values())) > 3
    for queue in (Queue(project), Queue(project)):
        assert [case.id for case in queue.worst_first(project.cases())] == worst
        assert queue.next(WORST, None).id == worst[0]
    project.accept(worst[0])
    queue = Queue(project)
    assert [case.id for case in queue.worst_first(project.cases())] == [*worst[1:], worst[0]]
    assert queue.next(WORST, None, after=worst[1]).id == worst[2]


def test_what_the_network_does_not_know_is_left_out_unless_told(project):
    other = PredictRequest(network="cmunext-xxs", weights="polyp", device="cpu", size=64)
    steps = list(propose_all(project, lambda image: other))
    assert [(step.unlike, step.doubt) for step in steps] == [(True, None)] * 6
    assert {case.state for case in project.cases()} == {"new"}
    steps = list(propose_all(project, lambda image: other, unlike=True))
    assert not any(step.unlike for step in steps) and {case.state for case in project.cases()} == {"proposed"}

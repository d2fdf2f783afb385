"""A round's whole course, and each of its ends; the trainer is a fake one, everything around it is real."""

import itertools
import json
from dataclasses import replace

import pytest

from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.app.round import Round
from napari_medseg.app.unfinished import unfinished
from napari_medseg.app.versions import project_weights, use_version, versions
from napari_medseg.errors import Cancelled, InputError, TrainingError, WeightsError
from napari_medseg.project import Project
from napari_medseg.project.lock import training_in
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.weights import resolve_weights
from tests.app.helpers import OPTIONS, accept
from tests.shipped import shipped

SKIN = resolve_weights("cmunext-xxs", "dermoscopy")[0].id
NUCLEI = shipped("cmunext-xxs/nuclei")


@pytest.fixture
def project(sampled, trainers, quick_weights):
    accept(sampled, 2)
    sampled.adopt(quick_weights)
    return sampled


def begun(project, **changes):
    """A round from the weights in use, and the states that it goes through."""
    round_ = Round.new(project, replace(OPTIONS, **{"weights": project.adopted(), **changes}))
    states = []
    round_.changed.connect(states.append)
    return round_, states


def record(project):
    return [run.state for run in project.runs()]


def when(round_, state, act):
    """Act as soon as it is in this state."""
    round_.changed.connect(lambda now: act() if now == state else None)


def test_better_weights_are_adopted_and_the_project_may_move(sampled, trainers, tmp_path):
    accept(sampled, 6)
    sampled.adopt(SKIN)
    trainers.weights = NUCLEI
    round_, states = begun(sampled)
    events = []
    round_.told.connect(lambda event: events.append(event["event"]))
    review = round_.run(adopt=True)
    assert states == ["running", "reviewing", "judged", "adopted"]
    assert events == ["start", "batch", "epoch", "done"]
    assert {row.name for row in review.rows} == {pair.name for pair in round_.spec.data.val}
    assert review.verdict.adopt
    assert json.loads(sampled.runs()[0].result)["adopt"]
    assert record(sampled) == ["adopted"]
    assert sampled.adopted() == str(round_.weights)
    assert project_weights(sampled) == [round_.weights]
    first, _, second = versions(sampled)
    assert (first.weights, first.in_use, second.in_use) == (SKIN, False, True)
    use_version(sampled, first)
    assert sampled.adopted() == SKIN
    use_version(sampled, second)
    whole = round_.weights.read_bytes()
    round_.weights.write_bytes(whole + b"x")
    with pytest.raises(WeightsError, match="was changed since it was adopted"):
        use_version(sampled, second)
    round_.weights.write_bytes(whole)
    assert sampled.verify() == []
    sampled.close()
    sampled.path.rename(tmp_path / "moved")
    with Project.open(tmp_path / "moved") as moved:
        assert moved.adopted() == str(tmp_path / "moved" / "weights" / round_.weights.name)
        assert record(moved) == ["adopted"]


@pytest.mark.parametrize("word", ["gate", "person", "person adopts"])
def test_weights_that_are_not_adopted_are_kept_in_one_word(project, quick_weights, word):
    round_, states = begun(project)
    round_.run(adopt=True)
    assert (record(project), project.adopted()) == (["kept"], quick_weights)
    if word == "person":
        round_.keep()
    elif word == "person adopts":
        round_.adopt()
    last = {"gate": "judged", "person": "kept", "person adopts": "adopted"}[word]
    assert (states[-1], round_.state) == (last, last)
    assert record(project) == ["adopted" if word == "person adopts" else "kept"]
    assert unfinished(project) is None


def test_an_interruption_cancels_and_it_goes_on_from_the_last_epoch(project, trainers):
    trainers.waits = True
    round_, states = begun(project, epochs=3)

    def interrupt():
        raise KeyboardInterrupt

    round_.told.connect(lambda event: interrupt() if event["event"] == "epoch" else None)
    with pytest.raises(KeyboardInterrupt):
        round_.run()
    assert states == ["running", "cancelled"]
    assert record(project) == ["cancelled"]
    assert training_in(round_.folder) is None
    left = unfinished(project)
    assert (left.state, left.epoch) == ("broken", 1)
    trainers.waits = False
    again = Round.again(project, left, device="cpu", minutes=7)
    epochs = []
    again.told.connect(lambda event: epochs.append(event["epoch"]) if event["event"] == "epoch" else None)
    again.run()
    assert epochs == [2, 3]
    assert trainers[1].spec.budget.time_budget_minutes == 7
    assert (again.run_id, record(project)) == (round_.run_id, ["kept"])


def test_a_trainer_that_dies_is_told_and_noted_and_it_goes_on(project, trainers):
    trainers.waits = True
    round_, states = begun(project)
    round_.told.connect(lambda event: trainers[0].fail("It died.") if event["event"] == "epoch" else None)
    with pytest.raises(TrainingError, match=r"It died\."):
        round_.run()
    assert states == ["running", "broken"]
    assert str(round_.error) == "It died."
    assert (record(project), unfinished(project).state) == (["failed"], "broken")
    trainers.waits = False
    Round.again(project, unfinished(project), device="cpu").run()
    assert record(project) == ["kept"]


def test_a_fault_of_who_looks_on_leaves_no_trainer_that_nobody_follows(project, trainers):
    trainers.waits = True
    round_, _ = begun(project)
    round_.told.connect(lambda event: 1 / 0)
    with pytest.raises(Exception, match="division by zero"):
        round_.run()
    assert (round_.state, record(project), training_in(round_.folder)) == ("broken", ["failed"], None)


def test_what_cannot_be_planned_leaves_no_run(sampled, trainers):
    accept(sampled, 1)
    round_, states = begun(sampled)
    with pytest.raises(InputError, match=r"Accept at least 2 images first \(1 so far\)"):
        round_.run()
    assert (states, record(sampled), list(trainers)) == (["broken"], [], [])


def test_one_that_is_cancelled_while_it_is_planned_starts_no_trainer(project, trainers):
    def plan():
        round_.stop()
        # as a window that closes meanwhile
        round_.end()
        return plan_retrain(project, OPTIONS)

    round_ = Round(project, plan)
    with pytest.raises(Cancelled):
        round_.run()
    assert (record(project), list(trainers), round_.pending) == (["cancelled"], [], False)


def test_a_review_can_be_cancelled_and_done_later(project):
    round_, states = begun(project)
    when(round_, "reviewing", round_.stop)
    with pytest.raises(Cancelled):
        round_.run()
    assert round_.pending
    round_.end()
    assert (states, record(project)) == (["running", "reviewing", "cancelled"], ["cancelled"])
    left = unfinished(project)
    assert left.state == "done"
    Round.again(project, left, device="cpu").run()
    assert record(project) == ["kept"]


def test_a_review_that_breaks_can_be_done_again(project):
    round_, _ = begun(project)
    image = project.cases()[0].image
    whole = image.read_bytes()
    when(round_, "reviewing", lambda: image.write_bytes(b"no image"))
    with pytest.raises(InputError):
        round_.run()
    assert (round_.state, record(project)) == ("broken", ["failed"])
    image.write_bytes(whole)
    Round.again(project, unfinished(project), device="cpu").run()
    assert record(project) == ["kept"]


@pytest.mark.parametrize("stays", [True, False])
def test_as_its_project_closes_a_trainer_finishes_alone_or_is_cancelled(project, trainers, stays):
    trainers.waits = True
    round_, _ = begun(project, epochs=2)
    round_.prepare()
    round_.stay()
    round_.stay(stays)
    assert trainers[0].stays is stays
    round_.close()
    project.close()
    if stays:
        assert round_.state == "left"
        trainers[0].finish()
    with Project.open(project.path) as again:
        assert record(again) == ["running" if stays else "cancelled"]
        assert unfinished(again).state == ("done" if stays else "broken")
        if stays:
            found = Round.again(again, unfinished(again), device="cpu")
            assert found.state == "running"
            found.run()
            assert record(again) == ["kept"]


def test_a_trainer_that_was_left_at_work_is_followed_to_its_end_by_who_finds_it(project, trainers):
    trainers.waits = True
    round_, _ = begun(project, epochs=2)
    round_.prepare()
    round_.stay()
    round_.close()
    left = unfinished(project)
    assert left.state == "running"
    found = Round.again(project, left, device="cpu")
    found.told.connect(
        lambda event: trainers[0].finish() if event["event"] == "epoch" and event["epoch"] == 1 else None
    )
    found.run()
    assert record(project) == ["kept"]


def test_a_trainer_of_another_program_that_does_not_end_is_told_and_can_be_cancelled_again(
    project, trainers, monkeypatch
):
    monkeypatch.setattr("napari_medseg.app.trainer_process.ASKED_SECONDS", 0.2)
    trainers.waits = True
    round_, _ = begun(project)
    round_.prepare()
    round_.leave()
    trainers[0].deaf = True
    found = Round.again(project, unfinished(project), device="cpu")
    with pytest.raises(TrainingError, match="did not end"):
        found.cancel()
    assert (found.pending, record(project)) == (True, ["running"])
    trainers[0].deaf = False
    again = Round.again(project, unfinished(project), device="cpu")
    again.cancel()
    assert (again.pending, record(project)) == (False, ["cancelled"])


def test_a_review_is_left_to_whoever_opens_the_project_next(project):
    round_, states = begun(project)
    when(round_, "reviewing", round_.part)
    with pytest.raises(Cancelled):
        round_.run()
    assert (states[-1], record(project)) == ("left", ["running"])
    project.close()
    with Project.open(project.path) as again:
        assert unfinished(again).state == "done"
        Round.again(again, unfinished(again), device="cpu").run()
        assert record(again) == ["kept"]


ACTIONS = ("stop", "end", "leave", "part", "close", "cancel", "keep", "stay", "follow")


@pytest.mark.parametrize("state", ["adopted", "kept", "cancelled", "broken", "left"])
def test_an_end_is_an_end(project, trainers, state):
    """Whatever is said of it, in any order: neither the state nor the record changes."""
    trainers.waits = True
    round_, states = begun(project)
    round_.prepare()
    if state == "cancelled":
        round_.cancel()
    elif state == "left":
        round_.leave()
    elif state == "broken":
        trainers[0].fail()
        with pytest.raises(TrainingError):
            round_.follow()
    else:
        trainers[0].finish()
        round_.follow()
        round_.adopt() if state == "adopted" else round_.keep()
    before = (state, list(states), record(project))
    for first, second in itertools.permutations(ACTIONS, 2):
        getattr(round_, first)()
        getattr(round_, second)()
        assert (round_.state, states, record(project)) == before
    assert not round_.pending


def test_a_late_word_of_a_trainer_changes_nothing(project, trainers):
    """It ends in the moment in which it is cancelled."""
    trainers.waits = True
    round_, states = begun(project)
    round_.prepare()
    round_.told.connect(lambda event: round_.stop() if event["event"] == "done" else None)
    trainers[0].finish()
    round_.follow()
    round_.end()
    assert (states, record(project)) == (["running", "cancelled"], ["cancelled"])


def test_older_words_are_read_as_before(project):
    """Versions before wrote 'done' of a run that was judged and not decided on."""
    spec, folder = plan_retrain(project, OPTIONS)
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    project.set_run(run, "done", result="{}")
    assert unfinished(project) is None


def test_a_run_that_was_cut_off_is_marked(project):
    spec, folder = plan_retrain(project, OPTIONS)
    project.add_run(spec.to_json(), folder.relative_to(project.path))
    assert RunSpec.read(folder / "spec.json") == spec
    project.close()
    with Project.open(project.path) as again:
        assert record(again) == ["interrupted"]

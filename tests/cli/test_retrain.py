"""A round by the command line; the trainer is a fake one."""

import json

import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.project import Project
from tests.app.helpers import accept
from tests.app.test_judges import propose
from tests.cli.helpers import refused, save_fresh
from tests.shipped import shipped


@pytest.fixture
def retrain(medseg, trainers, tmp_path):
    """Runs the command on a project with two accepted images."""
    weights = save_fresh(tmp_path / "w.safetensors", "cmunext-xxs", input_size=(32, 32))
    with sample_project(tmp_path / "p") as project:
        accept(project, 2)
        project.adopt(weights)

    def run(*options):
        return medseg("project", "retrain", tmp_path / "p", *options)

    return run


def record(tmp_path):
    with Project.open(tmp_path / "p") as project:
        return [run.state for run in project.runs()]


def interrupt_in_the_first_epoch(trainers, monkeypatch):
    def interrupted(folder):
        trainer = started(folder)
        trainer.follow = stop
        return trainer

    def stop(unwanted):
        monkeypatch.setattr("napari_medseg.app.round.OwnTrainer", started)
        raise KeyboardInterrupt
        yield

    started, trainers.waits = trainers.start, True
    monkeypatch.setattr("napari_medseg.app.round.OwnTrainer", interrupted)


def test_ctrl_c_cancels_and_resume_goes_on_from_the_last_epoch(retrain, trainers, monkeypatch, tmp_path):
    interrupt_in_the_first_epoch(trainers, monkeypatch)
    code, out, err = retrain("--epochs", "3", "--device", "cpu")
    assert (code, out) == (130, "")
    assert "The round was cancelled. Go on from the last epoch with --resume." in err
    assert record(tmp_path) == ["cancelled"]
    trainers.waits = False
    code, out, err = retrain("--resume", "--device", "cpu")
    assert code == 0, err
    assert out.splitlines()[-1] == str(tmp_path / "p" / "runs" / "0001" / "weights.safetensors")
    assert "Held-out images" in out
    assert (record(tmp_path), trainers[1].folder) == (["kept"], trainers[0].folder)
    refused(retrain("--resume"), "has no round to go on with", "Start one without --resume")


def test_a_trainer_that_dies_says_how_to_go_on(retrain, trainers, tmp_path, monkeypatch):
    trainers.waits = True
    start = trainers.start
    monkeypatch.setattr("napari_medseg.app.round.OwnTrainer", lambda folder: (start(folder), trainers[-1].fail())[0])
    refused(retrain(), "Training ran out of memory. Go on from the last epoch with --resume.", code=1)
    assert record(tmp_path) == ["failed"]


@pytest.mark.parametrize("option", ["--epochs", "--weights", "--network", "--seed", "--map", "--ignore"])
def test_a_round_goes_on_as_it_was_planned(retrain, option):
    value = {"--map": "2=1", "--weights": "nuclei", "--network": "cmunext-xxs"}.get(option, "3")
    refused(retrain("--resume", option, value), f"{option} is given with --resume; expected none")


def test_nothing_to_resume_is_said(retrain):
    refused(retrain("--resume"), "has no round to go on with")


def test_a_judge_that_was_never_corrected_is_told_and_adopts_nothing(medseg, trainers, tmp_path):
    weights = save_fresh(tmp_path / "w.safetensors", "cmunext-xxs", input_size=(32, 32))
    with sample_project(tmp_path / "p") as project:
        propose(project)
        project.adopt(weights)
    code, out, err = medseg("project", "retrain", tmp_path / "p", "--adopt", "--device", "cpu", "--epochs", "1")
    assert code == 0, err
    assert out.count("as proposed") == 3
    assert "open    2 test images accepted as proposed and none corrected: nobody can say" in out
    assert record(tmp_path) == ["kept"]
    assert "adopted" not in out


def in_use(tmp_path):
    with Project.open(tmp_path / "p") as project:
        return project.adopted()


def speak_against(folder, number):
    """The record of a round that the gate would have kept out."""
    with Project.open(folder) as project:
        run = project.runs()[number - 1]
        checks = [{"passed": False, "text": "'a' gets much worse (0.90 to 0.60)."}]
        result = json.dumps({**json.loads(run.result), "adopt": False, "checks": checks})
        project.set_run(run.id, "kept", weights=run.weights, result=result)


def test_a_round_is_adopted_later_and_taken_back(medseg, retrain, trainers, tmp_path):
    project, first = tmp_path / "p", in_use(tmp_path)
    refused(medseg("project", "adopt", project, 1), "has no round 1; expected one of: none yet")
    for number in (1, 2):
        code, out, err = retrain("--epochs", "1", "--device", "cpu")
        assert code == 0, err
        assert f"To use them: medseg project adopt {project} {number}" in err
        assert in_use(tmp_path) == (first if number == 1 else str(project / "weights" / "run-0001.safetensors"))
        if number == 2:
            speak_against(project, number)
        code, out, err = medseg("project", "adopt", project, number)
        assert (code, out.strip()) == (0, str(project / "weights" / f"run-{number:04d}.safetensors"))
        assert in_use(tmp_path) == out.strip()
        assert ("adopted all the same: 'a' gets much worse" in err) == (number == 2)
    refused(retrain("--resume"), "has no round to go on with")
    # the sample project was made with weights of its own
    for expected in (str(project / "weights" / "run-0001.safetensors"), first, shipped("cmunext-xxs/nuclei")):
        code, out, err = medseg("project", "rollback", project)
        assert (code, out.strip()) == (0, expected), err
        assert in_use(tmp_path) == expected
    refused(
        medseg("project", "rollback", project), "no weights from before those in use", shipped("cmunext-xxs/nuclei")
    )
    # and forth again
    assert medseg("project", "adopt", project, 2)[0] == 0
    assert in_use(tmp_path) == str(project / "weights" / "run-0002.safetensors")
    told = json.loads(medseg("project", "rounds", project, "--json")[1])
    assert [(one["round"], one["in_use"], one["better"]) for one in told["rounds"]] == [
        (1, False, False),
        (2, True, False),
    ]
    assert [one["in_use"] for one in told["were_in_use"]][-2:] == [False, True]
    assert "run-0002" in medseg("project", "rounds", project)[1]
    with Project.open(project) as opened:
        assert opened.verify() == []


def test_a_round_that_was_never_judged_is_not_adopted(medseg, retrain, trainers, monkeypatch, tmp_path):
    interrupt_in_the_first_epoch(trainers, monkeypatch)
    assert retrain("--epochs", "3", "--device", "cpu")[0] == 130
    refused(medseg("project", "adopt", tmp_path / "p", 1), "Round 1 is cancelled: it was never judged", "--resume")

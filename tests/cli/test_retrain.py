"""A round by the command line; the trainer is a fake one."""

import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.project import Project
from tests.app.helpers import accept
from tests.app.test_judges import propose
from tests.cli.helpers import refused, save_fresh


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

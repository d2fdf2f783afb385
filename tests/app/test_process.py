"""A trainer that is left alone, found again, broken off and resumed."""

import json
import platform
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_medseg.app import process as process_module
from napari_medseg.app.demo import sample_project
from napari_medseg.app.process import RunProcess
from napari_medseg.app.samples import samples_of
from napari_medseg.app.train import RetrainOptions, plan_retrain
from napari_medseg.app.unfinished import unfinished
from napari_medseg.errors import TrainingError
from napari_medseg.io import read_mask
from napari_medseg.project import Project
from napari_medseg.project.lock import RUN_LOCK, training_in
from napari_medseg.project.runs import CANCEL_FILE, finished

pytestmark = pytest.mark.usefixtures("short_epochs")
TRUTH = {sample.name: read_mask(sample.mask) for sample in samples_of("nuclei")}


def start(folder, epochs):
    with sample_project(folder) as project:
        for case in project.cases()[:3]:
            project.commit_stroke(case.id, TRUTH[case.name].astype(np.uint8))
            project.accept(case.id)
        options = RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=epochs, device="cpu")
        spec, run_folder = plan_retrain(project, options)
        project.add_run(spec.to_json(), run_folder.relative_to(project.path))
        process = RunProcess(run_folder)
        wait(lambda: any(e["event"] == "epoch" for e in process.poll()))
        return process


def wait(wanted, seconds=120):
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_that_is_left_finishes_and_is_found(tmp_path):
    process = start(tmp_path / "p", epochs=4)
    process.leave()
    with Project.open(tmp_path / "p") as project:
        left = unfinished(project)
        assert left.state in ("running", "done")
        assert project.runs()[0].state == "running"
        again = RunProcess.attach(left.folder)
        events = list(again.follow())
        assert events[0]["event"] == "start"
        assert events[-1]["event"] == "done"
        assert again.returncode == 0
        assert finished(left.folder)
        assert unfinished(project).state == "done"
        project.set_run(left.run_id, "kept")
        assert unfinished(project) is None


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_run_that_is_left_can_be_cancelled_by_who_finds_it(tmp_path):
    process = start(tmp_path / "p", epochs=500)
    process.leave()
    with Project.open(tmp_path / "p") as project:
        left = unfinished(project)
        assert (left.state, left.epoch >= 1) == ("running", True)
        RunProcess.attach(left.folder).cancel()
        wait(lambda: training_in(left.folder) is None, 10)
    with Project.open(tmp_path / "p") as project:
        assert project.runs()[0].state == "interrupted"
        assert unfinished(project).state == "broken"
        # a second trainer goes on from there, and a third is kept out
        more = RunProcess(left.folder)
        wait(lambda: training_in(left.folder) is not None, 60)
        third = RunProcess(left.folder)
        assert third.wait(60) == 2
        assert "expected to be open once" in (left.folder / "trainer.log").read_text()
        wait(lambda: any(e["event"] == "start" and e["resumed_epoch"] >= 1 for e in more.poll()))
        more.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
@pytest.mark.parametrize("host", ["other-computer", platform.node()])
def test_cancelling_never_signals_the_number_in_a_lock(tmp_path, monkeypatch, host):
    """It may be of another computer, or of a dead trainer and by now somebody else's."""
    monkeypatch.setattr(process_module, "ASKED_SECONDS", 0.5)
    with subprocess.Popen(["sleep", "60"]) as stranger, (tmp_path / RUN_LOCK).open("a+") as lock:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps({"pid": stranger.pid, "host": host}))
        lock.flush()
        found = RunProcess.attach(tmp_path)
        with pytest.raises(TrainingError, match=f"in process {stranger.pid} on {host} and did not end"):
            found.cancel()
        assert stranger.poll() is None
        stranger.kill()
    # the wish is not lost: a trainer that is slow, or far away, ends as soon as it sees it
    assert (tmp_path / CANCEL_FILE).exists()
    found.cancel()
    assert not (tmp_path / CANCEL_FILE).exists()

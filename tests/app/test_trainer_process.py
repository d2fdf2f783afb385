"""The real trainer: killed, left alone, found again, ended with its window."""

import json
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_medseg.app import trainer_process
from napari_medseg.app.demo import sample_project
from napari_medseg.app.plan_round import RetrainOptions, plan_retrain
from napari_medseg.app.trainer_process import FoundTrainer, OwnTrainer, run_to_end
from napari_medseg.app.unfinished import unfinished
from napari_medseg.errors import TrainingError
from napari_medseg.project import Project
from napari_medseg.project.lock import RUN_LOCK, training_in
from napari_medseg.project.runs import CANCEL_FILE, CHECKPOINT_FILE, EVENTS_FILE, SPEC_FILE, finished, read_events
from tests.app.helpers import OPTIONS, accept, wait

pytestmark = [pytest.mark.usefixtures("short_epochs"), pytest.mark.slow]


def start(folder, epochs):
    with sample_project(folder) as project:
        accept(project, 3)
        options = RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=epochs, device="cpu")
        spec, run_folder = plan_retrain(project, options)
        project.add_run(spec.to_json(), run_folder.relative_to(project.path))
        process = OwnTrainer(run_folder)
        wait(lambda: any(e["event"] == "epoch" for e in process.poll()))
        return process


def test_a_run_that_is_left_finishes_and_is_found(tmp_path):
    process = start(tmp_path / "p", epochs=4)
    process.leave()
    with Project.open(tmp_path / "p") as project:
        left = unfinished(project)
        assert left.state in ("running", "done")
        assert project.runs()[0].state == "running"
        again = FoundTrainer(left.folder)
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
        FoundTrainer(left.folder).cancel()
        wait(lambda: training_in(left.folder) is None, 10)
    with Project.open(tmp_path / "p") as project:
        assert project.runs()[0].state == "interrupted"
        assert unfinished(project).state == "broken"
        # a second trainer goes on from there, and a third is kept out
        more = OwnTrainer(left.folder)
        wait(lambda: training_in(left.folder) is not None, 60)
        third = OwnTrainer(left.folder)
        assert third.wait(60) == 2
        assert "expected to be open once" in (left.folder / "trainer.log").read_text()
        wait(lambda: any(e["event"] == "start" and e["resumed_epoch"] >= 1 for e in more.poll()))
        more.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
@pytest.mark.parametrize("host", ["other-computer", platform.node()])
def test_cancelling_never_signals_the_number_in_a_lock(tmp_path, monkeypatch, host):
    """It may be of another computer, or of a dead trainer and by now somebody else's."""
    monkeypatch.setattr(trainer_process, "ASKED_SECONDS", 0.5)
    with subprocess.Popen(["sleep", "60"]) as stranger, (tmp_path / RUN_LOCK).open("a+") as lock:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps({"pid": stranger.pid, "host": host}))
        lock.flush()
        found = FoundTrainer(tmp_path)
        with pytest.raises(TrainingError, match=f"in process {stranger.pid} on {host} and did not end"):
            found.cancel()
        assert stranger.poll() is None
        stranger.kill()
    # the wish is not lost: a trainer that is slow, or far away, ends as soon as it sees it
    assert (tmp_path / CANCEL_FILE).exists()
    found.cancel()
    assert not (tmp_path / CANCEL_FILE).exists()


def test_a_run_that_cannot_start_says_why_in_one_sentence(sampled):
    accept(sampled, 3)
    _, folder = plan_retrain(sampled, OPTIONS)
    values = json.loads((folder / SPEC_FILE).read_text())
    (folder / SPEC_FILE).write_text(json.dumps({**values, "start_from": "cmunext-xxs/teeth@1"}))
    with pytest.raises(TrainingError, match=r"cmunext-xxs/teeth@1"):
        run_to_end(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_trainer_is_told_and_goes_on_from_its_checkpoint(sampled):
    accept(sampled, 3)
    _, folder = plan_retrain(sampled, RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=300, device="cpu"))
    process = OwnTrainer(folder)
    end = time.monotonic() + 120
    while not (folder / CHECKPOINT_FILE).exists():
        assert time.monotonic() < end
        assert process.running, process.failure()
        time.sleep(0.1)
    process._process.kill()
    assert process.wait(10) == -9
    assert "ended by signal SIGKILL" in process.failure()
    again = OwnTrainer(folder)
    try:
        started = []
        while not started:
            assert time.monotonic() < end
            started = [e for e in again.poll() if e["event"] == "start"]
            time.sleep(0.1)
        assert started[0]["resumed_epoch"] >= 1
        clock = time.monotonic()
    finally:
        again.cancel()
    assert not again.running
    assert time.monotonic() - clock < 10


STARTER = """
import sys, time
from pathlib import Path
from napari_medseg.app.trainer_process import OwnTrainer
process = OwnTrainer(Path(sys.argv[1]))
print(process._process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_trainer_ends_with_the_window_that_started_it(sampled):
    accept(sampled, 3)
    _, folder = plan_retrain(sampled, RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=300, device="cpu"))
    with subprocess.Popen([sys.executable, "-c", STARTER, folder], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        end = time.monotonic() + 120
        while not any(e["event"] == "epoch" for e in read_events(folder / EVENTS_FILE)[0]):
            assert time.monotonic() < end
            time.sleep(0.1)
        parent.kill()
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert read_events(folder / EVENTS_FILE)[0][-1]["event"] == "cancelled"


def test_a_word_to_stay_can_be_taken_back_and_the_end_is_written_down(tmp_path):
    """Without a signal, which on Windows a process could not answer."""
    process = start(tmp_path / "p", epochs=500)
    process.stay()
    process.stay(False)
    # as when this program ends, and as it is cancelled
    process._process.stdin.close()
    assert process.wait(60) == 130
    assert process.failure().startswith("Training was cancelled")
    # once more does no harm
    process.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_trainer_that_is_told_twice_to_end_says_so_once(tmp_path, monkeypatch):
    """Ctrl-C in a terminal comes to the trainer, and by its parent once more."""
    process = start(tmp_path / "p", epochs=500)
    monkeypatch.setattr(trainer_process, "CANCEL_SECONDS", 30)
    process._process.send_signal(signal.SIGINT)
    process.cancel()
    assert process.returncode == 130
    assert [e["event"] for e in read_events(process.folder / EVENTS_FILE)[0]].count("cancelled") == 1

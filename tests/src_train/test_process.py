"""The trainer as a process: started, cancelled, told what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_medseg.project.run_spec import RunSpec, Stage
from napari_medseg.project.runs import EVENTS_FILE, SPEC_FILE, WEIGHTS_FILE, read_events
from src_train.trainer import Trainer
from tests.src_train.helpers import make_run


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "src_train", "run", str(folder)], stderr=subprocess.PIPE, text=True)


def wait_for(folder: Path, kind: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + 90
    while not any(e["event"] == kind for e in read_events(folder / EVENTS_FILE)[0]):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_cancelling_is_quick_and_leaves_a_checkpoint_to_go_on_from(tmp_path):
    make_run(tmp_path, stages=(Stage(size=48, epochs=500),), n=4)
    process = start(tmp_path)
    wait_for(tmp_path, "epoch", process)
    process.send_signal(signal.SIGTERM)
    assert "was cancelled" in process.communicate(timeout=20)[1]
    assert process.returncode == 130
    events, _ = read_events(tmp_path / EVENTS_FILE)
    assert events[-1]["event"] == "cancelled"
    process = start(tmp_path)
    end = time.monotonic() + 90
    while not any(e["event"] == "start" and e["resumed_epoch"] > 0 for e in read_events(tmp_path / EVENTS_FILE)[0]):
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=20)


def test_a_bad_spec_is_one_line_and_an_event(tmp_path):
    (tmp_path / SPEC_FILE).write_text("{")
    process = start(tmp_path)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 2
    assert len(err.strip().splitlines()) == 1
    assert "spec.json is no JSON" in err
    assert read_events(tmp_path / EVENTS_FILE)[0][-1]["event"] == "failed"


def test_a_torn_event_line_is_skipped_and_the_next_is_read(tmp_path):
    from src_train.events import EventLog

    path = tmp_path / EVENTS_FILE
    path.write_text(json.dumps({"event": "start", "time": 1}) + '\n{"event": "epo')
    first, offset = read_events(path)
    assert [e["event"] for e in first] == ["start"]
    log = EventLog(path)
    log.write("done")
    log.close()
    assert [e["event"] for e in read_events(path, offset)[0]] == ["done"]


@pytest.mark.slow
def test_two_processes_follow_the_curve_of_one(tmp_path):
    """Seven images in batches of four: the last batch of three divides unevenly."""
    losses, weights = {}, {}
    for name in ("one", "two"):
        folder = tmp_path / name
        # in full precision: bfloat16 rounds by more than is compared
        settings = {"freeze_norm": True, "learning_rate": 1e-3, "validate_every": 3, "precision": "no"}
        make_run(folder, n=7, batch_size=4, **settings)
        if name == "one":
            Trainer(RunSpec.read(folder / SPEC_FILE), folder).run()
        else:
            launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
            command = [sys.executable, *launcher, "-m", "src_train", "run", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=200)
            assert done.returncode == 0, done.stderr
        events, _ = read_events(folder / EVENTS_FILE)
        losses[name] = [e["loss"] for e in events if e["event"] == "epoch"]
        assert next(e["processes"] for e in events if e["event"] == "start") == (1 if name == "one" else 2)
        weights[name] = load_file(folder / WEIGHTS_FILE)
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-4)
    for key, tensor in weights["one"].items():
        torch.testing.assert_close(tensor, weights["two"][key], rtol=1e-3, atol=1e-4)

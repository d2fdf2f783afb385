"""Why a run died, told to a person who does not know torch."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from napari_medseg.app.trainer_process import FoundTrainer, OwnTrainer
from napari_medseg.project.lock import training_in
from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, SPEC_FILE, read_events
from src_train.__main__ import _cancel, _end, _Stop, main
from src_train.failures import in_words
from src_train.trainer import Trainer
from tests.src_train.helpers import make_run


def test_memory_that_torch_does_not_get_is_told():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert "ran out of memory. Close other programs" in in_words(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later.",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_a_graphics_card_that_fails_is_told_with_a_way_out(text):
    words = in_words(RuntimeError(text))
    assert f"The graphics card failed while training ({text.splitlines()[0]})." in words
    assert "choose 'cpu' as the device, or update the card's driver" in words


def test_a_full_card_is_told_apart_and_a_fault_of_ours_is_left():
    assert "choose 'cpu'" in in_words(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert "ran out of the graphics card's memory" in in_words(RuntimeError("MPS backend out of memory"))
    assert in_words(RuntimeError("shape '[2]' is invalid for input of size 3")) is None


@pytest.fixture
def own_handlers():
    """The program sets what signals do; tests after this one have theirs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_trainer_tells_a_failed_card_in_its_events(tmp_path, monkeypatch, own_handlers):
    # a card cannot be broken on purpose; all around it is real
    def fail(self):
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA.")

    make_run(tmp_path)
    monkeypatch.setattr(Trainer, "_run", fail)
    assert main(["run", str(tmp_path)]) == 1
    assert "(CUDA error: unspecified launch failure)" in read_events(tmp_path / EVENTS_FILE)[0][-1]["error"]


def test_a_run_that_needs_too_much_memory_says_what_a_person_can_do(tmp_path, monkeypatch, own_handlers):
    # no size that a spec may name is beyond every machine
    monkeypatch.setattr(Trainer, "_run", lambda self: torch.empty(1 << 50))
    make_run(tmp_path)
    assert main(["run", str(tmp_path)]) == 1
    told = read_events(tmp_path / EVENTS_FILE)[0][-1]["error"]
    assert told == "Training ran out of memory. Close other programs, or choose a smaller network."


def test_one_image_at_the_smallest_size_is_told_with_a_way_out(tmp_path):
    spec = make_run(tmp_path, n=1, stages=(Stage(size=16, epochs=1),))
    with pytest.raises(ValueError, match="more than 1 value per channel") as caught:
        Trainer(spec, tmp_path).run()
    assert "single place left at the network's smallest map" in in_words(caught.value)
    assert in_words(ValueError("not enough values to unpack")) is None


@pytest.fixture
def small_files(own_handlers):
    """No file of this process may grow beyond 200 kB, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_for_a_checkpoint_is_told(tmp_path, small_files, capsys):
    make_run(tmp_path)
    assert main(["run", str(tmp_path)]) == 1
    told = read_events(tmp_path / EVENTS_FILE)[0][-1]
    assert told["event"] == "failed"
    assert told["error"].startswith(f"{tmp_path / CHECKPOINT_FILE} cannot be written: it is larger")
    assert told["error"] in capsys.readouterr().err
    # nothing half written stays
    assert not [path for path in tmp_path.iterdir() if ".tmp" in path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
def test_a_full_disk_that_takes_no_word_ends_a_run_with_a_sentence_all_the_same(tmp_path, capsys, own_handlers):
    make_run(tmp_path)
    (tmp_path / EVENTS_FILE).symlink_to("/dev/full")
    assert main(["run", str(tmp_path)]) == 1
    assert f"{EVENTS_FILE} cannot be written: the disk is full. Free space" in capsys.readouterr().err


def test_on_windows_the_main_thread_is_stopped_and_can_still_say_so(monkeypatch):
    before = signal.signal(signal.SIGINT, _cancel)
    monkeypatch.setattr(sys, "platform", "win32")
    try:
        with pytest.raises(_Stop):
            threading.Timer(0.05, _end).start()
            end = time.monotonic() + 30
            while time.monotonic() < end:
                time.sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_size_beyond_all_reason_is_told_at_once(tmp_path):
    values = json.loads(make_run(tmp_path, val=()).to_json())
    (tmp_path / SPEC_FILE).write_text(json.dumps({**values, "stages": [{"size": 1 << 22, "epochs": 1}]}))
    process = OwnTrainer(tmp_path)
    assert process.wait(240) == 2
    assert "'stages' in " in process.failure()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_death_is_not_told_with_the_words_of_an_earlier_one(tmp_path):
    make_run(tmp_path, stages=(Stage(size=48, epochs=500),))
    lines = [{"event": "start", "time": 1}, {"event": "failed", "time": 2, "error": "Training ran out of memory."}]
    (tmp_path / EVENTS_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    early = OwnTrainer(tmp_path)
    # before it wrote a word
    os.kill(early._process.pid, signal.SIGKILL)
    early.wait(60)
    assert "signal SIGKILL" in early.failure()
    late = OwnTrainer(tmp_path)
    end = time.monotonic() + 120
    while not any(event["event"] == "epoch" for event in late.poll()):
        assert time.monotonic() < end
        time.sleep(0.05)
    found = FoundTrainer(tmp_path)
    os.kill(late._process.pid, signal.SIGKILL)
    late.wait(60)
    assert "signal SIGKILL" in late.failure()
    assert found.failure().startswith("Training broke off; its log is")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_command_line_names_its_own_way_to_go_on(tmp_path):
    make_run(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            (tmp_path / f"{kind[0]}{number}.png").rename(tmp_path / kind / f"a{number}.png")
    places = ["--images", tmp_path / "images", "--masks", tmp_path / "masks", "--out", tmp_path / "out.safetensors"]
    command = [sys.executable, "-m", "napari_medseg.cli", "train", *places, "--epochs", "500", "--size", "48"]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as medseg:
        end = time.monotonic() + 120
        while not (tmp_path / "out.run" / "checkpoint.pt").exists():
            assert time.monotonic() < end
            assert medseg.poll() is None
            time.sleep(0.1)
        os.kill(training_in(tmp_path / "out.run")["pid"], signal.SIGKILL)
        told = medseg.communicate(timeout=60)[1]
    assert "signal SIGKILL" in told
    assert "Go on from the last epoch with --resume." in " ".join(told.split())

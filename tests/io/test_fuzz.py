"""The short form of ``python benchmarks/fuzz.py``: damaged files end in one sentence, soon, and in little memory."""

import os
import random
import signal
import sys

import pytest

from benchmarks import fuzz, fuzz_seeds


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the system measures the memory")
def test_three_hundred_damaged_files_end_in_a_sentence(tmp_path):
    found = fuzz.run(tmp_path, 300)
    assert found.faults == []
    assert found.mutations == 300
    # neither is all of it still sound, nor does the first byte stop all
    assert found.read > 30
    assert found.refused > 100


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the system measures the memory")
@pytest.mark.parametrize(("blow", "text"), [("SIGSTOP", "no answer after"), ("SIGKILL", "the process died")])
def test_a_reader_that_hangs_or_dies_is_a_fault_and_another_goes_on(tmp_path, monkeypatch, blow, text):
    # a second to wait, or none is left
    monkeypatch.setattr(fuzz, "SECONDS", -1.0)
    (tmp_path / "a.png").write_bytes(b"")
    with fuzz.Reader() as reader:
        reader.start()
        os.kill(reader.process.pid, getattr(signal, blow))
        found = reader.read(tmp_path / "a.png")
        assert found["outcome"] == "fault"
        assert text in found["text"]
        monkeypatch.setattr(fuzz, "SECONDS", 60.0)
        assert reader.read(tmp_path / "a.png")["outcome"] == "refused"


def test_the_same_seed_gives_the_same_damage():
    blob = bytes(range(256)) * 4
    one, other = (fuzz_seeds.damage(blob, blob[::-1], random.Random("3:7"), name="a.png") for _ in range(2))
    assert one == other != blob

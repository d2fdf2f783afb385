"""Killed at any moment, a project keeps everything it had confirmed; a full disk loses nothing."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from napari_medseg.errors import OutputError
from napari_medseg.project import Project

WRITER = """
import sys
import numpy as np
from napari_medseg.project import Project
project = Project.open(sys.argv[1])
rng = np.random.default_rng(int(sys.argv[2]))
print("ready", flush=True)
while True:
    y, x, size, value = rng.integers(0, 500), rng.integers(0, 500), rng.integers(1, 120), rng.integers(0, 4)
    labels = project.labels(1)
    labels[y:y + size, x:x + size] = value
    if rng.random() < 0.1:
        project.undo(1)
    elif rng.random() < 0.1:
        project.accept(1)
    else:
        project.commit_stroke(1, labels)
    print(project.history()[-1].id, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_fifty_kills_lose_nothing_confirmed(tmp_path):
    Image.new("L", (512, 512)).save(tmp_path / "i.png")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i.png", shape=(512, 512))
    moments = random.Random(4)
    confirmed = strokes = 0
    for kill in range(50):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "p"), str(kill)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout.readline().strip() == "ready"
        time.sleep(moments.uniform(0.0, 0.15))
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().split("\n")[:-1]  # a last line that was cut is no confirmation
        writer.stdout.close()
        writer.wait(20)
        confirmed = max([confirmed, *map(int, lines)])
        with Project.open(tmp_path / "p") as project:
            assert "ended unexpectedly" in project.recovered
            assert project.history()[-1].id >= confirmed
            assert project.verify() == []
            strokes = project.case(1).strokes
    assert strokes > 50
    assert confirmed > 50


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of its own")
def test_a_full_disk_is_told_and_what_was_stored_stays(mount_small, tmp_path):
    small_disk = mount_small(700)
    Image.new("L", (512, 512)).save(tmp_path / "i.png")
    rng = np.random.default_rng(0)
    project = Project.create(small_disk / "p")
    project.add_case(tmp_path / "i.png", shape=(512, 512))
    stored = np.zeros((512, 512), np.uint8)
    with pytest.raises(OutputError, match="the disk is full"):
        for _ in range(20):
            labels = rng.integers(0, 255, (512, 512), dtype=np.uint8)  # does not compress
            project.commit_stroke(1, labels)
            stored = labels
    assert np.array_equal(project.labels(1), stored)
    (small_disk / "p" / "project.sqlite-wal").stat()
    project._db.close()
    project._lock.release()
    with Project.open(small_disk / "p") as again:
        assert np.array_equal(again.labels(1), stored)

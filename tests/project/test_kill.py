"""Killed at any moment, a project keeps everything it had confirmed; a full disk loses nothing."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import kill
from napari_medseg.errors import OutputError
from napari_medseg.project import Project


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_forty_kills_lose_nothing_confirmed(tmp_path):
    """The short form of ``medseg benchmark kill``."""
    found = kill.run(tmp_path, 40)
    assert found.faults == []
    assert found.kills == 40
    assert found.strokes > 40
    assert found.confirmed > 80


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

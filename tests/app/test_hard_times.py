"""Whatever happens to the disk, the user is told, goes on drawing, and has it stored when that is possible again."""

import shutil
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app import correct
from napari_medseg.app.correct import CorrectionSession
from napari_medseg.app.export import export_project
from napari_medseg.errors import OutputError
from napari_medseg.project import Project, history

SIDE = 512
# does not compress: a tile takes its 64 kB
NOISE = np.random.default_rng(0).integers(1, 255, (SIDE, SIDE), np.uint8)


class Watch:
    """A session whose word is kept."""

    def __init__(self, folder):
        folder.parent.mkdir(exist_ok=True)
        Image.new("L", (SIDE, SIDE)).save(folder.parent / "i.png")
        self.project = Project.create(folder)
        self.project.add_case(folder.parent / "i.png", shape=(SIDE, SIDE))
        self.told = []
        self.session = CorrectionSession(self.project, 1, self.told.append)
        self.drawn = []

    def draw(self, number):
        """One stroke on each of four tiles in turn."""
        y, x = divmod(number % 4, 2)
        box = (256 * y, 256 * x, 256 * y + 256, 256 * x + 256)
        part = np.roll(NOISE, number)[box[0] : box[2], box[1] : box[3]]
        self.drawn.append((box, part))
        return self.session.stroke(part, box)

    def wait(self, wanted, seconds=30):
        end = time.monotonic() + seconds
        while not wanted(self.session.status):
            assert time.monotonic() < end, self.session.status
            time.sleep(0.02)

    def close(self):
        assert self.session.close(20)
        labels = np.zeros((SIDE, SIDE), np.uint8)
        for box, part in self.drawn:
            labels[box[0] : box[2], box[1] : box[3]] = part
        assert np.array_equal(self.project.labels(1), labels)
        assert self.project.verify() == []
        self.project.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(correct, "RETRY_SECONDS", 0.05)


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of its own")


@linux
def test_a_full_disk(mount_small):
    disk = mount_small(1500)
    watch = Watch(disk / "p")
    watch.draw(0).result(10)
    (disk / "filler").write_bytes(b"x" * 900_000)
    for number in range(1, 8):
        watch.draw(number)
    watch.wait(lambda s: s.error is not None and s.pending > 1)
    assert "the disk is full" in watch.session.status.error
    assert "Free space" in watch.session.status.error
    (disk / "filler").unlink()
    watch.wait(lambda s: s.pending == 0)
    watch.close()


@linux
@pytest.mark.parametrize("left", ["closed", "killed"])
def test_a_read_only_project_is_looked_at_verified_and_exported(mount_small, tmp_path, left):
    disk = mount_small(3000)
    watch = Watch(disk / "p")
    watch.draw(0).result(10)
    watch.draw(1).result(10)
    watch.project.accept(1)
    labels = watch.project.labels(1)
    if left == "closed":
        watch.close()
    else:
        # what the last session did is still in the journal
        shutil.copytree(disk / "p", tmp_path / "kept")
        watch.close()
        shutil.rmtree(disk / "p")
        shutil.copytree(tmp_path / "kept", disk / "p")
    if subprocess.run(["mount", "-o", "remount,ro", disk], capture_output=True).returncode:
        pytest.skip("this system does not let the disk become read-only")
    with Project.open(disk / "p") as project:
        assert project.read_only and "cannot be written to" in project.recovered
        assert np.array_equal(project.labels(1), labels)
        assert project.verify() == []
        assert len(export_project(project, tmp_path / "out")) == 1
        for change in (lambda: project.undo(1), lambda: project.accept(1), lambda: project.hold_out("x")):
            with pytest.raises(OutputError, match=r"cannot be written.*read-only.*Copy the project"):
                change()
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    with Project.open(disk / "p") as project:
        assert not project.read_only
        assert project.verify() == []


def test_a_database_locked_by_another_program(tmp_path):
    watch = Watch(tmp_path / "p")
    watch.project._db._connection.execute("PRAGMA busy_timeout=100")
    other = sqlite3.connect(tmp_path / "p" / "project.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    watch.draw(0)
    watch.draw(1)
    watch.wait(lambda s: s.error is not None)
    assert "is locked by another program. Close that program" in watch.session.status.error
    assert watch.session.status.pending == 2
    other.execute("COMMIT")
    other.close()
    watch.wait(lambda s: s.pending == 0)
    watch.close()


def test_a_network_drive_that_vanishes_and_comes_back(tmp_path):
    watch = Watch(tmp_path / "share" / "p")
    watch.draw(0).result(10)
    shutil.move(tmp_path / "share", tmp_path / "away")
    watch.draw(1)
    watch.wait(lambda s: s.error is not None)
    assert "is gone" in watch.session.status.error
    assert "kept in memory" in watch.session.status.error
    shutil.move(tmp_path / "away", tmp_path / "share")
    watch.wait(lambda s: s.pending == 0)
    watch.close()


def test_a_folder_that_is_replaced_by_a_copy(tmp_path):
    watch = Watch(tmp_path / "p")
    watch.draw(0).result(10)
    shutil.copytree(tmp_path / "p", tmp_path / "copy")
    shutil.move(tmp_path / "p", tmp_path / "away")
    shutil.move(tmp_path / "copy", tmp_path / "p")
    watch.draw(1)
    watch.wait(lambda s: s.error is not None)
    assert "was replaced by a copy" in watch.session.status.error
    assert watch.session.status.pending == 1
    shutil.move(tmp_path / "p", tmp_path / "copy")
    shutil.move(tmp_path / "away", tmp_path / "p")
    watch.wait(lambda s: s.pending == 0)
    watch.close()


def test_a_clock_that_is_set_back(tmp_path, monkeypatch):
    watch = Watch(tmp_path / "p")
    watch.draw(0).result(10)
    watch.wait(lambda s: s.pending == 0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    watch.draw(1).result(10)
    watch.wait(lambda s: s.warning is not None)
    assert "clock was set back" in watch.session.status.warning
    watch.close()
    with Project.open(tmp_path / "p") as project:
        assert "clock was set back" in project.recovered
        # the order is that of the strokes, not of the clock
        assert project.undo(1) == (0, 256, 256, 512)
    monkeypatch.undo()
    assert history.clock_problem(time.time() + 30) is None

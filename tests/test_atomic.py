"""What Windows does otherwise: a file that is open cannot be replaced there."""

import sys
import threading
from pathlib import Path

import pytest

from napari_medseg import atomic
from napari_medseg.errors import OutputError


@pytest.fixture
def held(monkeypatch):
    """As on Windows: files in the set that is given cannot be replaced, as another program has them open."""
    files, real = set(), Path.replace

    def refuse(source, target):
        if Path(target) in files:
            error = PermissionError(13, "Permission denied")
            error.winerror = 32
            raise error
        return real(source, target)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(Path, "replace", refuse)
    return files


def test_a_file_that_is_looked_at_for_a_moment_is_waited_for(held, tmp_path):
    path = atomic.write_text(tmp_path / "a.txt", "old")
    held.add(path)
    timer = threading.Timer(0.2, held.clear)
    timer.start()
    atomic.write_text(path, "new")
    timer.join()
    assert path.read_text() == "new"


def test_a_file_that_stays_open_elsewhere_is_told_and_keeps_what_it_holds(held, tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_HELD_SECONDS", 0.1)
    path = atomic.write_text(tmp_path / "a.txt", "old")
    held.add(path)
    with pytest.raises(OutputError, match=r"a\.txt cannot be written: another program has it open. Close it there"):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_asking_whether_a_file_can_be_written_leaves_nothing(tmp_path):
    atomic.check_writable(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="the folder does not exist"):
        atomic.check_writable(tmp_path / "gone" / "a.txt")

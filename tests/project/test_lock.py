"""A lock is a file of its own: it writes over nothing, follows no link, and two windows never have one project."""

import errno
import json
import os
import platform
import sys
from contextlib import suppress

import pytest
from PIL import Image

from napari_medseg.errors import OutputError, ProjectError
from napari_medseg.project import Project
from napari_medseg.project.lock import RUN_LOCK, lock_project, lock_run, training_in

posix = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture
def folder(tmp_path):
    with Project.create(tmp_path / "p") as project:
        Image.new("L", (8, 8)).save(tmp_path / "p" / "1.png")
        project.add_case(tmp_path / "p" / "1.png", shape=(8, 8))
    return tmp_path / "p"


@posix
@pytest.mark.parametrize("name", ["project.lock", RUN_LOCK])
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_a_lock_that_is_something_else_is_left_alone(tmp_path, name, kind):
    path, other = tmp_path / name, tmp_path / "thesis.txt"
    other.write_text("years of work")
    {
        "link": lambda: path.symlink_to(other),
        "dangling": lambda: path.symlink_to(tmp_path / "nothing"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()
    lock = lock_project if name == "project.lock" else lock_run
    with pytest.raises((ProjectError, OutputError), match=r"is a link to something else|a folder of that name"):
        lock(tmp_path)
    assert other.read_text() == "years of work"
    assert not (tmp_path / "nothing").exists()


@posix
def test_a_file_under_the_lock_s_name_keeps_what_is_in_it(tmp_path):
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    (tmp_path / "project.lock").hardlink_to(other)
    held = lock_project(tmp_path)
    with pytest.raises(ProjectError, match="This project is already open in another window"):
        lock_project(tmp_path)
    held.release()
    assert other.read_text() == "years of work"


def test_an_old_lock_is_taken_over_and_signed(tmp_path):
    for old in (b"", b'{"pid": 1, "host": "elsewhere"}', b'{"pid": 1, "ho', b"\x00" * 40):
        (tmp_path / "project.lock").write_bytes(old)
        held = lock_project(tmp_path)
        with pytest.raises(ProjectError, match=f"is open in process {os.getpid()} on "):
            lock_project(tmp_path)
        held.release()


def test_whoever_locked_it_is_read_beyond_the_byte_that_is_locked(tmp_path):
    held = lock_project(tmp_path)
    text = (tmp_path / "project.lock").read_bytes()
    assert json.loads(text[1:]) == json.loads(text) == {"pid": os.getpid(), "host": platform.node()}
    held.release()


def test_where_nothing_can_be_locked_a_project_is_looked_at_and_not_changed(tmp_path, monkeypatch):
    def refuse(number, *, blocking):
        raise OSError(errno.ENOLCK, "none")

    lock_project(tmp_path).release()
    (tmp_path / RUN_LOCK).touch()
    monkeypatch.setattr("napari_medseg.project.lock.lock_descriptor", refuse)
    lock_project(tmp_path, read_only=True).release()
    with pytest.raises(ProjectError, match=r"lies where nothing can be locked \(.*\); expected a drive"):
        lock_project(tmp_path)
    assert training_in(tmp_path) is None


@posix
def test_a_link_where_a_trainer_s_lock_would_be_is_no_trainer(tmp_path):
    (tmp_path / RUN_LOCK).symlink_to(tmp_path / "thesis.txt")
    assert training_in(tmp_path) is None


@posix
@pytest.mark.parametrize("how", ["link", "hard link"])
def test_one_database_under_two_names_is_refused(folder, tmp_path, how):
    (tmp_path / "q").mkdir()
    other = tmp_path / "q" / "project.sqlite"
    file = folder / "project.sqlite"
    if how == "link":
        other.symlink_to(file)
        with pytest.raises(ProjectError, match=r"is a link to .*Open the folder that it lies in"):
            Project.open(other)
        Project.open(folder).close()
    else:
        other.hardlink_to(file)
        for path in (other, file):
            with pytest.raises(ProjectError, match="hard link"):
                Project.open(path)


@posix
def test_a_link_to_the_folder_is_the_same_project(folder, tmp_path):
    (tmp_path / "q").symlink_to(folder)
    with Project.open(folder), pytest.raises(ProjectError, match="is open in process"):
        Project.open(tmp_path / "q")


@posix
def test_a_lock_that_was_removed_while_it_is_held_lets_nobody_in(folder):
    with Project.open(folder):
        (folder / "project.lock").unlink()
        with pytest.raises(ProjectError, match=r"is open in another window, though its lock was removed"):
            Project.open(folder)
        # nor the next one, who finds the file that this one made
        with pytest.raises(ProjectError, match=r"is open in another window"):
            Project.open(folder)
    Project.open(folder).close()


@posix
@pytest.mark.parametrize("lock", [lock_project, lock_run])
def test_a_full_disk_is_told_where_a_lock_is_signed(mount_small, lock):
    disk = mount_small(100)
    (disk / "f").mkdir()
    with suppress(OSError), (disk / "rest").open("wb") as stream:
        stream.write(bytes(200_000))
    with pytest.raises(OutputError, match=r"lock cannot be written: the disk is full"):
        lock(disk / "f")
    (disk / "rest").unlink()
    lock(disk / "f").release()

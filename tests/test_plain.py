"""A file to read is a file: nothing waits for a pipe."""

import os
import sys

import pytest

from napari_medseg.app import settings
from napari_medseg.app.settings import load_settings
from napari_medseg.errors import InputError
from napari_medseg.io.formats import axes_of, files_of, names_of, read_grid, read_image, read_mask
from napari_medseg.io.large_open import is_large
from napari_medseg.io.table import READ_SUFFIXES, format_of
from napari_medseg.plain import NoFileError, check_plain, kind_of, open_plain, read_plain, real_path
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.weights import read_entry
from napari_medseg.weights.load import read_state
from src_train.__main__ import main

posix = pytest.mark.skipif(sys.platform == "win32", reason="no such pipes there")


def test_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_plain(tmp_path / "a") == b"abc"
    (tmp_path / "b").symlink_to(tmp_path / "a")
    check_plain(tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "c")
    with pytest.raises(IsADirectoryError):
        open_plain(tmp_path)


@posix
def test_a_pipe_and_a_device_are_told(tmp_path):
    os.mkfifo(tmp_path / "a")
    for path in (tmp_path / "a", "/dev/zero"):
        with pytest.raises(NoFileError, match="a pipe or a device, no file"):
            open_plain(path)


@posix
@pytest.mark.parametrize("read", [read_entry, read_state, RunSpec.read])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "spec.json"])
def test_nothing_that_a_person_names_is_waited_for(tmp_path, read, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} cannot be read \(.*a pipe or a device"):
        read(tmp_path / name)


@posix
def test_a_trainer_does_not_wait_for_its_spec(tmp_path, capsys):
    os.mkfifo(tmp_path / "spec.json")
    assert main(["run", str(tmp_path)]) == 2
    assert "a pipe or a device" in capsys.readouterr().err


@posix
def test_settings_that_are_a_pipe_are_none():
    os.mkfifo(settings.settings_path())
    assert load_settings() == {}


@posix
@pytest.mark.parametrize("suffix", ["", *READ_SUFFIXES])
def test_no_reader_opens_a_pipe_whatever_it_is_called(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    os.mkfifo(path)
    assert (format_of(path), read_grid(path), axes_of(path)) == (None, None, None)
    assert (is_large(path), names_of(path), files_of(path)) == (False, {}, (path,))
    for read in (read_image, read_mask):
        with pytest.raises(InputError, match="is a pipe or a device"):
            read(path)


def test_what_there_is_under_a_name(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    kinds = {"a": "file", ".": "folder", "loop": "", "gone": "", "b\0": "", "x" * 300: ""}
    assert {name: kind_of(tmp_path / name) for name in kinds} == kinds
    assert real_path(tmp_path / "loop").name == "loop"

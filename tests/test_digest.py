"""One checksum for all files, and what tells that a file is still the one that was read."""

import hashlib
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

import napari_medseg
from napari_medseg import digest
from napari_medseg.digest import file_identity, file_sha256, file_state, files_identity


@pytest.mark.parametrize("size", [0, 1, digest._BLOCK - 1, digest._BLOCK, 2 * digest._BLOCK + 5])
def test_a_file_of_any_size_has_the_sum_of_its_bytes(tmp_path, size):
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "f").write_bytes(data)
    assert file_sha256(tmp_path / "f") == hashlib.sha256(data).hexdigest()


def test_a_file_that_was_just_changed_may_be_changed_again_unseen(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"a")
    # as copies do
    os.utime(path, (1, 1))
    assert file_state(path) is None
    monkeypatch.setattr(digest, "SETTLED", 0.0)
    before = file_state(path)
    assert before is not None
    assert file_state(path) == before
    path.write_bytes(b"ab")
    os.utime(path, (1, 1))
    assert file_state(path) != before


@pytest.mark.skipif(os.name == "nt", reason="Windows tells no time of a change that cannot be set")
def test_times_that_are_set_back_hide_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(digest, "SETTLED", 0.0)
    path = tmp_path / "f"
    path.write_bytes(b"a")
    os.utime(path, (1, 1))
    states, end = {file_state(path)}, time.monotonic() + 0.2
    while time.monotonic() < end:
        path.write_bytes(b"b")
        os.utime(path, (1, 1))
        states.add(file_state(path))
    assert len(states) > 1


def test_files_are_hashed_in_one_place():
    folder = Path(napari_medseg.__file__).parent
    whole = re.compile(r"sha256\([^)]*read_bytes|file_digest\(")
    assert [file.name for file in sorted(folder.rglob("*.py")) if whole.search(file.read_text("utf-8"))] == []


@pytest.fixture
def by_parts(monkeypatch):
    """Files of 4000 bytes are large."""
    for name, value in (("LARGE", 4000), ("ENDS", 300), ("PART", 20), ("PARTS", 8), ("FILES", 4)):
        monkeypatch.setattr(digest, name, value)


def test_a_file_below_the_limit_is_known_by_all_of_it(tmp_path, by_parts):
    (tmp_path / "f").write_bytes(b"a" * 3999)
    assert file_identity(tmp_path / "f") == file_sha256(tmp_path / "f")


def test_a_large_file_is_known_by_its_size_its_ends_and_parts_all_through(tmp_path, by_parts):
    path = tmp_path / "f"
    data = np.random.default_rng(0).bytes(9000)
    path.write_bytes(data)
    known = file_identity(path)
    assert known.startswith(digest.BY_PARTS)
    assert len(known) == len(digest.BY_PARTS) + 64
    # the same bytes elsewhere are the same file
    (tmp_path / "g").write_bytes(data)
    assert file_identity(tmp_path / "g") == known
    for changed in (data + b"a", data[:-1], b"a" + data[1:], data[:-1] + b"\x00", data[:250] + b"aaaa" + data[254:]):
        path.write_bytes(changed)
        assert file_identity(path) != known
    # whatever was changed over a ninth of its length
    for start in range(0, 8000, 500):
        path.write_bytes(data[:start] + bytes(1000) + data[start + 1000 :])
        assert file_identity(path) != known


def test_the_time_a_large_file_takes_does_not_grow(tmp_path, by_parts, monkeypatch):
    read, whole = [], digest.open_plain

    class Counted:
        def __init__(self, path):
            self.file = whole(path)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def read(self, n):
            read.append(n)
            return self.file.read(n)

    monkeypatch.setattr(digest, "open_plain", Counted)
    for size in (9000, 900_000):
        read.clear()
        (tmp_path / "f").write_bytes(bytes(size))
        file_identity(tmp_path / "f")
        assert sum(read) == 2 * 300 + 8 * 20


def test_many_files_are_known_by_all_their_names_and_sizes_and_some_of_their_bytes(tmp_path, by_parts):
    names = [f"c/{n}" for n in range(10)]
    (tmp_path / "c").mkdir()

    def write(size=500, marks=b"{}"):
        (tmp_path / "zarr.json").write_bytes(marks)
        for name in names:
            (tmp_path / name).write_bytes(name.encode() * (size // 3))
        return [tmp_path / name for name in ("zarr.json", *names)]

    assert files_identity(tmp_path, write(300)) is None
    known = files_identity(tmp_path, write(1500))
    assert known.startswith(digest.BY_PARTS)
    assert files_identity(tmp_path, write(1500, b"[]")) != known
    files = write(1500)
    assert files_identity(tmp_path, files) == known
    assert files_identity(tmp_path, files[:-1]) != known
    (tmp_path / "c/0").write_bytes(b"c/1" * 500)
    assert files_identity(tmp_path, files) != known

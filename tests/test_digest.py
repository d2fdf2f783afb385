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
from napari_medseg.digest import file_sha256, file_state


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

"""What goes wrong is told in one line, with an exit code, and nothing half written stays."""

import errno
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import OutputError
from napari_medseg.io import read_image
from napari_medseg.project import Project
from napari_medseg.weights.store import bundled_folder
from tests.cli.helpers import NUCLEI, refused


def bad_files(folder):
    """Name of a bad image file to what its message must say."""
    whole = NUCLEI[0].image.read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("this is no picture")
    (folder / "unknown.xyz").write_bytes(whole)
    # a header is enough
    huge = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rest = struct.pack(">I", zlib.crc32(huge)) + bytes(4) + b"IDAT" + bytes(4)
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + huge + rest)
    two = np.zeros((20, 30, 2), np.uint8)
    tifffile.imwrite(folder / "two.tif", two, photometric="minisblack", planarconfig="contig")
    return {
        "truncated.png": "truncated",
        "empty.png": "is empty (0 bytes)",
        "text.png": "is no picture",
        "unknown.xyz": "suffix '.xyz'",
        "vanished.png": "cannot be read",
        "huge.png": "says that it holds 60000 x 60000 numbers",
        "two.tif": "holds 2 channels",
    }


@pytest.mark.parametrize(
    "name", ["truncated.png", "empty.png", "text.png", "unknown.xyz", "vanished.png", "huge.png", "two.tif"]
)
def test_a_bad_image_is_named_and_nothing_is_written(medseg, tmp_path, name):
    says = bad_files(tmp_path)[name]
    out = tmp_path / "out"
    refused(medseg("predict", tmp_path / name, "--weights", "nuclei", "--out", out), name, says)
    assert not out.exists() or not list(out.iterdir())


def test_a_mask_of_another_size_is_named(medseg, folders):
    Image.new("L", (20, 30)).save(folders[1] / f"{NUCLEI[0].image.stem}.png")
    arguments = ("--images", folders[0], "--masks", folders[1])
    refused(medseg("evaluate", *arguments, "--weights", "nuclei"), "30 x 20")
    result = medseg("train", *arguments, "--out", folders[0].parent / "w.safetensors", "--epochs", "1", "--size", "32")
    refused(result, "30 x 20")


def test_a_photograph_given_as_a_mask_is_told(medseg, folders):
    image = NUCLEI[0].image
    with Image.open(image) as picture:
        picture.convert("L").save(folders[1] / f"{image.stem}.png")
    arguments = ("--images", folders[0], "--masks", folders[1])
    refused(medseg("evaluate", *arguments, "--weights", "nuclei"), "looks like a photograph")


def test_an_image_without_a_mask_is_named(medseg, folders):
    next(folders[1].iterdir()).unlink()
    refused(medseg("evaluate", "--images", folders[0], "--masks", folders[1], "--weights", "nuclei"), "have no mask")


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (("--network", "unet", "--weights", "nuclei"), "network is 'unet'", 2),
        (("--weights", "teeth"), "'teeth'", 2),
        (("--weights", "nuclei", "--format", "gif"), "format is 'gif'", 2),
        (("--weights", "nuclei", "--device", "cuda"), "cuda", 1),
        (("--weights", "/nowhere.safetensors"), "nowhere.safetensors", 2),
    ],
)
def test_a_bad_choice_is_named(medseg, tmp_path, arguments, says, code):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this computer has a CUDA device")
    refused(medseg("predict", NUCLEI[0].image, *arguments, "--out", tmp_path / "out"), says, code=code)


def test_weights_for_another_network_are_refused(medseg, tmp_path):
    (weights,) = bundled_folder().glob("cmunext-xxs-nuclei-*.safetensors")
    arguments = ("--network", "cmunext-s", "--weights", weights, "--out", tmp_path / "out")
    refused(medseg("predict", NUCLEI[0].image, *arguments), "cmunext-xxs", "cmunext-s")


def test_a_full_disk_is_told_and_nothing_half_written_stays(medseg, mount_small):
    small_disk = mount_small(200)
    (small_disk / "filler").write_bytes(bytes(196_000))
    arguments = ("--weights", "nuclei", "--out", small_disk, "--probabilities")
    refused(medseg("predict", NUCLEI[0].image, *arguments), "disk is full", code=1)
    assert all(path.stat().st_size > 0 for path in small_disk.iterdir())
    for path in small_disk.glob("*.tif"):
        read_image(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_full_disk_under_what_is_printed_is_told():
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "napari_medseg.cli", "codes"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith("medseg: What is printed cannot be written: the disk is full.")


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_file_that_may_not_be_so_large_is_told(tmp_path):
    told = r"a\.tif cannot be written: it is larger than a file may be there\. "
    with pytest.raises(OutputError, match=told), atomic_path(tmp_path / "a.tif"):
        raise OSError(errno.EFBIG, "File too large")


def test_codes_that_there_are_none_of(medseg):
    code, printed, errors = medseg("codes", "zzqq")
    assert (code, printed) == (0, "") and "No code has the words 'zzqq'" in errors


def test_a_folder_without_permission_is_told(medseg, mount_small):
    small_disk = mount_small(200)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    refused(
        medseg("predict", NUCLEI[0].image, "--weights", "nuclei", "--out", small_disk), "small", "read-only", code=1
    )
    refused(medseg("project", "create", small_disk / "p"), "small", "read-only", code=1)


def test_a_file_in_the_place_of_a_folder_is_told(medseg, tmp_path):
    (tmp_path / "file").write_text("x")
    refused(medseg("predict", NUCLEI[0].image, "--weights", "nuclei", "--out", tmp_path / "file"), "file", code=1)


def test_a_project_opened_twice_is_told(medseg, tmp_path):
    with Project.create(tmp_path / "p"):
        refused(medseg("project", "status", tmp_path / "p"), "is open in process", "Close it there first")


def test_what_is_no_project_is_told(medseg, tmp_path):
    refused(medseg("project", "status", tmp_path), "holds no project")
    (tmp_path / "project.sqlite").write_bytes(b"SQLite format 3\0" + bytes(50))
    refused(medseg("project", "status", tmp_path), "project.sqlite")


def test_a_vanished_image_is_marked(medseg, tmp_path):
    image = tmp_path / "i.png"
    shutil.copy(NUCLEI[0].image, image)
    medseg("project", "create", tmp_path / "p")
    medseg("project", "add", tmp_path / "p", image)
    image.unlink()
    (row,) = json.loads(medseg("project", "status", tmp_path / "p", "--json")[1])["images"]
    assert row["missing"] is True


def test_bad_images_are_told_and_the_good_ones_added(medseg, tmp_path):
    (tmp_path / "bad.png").write_text("x")
    medseg("project", "create", tmp_path / "p")
    code, out, err = medseg("project", "add", tmp_path / "p", tmp_path / "bad.png", NUCLEI[0].image)
    assert code == 1
    assert out.split() == [NUCLEI[0].image.stem]
    assert err.startswith("medseg: ") and "bad.png" in err and len(err.splitlines()) == 1
    refused(medseg("project", "export", tmp_path / "p", "--out", tmp_path / "o"), "no accepted mask")


def test_verify_tells_of_images_that_are_gone(medseg, tmp_path):
    (tmp_path / "images").mkdir()
    for sample in NUCLEI[:2]:
        shutil.copy(sample.image, tmp_path / "images")
    medseg("project", "create", tmp_path / "p")
    medseg("project", "add", tmp_path / "p", tmp_path / "images")
    shutil.rmtree(tmp_path / "images")
    code, out, _ = medseg("project", "verify", tmp_path / "p")
    assert code == 1
    assert [line.partition(" is gone. ")[0] for line in out.splitlines()] == [
        str(tmp_path / "images" / sample.image.name) for sample in NUCLEI[:2]
    ]


@pytest.fixture
def as_user():
    """Run a command without root's right to read everything: exit code, stdout, stderr."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if drop and shutil.which("setpriv") is None:
        pytest.skip("root reads everything, and there is no setpriv")

    def run(*arguments):
        command = [*drop, sys.executable, "-m", "napari_medseg.cli", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.skipif(sys.platform == "win32", reason="folders are closed otherwise there")
def test_a_folder_and_an_image_closed_to_the_user_are_told(medseg, as_user, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    for sample in NUCLEI[:2]:
        shutil.copy(sample.image, closed)
    first, second = sorted(closed.iterdir())
    medseg("project", "create", tmp_path / "p")
    medseg("project", "add", tmp_path / "p", closed)
    try:
        closed.chmod(0)
        code, out, err = as_user("project", "status", tmp_path / "p", "--json")
        assert code == 0, err
        assert json.loads(out)["missing"] == 2
        code, out, err = as_user("project", "verify", tmp_path / "p")
        assert code == 1, err
        assert out.count("cannot be read (permission denied)") == 2
        said = as_user("predict", first, "--weights", "nuclei", "--out", tmp_path / "out")
        refused(said, first, "permission denied")
        closed.chmod(0o700)
        first.chmod(0)
        with second.open("ab") as stream:
            stream.write(b"x")
        code, out, err = as_user("project", "verify", tmp_path / "p")
        assert code == 1, err
        assert [str(path) in line for path, line in zip((first, second), out.splitlines(), strict=True)] == [True, True]
    finally:
        closed.chmod(0o700)


def test_a_file_name_that_is_too_long_is_told(medseg, tmp_path):
    refused(medseg("predict", "x" * 5000 + ".png", "--weights", "nuclei", "--out", tmp_path / "out"), "cannot be read")


def test_a_report_that_cannot_be_written_is_told_before_scoring(medseg, folders, tmp_path):
    # bad images: who scores first would find them
    for image in folders[0].iterdir():
        image.write_bytes(b"junk")
    arguments = ("evaluate", "--images", folders[0], "--masks", folders[1], "--weights", "nuclei", "--json")
    refused(medseg(*arguments, tmp_path / "no" / "x.json"), "x.json", "the folder does not exist", code=1)
    refused(medseg(*arguments, tmp_path), "there is a folder of that name", code=1)
    (tmp_path / "thesis.txt").write_text("years of work")
    refused(medseg(*arguments, tmp_path / "thesis.txt"), "thesis.txt is there already", "--overwrite")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    (tmp_path / "thesis.txt").unlink()
    # what it wrote itself, and a file that was only made, may be written anew: here the images are what is told
    for text in ("", json.dumps({"network": "a", "weights": "b", "n": 1, "cases": []})):
        (tmp_path / "r.json").write_text(text)
        code, _, err = medseg(*arguments, tmp_path / "r.json")
        assert code != 0
        assert "there already" not in err
    (tmp_path / "r.json").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "masks"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a process")
def test_who_stops_a_command_is_told_so():
    # stdout is a pipe that is full but for a page: the command waits in the middle of its work, whenever it comes there
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writes, b"x" * 4096)
    os.read(reads, 4096)
    os.set_blocking(writes, True)
    command = [sys.executable, "-m", "napari_medseg.cli", "codes", "--json"]
    process = subprocess.Popen(command, stdout=writes, stderr=subprocess.PIPE, text=True)
    while select.select([], [writes], [], 0)[1]:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    os.close(writes)
    # what it holds for stdout goes out as it ends
    with os.fdopen(reads, "rb") as rest:
        rest.read()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "medseg: stopped; what was written before is whole.\n"


@pytest.mark.parametrize(
    ("arguments", "before"),
    [
        (("predict", "", "--weights", "nuclei", "--out", "out"), "predict"),
        (("predict", "a.png", "--weights", "nuclei", "--out", ""), "--out"),
        (("predict", "a.png", "--weights", "nuclei", "--out="), "--out"),
        (("project", "create", ""), "create"),
    ],
)
def test_an_empty_argument_is_not_the_folder_one_stands_in(medseg, tmp_path, monkeypatch, arguments, before):
    monkeypatch.chdir(tmp_path)
    refused(medseg(*arguments), f"what follows '{before}' is empty")
    assert not list(tmp_path.iterdir())

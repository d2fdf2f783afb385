"""Training and projects by the command line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.io import read_mask
from napari_medseg.project import Project
from tests.cli.helpers import NUCLEI, refused

pytestmark = pytest.mark.usefixtures("short_epochs")


@pytest.mark.slow
def test_volumes_train_are_scored_and_retrain_a_project(medseg, tmp_path):
    import nibabel

    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(4):
        z, y, x = np.mgrid[:18, :22, :26]
        mask = ((z - 9) ** 2 + (y - rng.integers(8, 14)) ** 2 + (x - 13) ** 2 < 30).astype(np.uint8) * (1 + (x > 13))
        for name, data in (("images", rng.normal(0, 5, mask.shape) + 60 * (mask > 0)), ("masks", mask)):
            volume = nibabel.Nifti1Image(data.astype(np.float32).transpose(), np.diag((1.0, 1, 2, 1)))
            volume.to_filename(tmp_path / name / f"v{i}.nii.gz")
    folders = ("--images", tmp_path / "images", "--masks", tmp_path / "masks", "--network", "lgms-net-3d")
    weights = tmp_path / "w.safetensors"
    classes = ("--classes", "left", "--classes", "right")
    code, _, err = medseg("train", *folders, "--out", weights, "--epochs", "1", "--size", "32", *classes)
    assert code == 0, err
    code, _, err = medseg("evaluate", *folders, "--weights", weights, "--json", tmp_path / "r.json")
    assert code == 0, err
    assert json.loads((tmp_path / "r.json").read_text())["n"] == 4
    study = tmp_path / "study"
    medseg("project", "create", study)
    code, _, err = medseg("project", "add", study, tmp_path / "images", "--masks", tmp_path / "masks")
    assert code == 0, err
    code, out, err = medseg(
        "project", "retrain", study, "--network", "lgms-net-3d", "--weights", weights, "--epochs", "1"
    )
    assert code == 0, err
    assert len(list((study / "runs" / "0001" / "masks").glob("*.nii.gz"))) == 4
    code, out, err = medseg("project", "export", study, "--out", tmp_path / "out")
    assert code == 0, err
    found = nibabel.load(out.splitlines()[0])
    np.testing.assert_array_equal(
        np.asarray(found.dataobj), np.asarray(nibabel.load(tmp_path / "masks" / "v0.nii.gz").dataobj)
    )


@pytest.mark.slow
def test_train_then_resume_then_predict(medseg, folders, tmp_path):
    out = tmp_path / "w.safetensors"
    arguments = (
        "train",
        "--images",
        folders[0],
        "--masks",
        folders[1],
        "--out",
        out,
        "--size",
        "32",
        "--device",
        "cpu",
    )
    assert medseg(*arguments, "--epochs", "2", "--time-budget", "0")[:2] == (0, f"{out}\n")
    refused(medseg(*arguments, "--epochs", "2"), "--resume", "w.run")
    assert medseg(*arguments, "--epochs", "2", "--resume")[0] == 0
    epochs = [json.loads(line) for line in (tmp_path / "w.run" / "events.jsonl").read_text().splitlines()]
    assert [e["epoch"] for e in epochs if e["event"] == "epoch"] == [1, 2]
    assert medseg("predict", NUCLEI[0].image, "--weights", out, "--out", tmp_path / "out")[0] == 0


@pytest.mark.slow
def test_the_loop_without_a_window(medseg, tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for sample in NUCLEI[:4]:
        shutil.copy(sample.image, tmp_path / "images")
        shutil.copy(sample.mask, tmp_path / "masks" / f"{sample.image.stem}_mask.png")
    project = tmp_path / "p"
    assert medseg("project", "create", project)[0] == 0
    assert medseg("project", "add", project, tmp_path / "images", "--masks", tmp_path / "masks")[0] == 0
    state = json.loads(medseg("project", "status", project, "--json")[1])
    assert (state["cases"], state["accepted"]) == (4, 4)
    assert "nuclei_1" in medseg("project", "status", project)[1]
    refused(medseg("project", "retrain", project), "--weights")
    code, out, _ = medseg("project", "retrain", project, "--weights", "nuclei", "--epochs", "1", "--adopt")
    assert code == 0
    assert "Dice before" in out
    assert medseg("project", "verify", project)[0] == 0
    code, out, _ = medseg("project", "export", project, "--out", tmp_path / "out")
    assert len(out.splitlines()) == 4
    np.testing.assert_array_equal(read_mask(out.splitlines()[0]), read_mask(NUCLEI[0].mask))
    with Project.open(project) as opened:
        assert opened.runs()[0].state in ("kept", "adopted")


def test_verify_finds_a_changed_row(medseg, tmp_path):
    project = tmp_path / "p"
    medseg("project", "create", project)
    medseg("project", "add", project, NUCLEI[0].image)
    import sqlite3

    with sqlite3.connect(project / "project.sqlite") as db:
        db.execute("UPDATE history SET detail = '{}' WHERE id = 1")
    db.close()
    code, out, _ = medseg("project", "verify", project)
    assert code == 1
    assert "1" in out


@pytest.mark.slow
def test_the_demo_runs_the_loop(tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "napari_medseg.cli", "demo", "--headless", "--out", tmp_path / "d", "--epochs", "1"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert process.returncode == 0, process.stderr
    written = [Path(line.removeprefix("Wrote ")) for line in process.stdout.splitlines() if line.startswith("Wrote ")]
    assert len(written) == 13
    assert all(path.exists() for path in written)
    assert "before and after retraining" in process.stdout

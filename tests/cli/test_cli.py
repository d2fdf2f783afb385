"""The command line: results on stdout, one line on stderr for an error, the exit codes that scripts rely on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from napari_medseg.app.samples import sample_images
from napari_medseg.cli import main
from napari_medseg.io import read_image, read_mask
from napari_medseg.networks import create_network, list_networks
from napari_medseg.project import Project
from napari_medseg.weights import WeightsEntry, save_weights

NUCLEI = [s for s in sample_images() if s.task == "nuclei"]


@pytest.fixture
def medseg(monkeypatch, capsys):
    """Run a command as the console script does: (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["medseg", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def folders(tmp_path):
    """Two images with masks."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for sample in NUCLEI[:2]:
        shutil.copy(sample.image, tmp_path / "images")
        shutil.copy(sample.mask, tmp_path / "masks" / (sample.image.stem + sample.mask.suffix))
    return tmp_path / "images", tmp_path / "masks"


def refused(result, *parts, code=2):
    """One line on stderr that holds all parts."""
    got, out, err = result
    assert got == code, err
    assert out == ""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert lines[0].startswith("medseg: ")
    for part in parts:
        assert str(part) in lines[0]


def test_networks_as_json(medseg):
    code, out, _ = medseg("networks", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == list(list_networks())
    xxs = next(row for row in rows if row["name"] == "cmunext-xxs")
    assert xxs["parameters"] == 40_837
    assert {"title", "paper", "macs", "macs_tool", "capabilities"} <= set(xxs)
    assert "cmunext-xxs/nuclei@1" in xxs["weights"]


def test_weights_as_json(medseg):
    _, out, _ = medseg("weights", "list", "--json")
    row = next(r for r in json.loads(out) if r["id"] == "cmunext-xxs/nuclei@1")
    assert set(row) == {"id", "network", "task", "licence", "trained_on", "size_bytes", "sha256", "metrics"}
    assert row["size_bytes"] < 250_000
    assert row["metrics"]["n"] == 80


def test_the_tables_name_everything(medseg):
    assert "40,837" in medseg("networks")[1]
    assert "cmunext-xxs/nuclei@1" in medseg("weights", "list")[1]
    assert "no medical device" in medseg("--help")[1]
    assert medseg("--version")[1].startswith("medseg ")


@pytest.mark.parametrize(("format", "suffix"), [("tiff", ".tif"), ("png", ".png")])
def test_predict_writes_a_mask_and_a_map_for_each_image(medseg, folders, tmp_path, format, suffix):
    out = tmp_path / "out"
    arguments = ("--weights", "nuclei", "--out", out, "--format", format, "--probabilities")
    code, stdout, _ = medseg("predict", folders[0], *arguments)
    assert code == 0
    written = [Path(line) for line in stdout.splitlines()]
    assert [p.name for p in written] == [
        f"{s.image.stem}_{kind}{suffix}" for s in NUCLEI[:2] for kind in ("mask", "prob")
    ]
    mask, truth = read_mask(written[0]), read_mask(NUCLEI[0].mask)
    assert mask.shape == truth.shape
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8


def test_the_edge_map_is_sgd_nets_or_none(medseg, tmp_path):
    torch.manual_seed(0)
    entry = WeightsEntry(id="sgd-net-s/test@1", network="sgd-net-s", task="test", input_size=(64, 64))
    weights = tmp_path / "sgd.safetensors"
    save_weights(weights, create_network("sgd-net-s"), entry)
    arguments = ("--network", "sgd-net-s", "--weights", weights, "--out", tmp_path / "out", "--edges")
    code, out, _ = medseg("predict", NUCLEI[0].image, *arguments)
    assert code == 0
    edges = read_image(out.splitlines()[-1])
    assert Path(out.splitlines()[-1]).name == "nuclei_1_edges.tif"
    assert edges.shape == read_image(NUCLEI[0].image).shape
    assert 0 <= edges.data.min() < edges.data.max() <= 1


def save_fresh(path, network, **changes):
    torch.manual_seed(0)
    values = {"id": f"{network}/test@1", "network": network, "task": "test", "input_size": (64, 64), **changes}
    entry = WeightsEntry(**values)
    save_weights(path, create_network(network, classes=entry.output_channels), entry)
    return path


def test_boxes_from_a_file_are_segmented(medseg, folders, tmp_path):
    weights = save_fresh(tmp_path / "w.safetensors", "dcsnet-s")
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"nuclei_1": [[0, 0, 20, 30]]}))
    arguments = ("--network", "dcsnet-s", "--weights", weights, "--probabilities", "--boxes", boxes)
    code, out, _ = medseg("predict", NUCLEI[0].image, "--out", tmp_path / "out", *arguments)
    assert code == 0
    found = read_image(out.splitlines()[-1]).data
    assert found[24:].max() < 0.01
    assert found[:, 34:].max() < 0.01
    assert found[:18, :28].max() > 0.1
    boxes.write_text(json.dumps({"nuclei_9": [[0, 0, 20, 30]]}))
    code, _, err = medseg("predict", NUCLEI[0].image, "--out", tmp_path / "out", *arguments)
    assert code == 2
    assert "boxes for 'nuclei_9', which is none of the 1 images" in err
    code, _, err = medseg(
        "predict", NUCLEI[0].image, "--weights", "nuclei", "--out", tmp_path / "out", "--boxes", boxes
    )
    boxes.write_text(json.dumps({"nuclei_1": [[0, 0, 20, 30]]}))
    code, _, err = medseg(
        "predict", NUCLEI[0].image, "--weights", "nuclei", "--out", tmp_path / "out", "--boxes", boxes
    )
    assert code == 2
    assert "cmunext-xxs takes no boxes" in err


def test_several_opinions_and_where_they_disagree(medseg, tmp_path):
    other = save_fresh(tmp_path / "w.safetensors", "cmunext-xxs")
    arguments = ("--weights", "nuclei", "--out", tmp_path / "out", "--disagreement")
    code, _, err = medseg("predict", NUCLEI[0].image, *arguments)
    assert code == 2
    assert "Add --tta, or --also NETWORK:WEIGHTS" in err
    code, out, _ = medseg("predict", NUCLEI[0].image, *arguments, "--tta", "--also", f"cmunext-xxs:{other}")
    assert code == 0
    path = Path(out.splitlines()[-1])
    assert path.name == "nuclei_1_disagreement.tif"
    assert 0.1 < read_image(path).data.max() <= 0.5
    code, _, err = medseg("predict", NUCLEI[0].image, *arguments, "--also", "cmunext-xxs")
    assert code == 2
    assert "expected NETWORK:WEIGHTS" in err


def test_a_volume_is_segmented_and_lies_where_it_lay(medseg, tmp_path):
    import nibabel

    affine = np.array([[0, -2.0, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    data = np.random.default_rng(0).random((20, 24, 10)).astype(np.float32)
    nibabel.Nifti1Image(data, affine).to_filename(tmp_path / "scan.nii.gz")
    weights = save_fresh(tmp_path / "w.safetensors", "lgms-net-3d", input_size=(32, 32, 32), classes=("a", "b"))
    arguments = ("--network", "lgms-net-3d", "--weights", weights, "--out", tmp_path / "out", "--probabilities")
    code, out, err = medseg("predict", tmp_path / "scan.nii.gz", *arguments)
    assert code == 0, err
    assert [Path(line).name for line in out.splitlines()] == ["scan_mask.nii.gz", "scan_prob.nii.gz"]
    for line in out.splitlines():
        found = nibabel.load(line)
        assert found.shape == data.shape
        np.testing.assert_allclose(found.affine, affine)
    code, _, err = medseg("predict", tmp_path / "scan.nii.gz", "--weights", "nuclei", "--out", tmp_path / "out")
    assert code == 2
    assert "expects (Y, X)" in err


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


def test_evaluate_writes_its_figures(medseg, folders, tmp_path):
    report = tmp_path / "report.json"
    code, out, _ = medseg(
        "evaluate", "--images", folders[0], "--masks", folders[1], "--weights", "nuclei", "--json", report
    )
    figures = json.loads(report.read_text())
    assert code == 0
    assert "dice" in out
    assert (figures["network"], figures["n"], len(figures["cases"])) == ("cmunext-xxs", 2, 2)
    assert (
        set(figures["mean"]) == {"dice", "iou", "precision", "recall", "hd95", "seconds"} == set(figures["interval95"])
    )
    assert figures["mean"]["dice"] == pytest.approx(np.mean([c["dice"] for c in figures["cases"]]))


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
        assert opened.runs()[0].state in ("done", "adopted")


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


def test_published_weights_come_in(medseg, tmp_path):
    torch.manual_seed(0)
    source, out = tmp_path / "p.pth", tmp_path / "w.safetensors"
    torch.save(create_network("cmunext-xxs").state_dict(), source)
    refused(medseg("weights", "import", source, "--network", "cmunext-xxs", "--out", out), "p.pth")
    assert not out.exists()


def test_a_published_module_comes_in_alone(medseg, tmp_path):
    torch.manual_seed(0)
    state = {"ls1": torch.ones(8), "ls2": torch.ones(8)}
    shapes = {"proj_guidance": (8, 16, 1, 1), "attn": (16 + 4 * 9, 8, 1, 1), "dwconv": (8, 1, 3, 3)}
    shapes |= {"mlp.0": (32, 8, 1, 1), "mlp.2": (8, 32, 1, 1), "norm1": (8,), "norm2": (8,)}
    for name, shape in shapes.items():
        state |= {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}
    source, out = tmp_path / "sgdc.pth", tmp_path / "w.safetensors"
    torch.save(state, source)
    assert medseg("weights", "import", source, "--network", "sgdc", "--layout", "published", "--out", out)[0] == 0
    assert torch.equal(load_file(out)["attend.weight"], state["attn.weight"])


# ---- bad input -------------------------------------------------------------------------------------------------------


def bad_files(folder):
    """Name of a bad image file to what its message must say."""
    whole = NUCLEI[0].image.read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("this is no picture")
    (folder / "unknown.xyz").write_bytes(whole)
    return {
        "truncated.png": "truncated",
        "empty.png": "is empty (0 bytes)",
        "text.png": "is no picture",
        "unknown.xyz": "suffix '.xyz'",
        "vanished.png": "cannot be read",
    }


@pytest.mark.parametrize("name", ["truncated.png", "empty.png", "text.png", "unknown.xyz", "vanished.png"])
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
    refused(result, "30 x 20", code=1)


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
        (("--weights", "/nowhere.safetensors"), "/nowhere.safetensors", 2),
    ],
)
def test_a_bad_choice_is_named(medseg, tmp_path, arguments, says, code):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this computer has a CUDA device")
    refused(medseg("predict", NUCLEI[0].image, *arguments, "--out", tmp_path / "out"), says, code=code)


def test_weights_for_another_network_are_refused(medseg, tmp_path):
    weights = Path(__file__).parents[2] / "napari_medseg/weights/bundled/cmunext-xxs-nuclei-1.safetensors"
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
    assert code == 2
    assert out.split() == [NUCLEI[0].image.stem]
    assert "bad.png" in err
    refused(medseg("project", "export", tmp_path / "p", "--out", tmp_path / "o"), "no accepted mask")

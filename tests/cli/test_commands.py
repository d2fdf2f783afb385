"""The command line: results on stdout, one line on stderr for an error, the exit codes that scripts rely on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tifffile import TiffFile

from napari_medseg.io import FORMATS, read_image, read_mask
from napari_medseg.networks import create_network, get_spec, list_networks
from napari_medseg.weights import WeightsEntry, save_weights
from tests.cli.helpers import NUCLEI, refused, save_fresh
from tests.shipped import shipped


def test_networks_as_json(medseg):
    code, out, _ = medseg("networks", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == list(list_networks())
    xxs = next(row for row in rows if row["name"] == "cmunext-xxs")
    assert xxs["parameters"] == 40_837
    assert {"title", "paper", "macs", "macs_tool", "capabilities"} <= set(xxs)
    assert shipped("cmunext-xxs/nuclei") in xxs["weights"]


def test_a_network_that_nobody_counted_is_listed_too(medseg, monkeypatch):
    bare = replace(get_spec("dcsnet-s"), name="new-net", parameters=None, macs_256=None, macs_tool=None)
    monkeypatch.setattr("napari_medseg.networks.registry.SPECS", (bare,))
    code, out, _ = medseg("networks")
    assert code == 0
    assert "new-net" in out
    assert "one class" in " ".join(out.split())
    row = json.loads(medseg("networks", "--json")[1])[0]
    assert (row["parameters"], row["macs"], row["most_classes"]) == (None, None, 1)


def test_weights_as_json(medseg):
    _, out, _ = medseg("weights", "list", "--json")
    row = next(r for r in json.loads(out) if r["id"] == shipped("cmunext-xxs/nuclei"))
    assert set(row) == {"id", "network", "task", "licence", "trained_on", "size_bytes", "sha256", "metrics"}
    assert row["size_bytes"] < 250_000
    assert row["metrics"]["n"] == 80


def test_formats_are_listed_as_a_table_and_as_json(medseg):
    rows = json.loads(medseg("formats", "--json")[1])
    assert [row["name"] for row in rows] == [one.name for one in FORMATS]
    _, shown, _ = medseg("formats")
    assert all(one.title in shown for one in FORMATS)
    assert "[default: tiff]" in medseg("predict", "--help")[1]


def test_the_tables_name_everything(medseg):
    assert "40,837" in medseg("networks")[1]
    assert shipped("cmunext-xxs/nuclei") in medseg("weights", "list")[1]
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
        "predict", NUCLEI[0].image, "--weights", "nuclei", "--out", tmp_path / "other", "--boxes", boxes
    )
    assert code == 2
    assert "cmunext-xxs takes no boxes" in err


def provenance_of(out):
    with TiffFile(out.splitlines()[0]) as file:
        return json.loads(file.pages[0].description)["medseg"]


def test_an_image_of_another_kind_is_told_and_segmented(medseg, tmp_path):
    code, out, err = medseg("predict", NUCLEI[0].image, "--weights", "polyp", "--out", tmp_path / "out")
    assert code == 0
    assert "unlike what the chosen network knows (polyp). It looks like nuclei" in err
    assert provenance_of(out)["unlike"] is True
    code, out, err = medseg("predict", NUCLEI[0].image, "--weights", "nuclei", "--out", tmp_path / "out2")
    assert "unlike" not in err
    assert provenance_of(out)["unlike"] is False


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
    assert [Path(line).name for line in out.splitlines()] == [
        f"scan_{name}.nii.gz" for name in ("mask", "prob_1", "prob_2")
    ]
    for line in out.splitlines():
        found = nibabel.load(line)
        assert found.shape == data.shape
        np.testing.assert_allclose(found.affine, affine)
    # a network for images goes through it slice by slice, across the axis of 3 mm
    code, out, err = medseg("predict", tmp_path / "scan.nii.gz", "--weights", "nuclei", "--out", tmp_path / "slices")
    assert code == 0, err
    found = nibabel.load(out.strip())
    assert found.shape == data.shape
    np.testing.assert_allclose(found.affine, affine)
    (tmp_path / "flat.png").write_bytes(b"")
    code, _, err = medseg("predict", tmp_path / "flat.png", *arguments, "--overwrite")
    assert code == 2
    assert "lgms-net-3d expects (Z, Y, X), a volume" in err


def test_evaluate_writes_its_figures(medseg, folders, tmp_path):
    report = tmp_path / "report.json"
    code, out, _ = medseg(
        "evaluate", "--images", folders[0], "--masks", folders[1], "--weights", "nuclei", "--json", report
    )
    figures = json.loads(report.read_text())
    assert code == 0
    assert "dice" in out
    assert (figures["network"], figures["n"], len(figures["cases"])) == ("cmunext-xxs", 2, 2)
    scores = {"dice", "iou", "precision", "recall", "aac", "accuracy", "hd95", "hd95_larger", "seconds"}
    assert set(figures["mean"]) == scores == set(figures["interval95"])
    assert figures["mean"]["dice"] == pytest.approx(np.mean([c["dice"] for c in figures["cases"]]))


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


def test_objects_are_numbered_and_scored(medseg, folders, tmp_path):
    code, out, err = medseg("predict", folders[0], "--weights", "nuclei", "--out", tmp_path / "out", "--objects")
    assert code == 0, err
    mask, objects = (read_mask(Path(line)) for line in out.splitlines()[:2])
    assert out.splitlines()[1].endswith("_objects.tif")
    assert (mask[objects > 0] == 1).all()
    assert objects.max() == len(np.unique(objects)) - 1 > 5
    # held against themselves, all are found; held against one number for all, none are
    for path in (tmp_path / "out").glob("*_mask.tif"):
        path.unlink()
    for path in (tmp_path / "out").glob("*_objects.tif"):
        path.rename(tmp_path / "out" / path.name.replace("_objects", ""))
    for masks, low, high in ((tmp_path / "out", 0.99, 1.0), (folders[1], 0.0, 0.1)):
        report = tmp_path / "report.json"
        arguments = ("--images", folders[0], "--masks", masks, "--weights", "nuclei", "--objects", "--json", report)
        assert medseg("evaluate", *arguments)[0] == 0
        assert low <= json.loads(report.read_text())["mean"]["pq"] <= high + 1e-6
    # white numbers nothing: all objects of a mask would count as one
    (tmp_path / "white").mkdir()
    for path in folders[1].iterdir():
        Image.fromarray((read_mask(path) > 0).astype(np.uint8) * 255).save(tmp_path / "white" / f"{path.stem}.png")
    arguments = ("--images", folders[0], "--masks", tmp_path / "white", "--weights", "nuclei")
    assert medseg("evaluate", *arguments)[0] == 0
    code, _, err = medseg("evaluate", *arguments, "--objects")
    assert code == 2 and "black and white only; expected a number for each object" in err

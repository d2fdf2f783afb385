"""Small runs to train."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from napari_medseg.project.run_spec import Pair, RunSpec, Stage
from napari_medseg.project.runs import SPEC_FILE


def blobs(folder: Path, n: int, side: int = 48) -> tuple[Pair, ...]:
    """Bright discs on noise, with their masks."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for i in range(n):
        y, x = np.mgrid[:side, :side]
        mask = (y - rng.integers(12, side - 12)) ** 2 + (x - rng.integers(12, side - 12)) ** 2 < rng.integers(
            6, 11
        ) ** 2
        image = np.clip(rng.normal(70, 12, (side, side)) + 110 * mask, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"i{i}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"m{i}.png")
        pairs.append(Pair(name=f"blob {i}", image=f"i{i}.png", mask=f"m{i}.png"))
    return tuple(pairs)


def run_of(values: dict) -> RunSpec:
    """A run of the fields that its file has."""
    return RunSpec.from_json(json.dumps(values, default=asdict))


def changed(spec: RunSpec, **values) -> RunSpec:
    """A run with other fields, named as its file names them."""
    return run_of({**json.loads(spec.to_json()), **values})


def make_run(folder: Path, **changes) -> RunSpec:
    pairs = blobs(folder, changes.pop("n", 2))
    values = {
        "network": "cmunext-xxs",
        "task": "blobs",
        "train": pairs,
        "val": pairs[:1],
        "stages": (Stage(size=48, epochs=3),),
        "batch_size": 2,
        "device": "cpu",
        # what 'auto' is depends on the processor
        "precision": "no",
        "seed": 3,
    }
    spec = run_of({**values, **changes})
    (folder / SPEC_FILE).write_text(spec.to_json())
    return spec

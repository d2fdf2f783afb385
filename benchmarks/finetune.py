"""A fine-tune round on ten corrections: ``python benchmarks/finetune.py DATA [--set tnbc_nuclei_mini] [--json FILE]``.

Ten images of the set's train split, each cut to 256 x 256 px, with their makers' masks as the corrections; the set's
val split is held out. The round is the panel's own (30 epochs, the same process); it prints how long training took,
and the mean Dice on val before and after.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from facts import machine
from train_bundled import read_split

from napari_medseg.app.plan_round import RetrainOptions
from napari_medseg.app.round import Round
from napari_medseg.io import read_image, read_mask, write_image
from napari_medseg.project import Project

SIDE, IMAGES = 256, 10


def fill(project: Project, folder: Path, data: Path, name: str) -> None:
    """Ten accepted corrections, and the val split as held-out cases."""
    for part, split in (("train", "train"), ("val", "heldout")):
        for pair in read_split(data, name, part)[: IMAGES if part == "train" else None]:
            image, mask = read_image(pair.image).data[:SIDE, :SIDE], read_mask(Path(pair.mask))[:SIDE, :SIDE]
            path = write_image(folder / f"{part}-{Path(pair.image).stem}.tif", image)
            case = project.add_case(path, shape=mask.shape, split=split)
            project.commit_stroke(case.id, (mask > 0).astype(np.uint8))
            project.accept(case.id)


def main() -> None:
    """Run one round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", default="tnbc_nuclei_mini")
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Project.create(folder / "project") as project:
            fill(project, folder, options.data, options.set)
            retrain = RetrainOptions(
                network=options.network, weights=options.weights, epochs=options.epochs, seed=options.seed
            )
            round_ = Round.new(project, retrain)
            times: dict[str, float] = {}
            round_.changed.connect(lambda state: times.update({state: time.perf_counter()}))
            rows = round_.run().rows
            seconds = times["reviewing"] - times["running"]
            spec = round_.spec
            assert spec is not None
    result = {
        "machine": machine(),
        "set": options.set,
        "weights": spec.start.start_from,
        "seed": options.seed,
        "images": len(spec.data.train),
        "epochs": spec.schedule.epochs,
        "seconds": round(seconds, 1),
        "held_out": len(rows),
        "dice_before": round(float(np.mean([r.dice_before for r in rows])), 4),
        "dice_after": round(float(np.mean([r.dice_after for r in rows])), 4),
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

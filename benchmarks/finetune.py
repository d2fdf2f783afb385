"""A fine-tune round on ten corrections: ``python benchmarks/finetune.py DATA [--set tnbc_nuclei_mini] [--json FILE]``.

Ten images of the set's train split, each cut to 256 x 256 px, with their makers' masks as the corrections; the set's
val split is held out. Cuts on which nothing is marked are left out. The round is the panel's own (the same process); a
row says how long training took, from pressing the button to the weights, what processor time that was, and the mean
Dice on val before and after. Several sets and seeds give several rows. ``--profile`` trains here instead, in one
thread, and says where the processor time goes.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from facts import report
from phases import profile
from train_bundled import read_split

from napari_medseg.app.plan_round import RetrainOptions, plan_retrain
from napari_medseg.app.round import Round
from napari_medseg.io import read_image, read_mask, write_image
from napari_medseg.project import Project

SIDE, IMAGES = 256, 10


def fill(project: Project, folder: Path, data: Path, name: str, judges: int | None = None) -> None:
    """Ten accepted corrections, and the val split, or so many of it, as held-out cases; all with something marked."""
    for part, split, most in (("train", "train", IMAGES), ("val", "heldout", judges)):
        cuts = (
            (pair, read_image(pair.image).data[:SIDE, :SIDE], read_mask(Path(pair.mask))[:SIDE, :SIDE])
            for pair in read_split(data, name, part)
        )
        for pair, image, mask in islice((cut for cut in cuts if cut[2].any()), most):
            path = write_image(folder / f"{part}-{Path(pair.image).stem}.tif", image)
            case = project.add_case(path, shape=mask.shape, split=split)
            project.commit_stroke(case.id, (mask > 0).astype(np.uint8))
            project.accept(case.id)


def measure(project: Project, name: str, retrain: RetrainOptions) -> dict[str, Any]:
    """One round, as the panel runs it."""
    round_ = Round.new(project, retrain)
    times: dict[str, float] = {}
    used: list[float] = []

    def note(state: str) -> None:
        times[state] = time.perf_counter()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(children.ru_utime + children.ru_stime)

    round_.changed.connect(note)
    rows = round_.run().rows
    spec = round_.spec
    assert spec is not None
    return {
        "set": name,
        "network": spec.network,
        "weights": spec.start.start_from,
        "device": retrain.device,
        "seed": retrain.seed,
        "images": IMAGES,
        "epochs": spec.schedule.epochs,
        "seconds": round(times["reviewing"] - times["running"], 1),
        "cpu_seconds": round(max(used) - min(used), 1),
        "held_out": len(rows),
        "dice_before": round(float(np.mean([r.dice_before for r in rows])), 4),
        "dice_after": round(float(np.mean([r.dice_after for r in rows])), 4),
    }


def main() -> None:
    """Run the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", nargs="+", default=["tnbc_nuclei_mini"])
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--epochs", type=int, default=RetrainOptions(network="", weights="").epochs)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--judges", type=int, help="hold out only so many of the val split")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.set:
        for seed in options.seed:
            retrain = RetrainOptions(
                network=options.network,
                weights=options.weights,
                epochs=options.epochs,
                seed=seed,
                device=options.device,
            )
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                with Project.create(folder / "project") as project:
                    fill(project, folder, options.data, name, options.judges)
                    if options.profile:
                        rows.extend({"set": name, **row} for row in profile(plan_retrain(project, retrain)[1]))
                    else:
                        rows.append(measure(project, name, retrain))
    columns = list(rows[0])
    report(columns, [[row[column] for column in columns] for row in rows], json_path=options.json)


if __name__ == "__main__":
    main()

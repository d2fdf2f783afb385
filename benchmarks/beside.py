"""Beside what people would take instead: ``python benchmarks/beside.py DATA RUNS [--minutes M] [--json FILE]``.

On each set (``--sets``) are trained for the same minutes, from random weights at 128 px: CMUNeXt-XXS, MONAI's
BasicUNet, and a plain U-Net in nnU-Net's form (``rivals.py``); and CMUNeXt-XXS from its shipped file, at that file's
size. All four go through ``src_train`` with the same batches, augmentation, precision and clock; each has its own loss
and optimizer. Minutes are of one core's time (``time.process_time``), so that a busy machine is fair. Nothing is chosen
on val: the last weights count. Then all are scored on val, beside the shipped files of our networks, at their own input
sizes; they take turns at the same images for the seconds, and each predicts once in a process of its own for the
memory.

RUNS keeps what was trained: calling again goes on from there, with ``--stop-after`` in pieces.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import rivals
import torch
from facts import report
from memory import peak_mb
from train_bundled import read_split

from napari_medseg.inference import Predictor
from napari_medseg.io import read_image, read_mask
from napari_medseg.metrics import dice, summarise
from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.run_spec import Budget, Data, RunSpec, Schedule, Stage, Start
from napari_medseg.project.runs import SPEC_FILE, WEIGHTS_FILE, finished
from napari_medseg.weights import read_entry
from napari_medseg.weights.store import find_weights

TASKS = {"dsb2018_nuclei": "nuclei", "kvasir_seg": "polyp", "busi": "breast-ultrasound"}
# in the order in which they are offered; DCSNet is asked with boxes
GENERALISTS = ("sgd-net-s/generalist", "lgms-net/generalist", "dymas-net/generalist")
FRESH, TUNED, SHIPPED = "from random weights", "from the shipped file", "as shipped"
TRAINED = (("cmunext-xxs", FRESH), ("basic-unet", FRESH), ("plain-unet", FRESH), ("cmunext-xxs", TUNED))
COLUMNS = (
    *("set", "network", "start", "engine", "parameters", "minutes", "steps", "px", "split", "n", "seed"),
    *("dice", "dice_low", "dice_high", "ms", "cpu_ms", "memory_mb"),
)
SIDE, BATCH, EPOCH_IMAGES = 128, 8, 160
TIMED = 11


@dataclass(frozen=True)
class Entrant:
    """A row: a network, where its weights come from, and what runs it."""

    name: str
    start: str
    weights: str
    minutes: float = 0.0
    steps: int = 0
    engine: str = "torch"


def spec_of(data: Path, name: str, network: str, start: str, *, minutes: float, seed: int) -> RunSpec:
    """The run of a network on a set."""
    shipped = f"cmunext-xxs/{TASKS[name]}" if start == TUNED else None
    side = SIDE if shipped is None else (find_weights("cmunext-xxs", TASKS[name])[0].input_size or (SIDE,))[0]
    fast = network == "cmunext-xxs" and shipped is None
    return RunSpec(
        network=network,
        task=TASKS[name],
        data=Data(train=tuple(read_split(data, name, "train"))),
        start=Start(start_from=shipped),
        schedule=Schedule(
            # more epochs than there is time for: the clock decides
            stages=(Stage(size=side, epochs=9_999),),
            batch_size=BATCH,
            epoch_images=EPOCH_IMAGES,
            curve="onecycle",
            # as in plans.py; the others' are their recipes'
            learning_rate=4e-3 if fast else None,
            seed=seed,
        ),
        budget=Budget(time_budget_minutes=minutes, clock=True, device="cpu"),
    )


def train_here(folder: Path) -> None:
    """Train a run's folder in this process, by one core's time."""
    import src_train.pace
    from src_train.trainer import Trainer

    torch.set_num_threads(1)
    # the trainer's clock is the wall's; here a busy machine must cost nobody a step
    vars(src_train.pace)["time"] = SimpleNamespace(monotonic=time.process_time)
    Trainer(RunSpec.from_json((folder / SPEC_FILE).read_text(encoding="utf-8")), folder).run()


def trained(options: argparse.Namespace, name: str, network: str, start: str, until: float) -> Entrant | None:
    """Train one, or take what was trained; None where nothing is to be trained."""
    folder = options.runs / f"{name}-{network}-{start.replace(' ', '-')}-{options.minutes:g}-{options.seed}"
    if not finished(folder) and options.trained_only:
        return None
    if not finished(folder):
        folder.mkdir(parents=True, exist_ok=True)
        spec = spec_of(options.data, name, network, start, minutes=options.minutes, seed=options.seed)
        (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        left = until - time.monotonic()
        command = [sys.executable, __file__, "--train", str(folder)]
        try:
            if left < 20:
                raise subprocess.TimeoutExpired(command, left)
            # what is killed goes on from its last epoch
            subprocess.run(command, check=True, timeout=left, env={**os.environ, "OMP_NUM_THREADS": "1"})
        except subprocess.TimeoutExpired:
            sys.exit("Stopped after the time that was given; the same command goes on.")
    entry = read_entry(folder / WEIGHTS_FILE)
    # an epoch's batches: its images are drawn with replacement
    steps = entry.training["epochs"] * -(-EPOCH_IMAGES // BATCH)
    return Entrant(network, start, str(folder / WEIGHTS_FILE), entry.training["seconds"] / 60, steps)


def entrants(options: argparse.Namespace, name: str, until: float) -> list[Entrant]:
    """All of a set."""
    task = TASKS[name]
    tried = [trained(options, name, network, start, until) for network, start in TRAINED]
    found = [one for one in tried if one is not None]
    xxs = Entrant("cmunext-xxs", SHIPPED, f"cmunext-xxs/{task}")
    quick = [Entrant(xxs.name, SHIPPED, xxs.weights, engine="openvino")] if options.openvino else []
    return [*found, xxs, *quick, *(Entrant(one.partition("/")[0], SHIPPED, one) for one in GENERALISTS)]


def dice_of(predictor: Predictor, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    """Mean over images, and its interval."""
    cases = [{"dice": dice(predictor.predict(image).labels > 0, mask > 0)} for image, mask in pairs]
    found = summarise(cases)
    return (found["mean"]["dice"], *found["interval95"]["dice"])


def seconds_of(predictors: list[Predictor], images: list[np.ndarray]) -> list[tuple[float, float]]:
    """Medians (wall, CPU), ms; all take turns at the same images."""
    times: list[list[tuple[float, float]]] = [[] for _ in predictors]
    for turn, image in enumerate([images[0], *images]):
        for predictor, values in zip(predictors, times, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            predictor.predict(image)
            if turn:
                values.append((time.perf_counter() - wall, time.process_time() - cpu))
    return [(1000 * median(w for w, _ in one), 1000 * median(c for _, c in one)) for one in times]


def rows_of(name: str, found: list[Entrant], options: argparse.Namespace) -> list[tuple[Any, ...]]:
    """Dice, seconds and memory of all of a set."""
    torch.set_num_threads(options.threads)
    pairs = [
        (read_image(pair.image).data, read_mask(Path(pair.mask))) for pair in read_split(options.data, name, "val")
    ]
    predictors = [Predictor.from_weights(one.name, one.weights, device="cpu", engine=one.engine) for one in found]
    seconds = seconds_of(predictors, [image for image, _ in pairs[:: len(pairs) // TIMED]])
    rows = []
    for one, predictor, (wall, cpu) in zip(found, predictors, seconds, strict=True):
        figures = dice_of(predictor, pairs)
        sides = predictor.entry.input_size or predictor.spec.input.size
        memory = peak_mb(one.name, one.weights, (256, 256, 3), own=False) if one.engine == "torch" else None
        # as it is trained: what predicts has its norms folded
        spec = get_spec(one.name)
        parameters = spec.parameters or sum(value.numel() for value in create_network(one.name).parameters())
        trained_with = (one.minutes or None, one.steps or None, "x".join(map(str, sides)))
        what = (name, spec.title, one.start, one.engine, parameters, *trained_with)
        rows.append((*what, "val", len(pairs), options.seed if one.minutes else None, *figures, wall, cpu, memory))
        print(*rows[-1], flush=True)
    return rows


def main() -> None:
    """Train, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("runs", type=Path, nargs="?")
    parser.add_argument("--sets", nargs="+", default=["dsb2018_nuclei", "kvasir_seg"], choices=TASKS)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--stop-after", type=float, default=1e9, help="seconds of training; calling again goes on")
    parser.add_argument("--only-train", action="store_true")
    parser.add_argument("--trained-only", action="store_true", help="train nothing: compare what is there")
    parser.add_argument("--openvino", action="store_true", help="CMUNeXt-XXS by OpenVINO, too")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rivals.register()
    if options.train is not None:
        train_here(options.train)
        return
    until = time.monotonic() + options.stop_after
    found = {name: entrants(options, name, until) for name in options.sets}
    if options.only_train:
        return
    rows = [row for name, those in found.items() for row in rows_of(name, those, options)]
    print()
    report(COLUMNS, rows, json_path=options.json)


if __name__ == "__main__":
    main()

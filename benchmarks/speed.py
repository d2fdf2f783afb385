"""Prediction time for images of 256, 512 and 1024 px: ``python benchmarks/speed.py [--network N] [--json FILE]``.

Each image twice: resized to the weights' input as the panel does it, and at its own size. The ratio is to the first
row, measured in the same run; sizes take turns, so that a busy machine slows all of them alike. ``--boxes`` times boxes
to masks at 256 px instead (one, three, ten boxes). ``--fresh`` takes random weights: the time does not hang on them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from facts import report

from napari_medseg.inference import Predictor
from napari_medseg.networks import create_network, get_spec, prepare_for_inference
from napari_medseg.weights import WeightsEntry

SIZES = (256, 512, 1024)
COLUMNS = ("network", "px", "how", "median ms", "longest ms", "ratio")


def load(network: str, weights: str | None, device: str) -> Predictor:
    """The predictor that users run, or one of random weights."""
    if weights is not None:
        return Predictor.from_weights(network, weights, device=device)
    entry = WeightsEntry(id=f"{network}/fresh@1", network=network, task="fresh")
    module = prepare_for_inference(create_network(network).eval())
    return Predictor(module, get_spec(network), entry, device=device)


def time_boxes(predictor: Predictor, rng: np.random.Generator, repeats: int) -> list[tuple]:
    """From boxes that a person drew to masks."""
    image = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
    corners = rng.integers(0, 150, (10, 2))
    boxes = np.concatenate((corners, corners + rng.integers(40, 100, (10, 2))), axis=1)
    times: dict[int, list[float]] = {1: [], 3: [], 10: []}
    for turn in range(repeats + 1):
        for count, values in times.items():
            started = time.perf_counter()
            predictor.predict(image, boxes=boxes[:count])
            if turn:
                values.append(time.perf_counter() - started)
    base = median(times[1])
    return [
        (predictor.spec.name, 256, f"{n} box(es)", 1000 * median(v), 1000 * max(v), median(v) / base)
        for n, v in times.items()
    ]


def main() -> None:
    """Time predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--boxes", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    predictor = load(options.network, None if options.fresh else options.weights, options.device)
    rng = np.random.default_rng(0)
    if options.boxes:
        report(COLUMNS, time_boxes(predictor, rng, options.repeats), json_path=options.json)
        return
    images = {size: rng.integers(0, 255, (size, size, 3), dtype=np.uint8) for size in SIZES}
    kinds = [(size, None) for size in SIZES] + [(size, size) for size in SIZES[1:]]
    times: dict[tuple[int, int | None], list[float]] = {kind: [] for kind in kinds}
    for turn in range(options.repeats + 1):
        for kind in kinds:
            started = time.perf_counter()
            predictor.predict(images[kind[0]], size=kind[1])
            if turn:  # the first turn warms up
                times[kind].append(time.perf_counter() - started)
    base = median(times[kinds[0]])
    rows = []
    for size, own in kinds:
        values = times[size, own]
        how = "resized" if own is None else "own size"
        rows.append((options.network, size, how, 1000 * median(values), 1000 * max(values), median(values) / base))
    report(COLUMNS, rows, json_path=options.json)


if __name__ == "__main__":
    main()

"""Prediction time for images of 256, 512 and 1024 px: ``python benchmarks/speed.py [--network N] [--json FILE]``.

Each image twice: resized to the weights' input as the panel does it, and at its own size. The ratio is to the first
row, measured in the same run; sizes take turns, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from facts import report

from napari_medseg.inference import Predictor

SIZES = (256, 512, 1024)


def main() -> None:
    """Time predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    predictor = Predictor.from_weights(options.network, options.weights, device=options.device)
    rng = np.random.default_rng(0)
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
    report(("network", "px", "how", "median ms", "longest ms", "ratio"), rows, json_path=options.json)


if __name__ == "__main__":
    main()

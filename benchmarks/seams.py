"""Do the windows of a volume show? ``python benchmarks/seams.py DATA [--limit N]``.

DATA holds ``msd_hippocampus_3d``. Each volume of ``val`` goes through LGMSNet 3D in its windows. Told are, where there
is anything to tell (a probability from 0.02):

* how much neighbouring voxels differ across a border of windows, against elsewhere: 1 where no border shows;
* how much the prediction differs when the grid of windows is shifted by half a step, near its borders (within a voxel)
  and elsewhere, and how well the two masks agree (Dice);
* against one window that holds the whole volume: agreement, and Dice of both with the reference. The network learned
  from windows of its own size, so that a larger one is another picture to it.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from facts import report
from train_bundled import read_split

from napari_medseg.inference import Prediction, Predictor
from napari_medseg.inference.windows import OVERLAP
from napari_medseg.io import read_image, read_numbers

# from this probability on there is something to tell
SEEN = 0.02


def borders(size: int, side: int) -> set[int]:
    """First voxels behind a border of a window that lies inside an axis of so many voxels."""
    step = max(1, int(side * (1 - OVERLAP)))
    starts = {min(start, max(0, size - side)) for start in range(0, max(1, size - side + step), step)}
    return {place for place in {*starts, *(start + side for start in starts)} if 0 < place < size}


def foreground(found: Prediction) -> np.ndarray:
    """(Z, Y, X) in [0, 1]."""
    return found.probabilities.sum(axis=0)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """All classes together."""
    return float(2 * ((one == other) & (one > 0)).sum() / max(1, (one > 0).sum() + (other > 0).sum()))


def jumps(said: np.ndarray, window: tuple[int, ...]) -> float:
    """Mean difference of neighbours across borders, in those elsewhere."""
    across: list[np.ndarray] = []
    beside: list[np.ndarray] = []
    for axis in range(3):
        along = np.moveaxis(said, axis, 0)
        steps = np.abs(np.diff(along, axis=0))
        unsure = np.maximum(along[1:], along[:-1]) > SEEN
        at = borders(said.shape[axis], window[axis])
        for place in range(len(steps)):
            (across if place + 1 in at else beside).append(steps[place][unsure[place]])
    there, elsewhere = np.concatenate(across), np.concatenate(beside)
    # no border where there is anything to tell
    return float(there.mean() / elsewhere.mean()) if len(there) else math.nan


def main() -> None:
    """Compare on all volumes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    predictor = Predictor.from_weights("lgms-net-3d", "hippocampus", device="cpu")
    entry, window = predictor.entry, predictor.entry.input_size
    shift = [max(1, int(side * (1 - OVERLAP)) // 2) for side in window]
    table = []
    for pair in read_split(options.data, "msd_hippocampus_3d", "val")[: options.limit]:
        image, truth = read_image(pair.image), read_numbers(pair.mask)
        # the greys of all are the same
        low, high = (float(value) for value in np.percentile(image.data, (0.5, 99.5)))
        predictor.entry = replace(entry, window=(low, high))
        found = predictor.predict(image.data)
        moved = predictor.predict(np.pad(image.data, [(s, 0) for s in shift], mode="symmetric"))
        inner = tuple(slice(s, None) for s in shift)
        said, other = foreground(found), foreground(moved)[inner]
        near = np.zeros(said.shape, bool)
        for axis, side in enumerate(window):
            for place in borders(said.shape[axis], side):
                np.moveaxis(near, axis, 0)[place - 1 : place + 1] = True
        off, unsure = np.abs(said - other), np.maximum(said, other) > SEEN
        one = predictor.predict(image.data, size=[-(-size // 16) * 16 for size in image.data.shape])
        table.append(
            (
                jumps(said, window),
                float(off[near & unsure].mean()),
                float(off[~near & unsure].mean()),
                dice(found.labels, moved.labels[inner]),
                dice(found.labels, one.labels),
                dice(found.labels, truth),
                dice(one.labels, truth),
            )
        )
        print(pair.name, *(round(value, 3) for value in table[-1]), flush=True)
    rows = [("mean of all", len(table), *(round(float(value), 3) for value in np.nanmean(table, axis=0)))]
    columns = (
        "volumes",
        "n",
        "jump",
        "shifted: near",
        "elsewhere",
        "masks agree",
        "one: agree",
        "windows",
        "one window",
    )
    report(columns, rows, json_path=options.json)


if __name__ == "__main__":
    main()

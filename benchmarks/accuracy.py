"""Accuracy of the bundled weights on the val splits: ``python benchmarks/accuracy.py DATA [--json FILE]``.

DATA is laid out as ``train_bundled.py`` says. Each weights file is scored on the val split of the sets it was trained
on, by the predictor that users run, each image at its own size; intervals are 95 % by bootstrap over images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facts import report
from train_bundled import read_split

from napari_medseg.app.evaluate import evaluate
from napari_medseg.app.predict import PredictRequest
from napari_medseg.weights import list_weights

# what issue 2 aims at, and the paper's own figure where it has one (F1 is Dice)
AIMS = {"dermoscopy": 0.84, "nuclei": 0.85, "breast-ultrasound": 0.72, "polyp": 0.75}
PAPER = {("dermoscopy", "isic2016_test"): 0.918, ("breast-ultrasound", "busi"): 0.789}


def main() -> None:
    """Score every bundled file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", help="only these (an id)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for entry in list_weights():
        if options.weights not in (None, entry.id):
            continue
        request = PredictRequest(network=entry.network, weights=entry.id, device=options.device)
        for name in [*entry.trained_on, "all"] if len(entry.trained_on) > 1 else entry.trained_on:
            sets = entry.trained_on if name == "all" else (name,)
            pairs = [(Path(p.image), Path(p.mask)) for s in sets for p in read_split(options.data, s, "val")]
            figures = evaluate(pairs, request)
            mean, (low, high) = figures["mean"], figures["interval95"]["dice"]
            aim = AIMS.get(entry.task, "") if name == "all" or len(entry.trained_on) == 1 else ""
            rows.append(
                (
                    entry.id, name, figures["n"], *(round(mean[k], 4) for k in ("dice", "iou", "precision", "recall")),
                    f"{low:.3f} to {high:.3f}", round(mean["hd95"], 1), aim, PAPER.get((entry.task, name), ""),
                )
            )  # fmt: skip
    columns = ("weights", "set", "n", "dice", "iou", "precision", "recall", "dice 95 %", "hd95 px", "aim", "paper")
    report(columns, rows, json_path=options.json)


if __name__ == "__main__":
    main()

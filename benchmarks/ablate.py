"""Does a part of a network earn its place? ``python benchmarks/ablate.py DATA RUNS PART [--set NAME] [--seeds N]``.

Trains the network with and without the part on the train split of a set, everything else alike, once a seed, and
scores both on its val split. RUNS keeps the runs; calling again goes on. The table says the mean difference and
whether the paper's claim (with is better) held: "yes" or "no" where all seeds agree, else "open".
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from facts import report
from train_bundled import read_split

from napari_medseg.project.run_spec import Budget, Data, RunSpec, Schedule, Stage, Start
from napari_medseg.project.runs import SPEC_FILE, WEIGHTS_FILE
from napari_medseg.weights import read_entry
from napari_medseg.weights.hub import find_pretrained

# part: (network, options without it)
PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "sge": ("sgd-net-s", {"sge": False}),
    "sgdc": ("sgd-net-s", {"sgdc": False}),
    # SGD-Net's tables 4 and 5
    "guidance-steers": ("sgd-net-s", {"guidance": "added"}),
    "guidance": ("sgd-net-s", {"guidance": "self"}),
    "local": ("sgd-net-s", {"local": False}),
    "dynamic": ("sgd-net-s", {"dynamic": False}),
    "gate-of-the-sum": ("sgd-net-s", {"gate": "channel"}),
    "edges-from-encoder": ("sgd-net-s", {"edges_from": "attention"}),
    "msfa": ("dcsnet-s", {"msfa": False}),
    "jitter": ("dcsnet-s", {"jitter": 0.0}),
    "lms": ("lgms-net", {"lms": False}),
    "gms": ("lgms-net", {"gms": False}),
    "kernels": ("lgms-net", {"kernels": [3, 3, 3, 3]}),
    "split": ("lgms-net", {"near": 0.5}),
    "adsm": ("dymas-net", {"adsm": False}),
    "hmcb": ("dymas-net", {"hmcb": False}),
    "dafu": ("dymas-net", {"dafu": False}),
    "sum": ("dymas-net", {"branches": "concat"}),
}


def train(spec: RunSpec, folder: Path) -> float:
    """Run to the end, or go on; the best Dice on val."""
    if not (folder / WEIGHTS_FILE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        subprocess.run([sys.executable, "-m", "src_train", "run", str(folder)], check=True)
    return float(read_entry(folder / WEIGHTS_FILE).metrics["dice"])


def main() -> None:
    """Train pairs of networks and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "all"])
    parser.add_argument("--set", default="dsb2018_nuclei")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rate", type=float, help="learning rate; default: the paper's")
    parser.add_argument("--pretrained", help="start the encoder from these weights, as medseg train takes them")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    pretrained = None if options.pretrained is None else str(find_pretrained(options.pretrained))
    for part in PARTS if "all" in options.parts else options.parts:
        network, without = PARTS[part]
        base = RunSpec(
            network=network,
            task="ablation",
            data=Data(
                train=tuple(read_split(options.data, options.set, "train")),
                val=tuple(read_split(options.data, options.set, "val")),
            ),
            start=Start(pretrained=pretrained),
            schedule=Schedule(
                stages=(Stage(size=options.size, epochs=options.epochs),),
                learning_rate=options.rate,
                curve="cosine",
                validate_every=max(1, options.epochs // 10),
            ),
            budget=Budget(device=options.device),
        )
        pairs = []
        for seed in range(options.seeds):
            # the whole network is the same whatever it is held against
            scores = [
                train(
                    replace(
                        base,
                        start=replace(base.start, options=changes),
                        schedule=replace(base.schedule, seed=seed),
                    ),
                    options.runs / f"{name}-{options.set}-{options.epochs}x{options.size}-{seed}",
                )
                for name, changes in ((f"{network}-whole", {}), (f"{network}-without-{part}", without))
            ]
            pairs.append(scores)
        table = np.array(pairs)
        change = table[:, 0] - table[:, 1]
        held = "yes" if (change > 0).all() else "no" if (change <= 0).all() else "open"
        rows.append(
            (
                part, network, options.set, options.seeds, options.epochs, options.size,
                *(round(float(v), 4) for v in (*table.mean(axis=0), change.mean(), change.min(), change.max())), held,
            )
        )  # fmt: skip
    columns = (
        *("part", "network", "set", "seeds", "epochs", "px", "Dice with", "Dice without"),
        *("change", "least", "most", "claim held"),
    )
    report(columns, rows, json_path=options.json)


if __name__ == "__main__":
    main()

"""Draws what ``loop.py`` found: ``python benchmarks/plot_loop.py RUNS out.png`` (needs ``pip install matplotlib``).

Left, what correcting an image costs against never retraining, in a running mean of five images; right, Dice on unseen
images of the new set and on the set the network came from. Lines are means over seeds, bands their extremes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

WAYS = {
    "plain": ("retrained, no replay, no gate", "#d95f5f"),
    "ours": ("ours", "#2f7fd1"),
    "wired": ("ours, with the live-wire", "#2e9e5b"),
}


def load(folder: Path, name: str) -> dict[str, dict[int, Any]]:
    """All runs on a set: way, seed."""
    runs: dict[str, dict[int, Any]] = {}
    for path in sorted(folder.glob(f"{name}-*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        runs.setdefault(run["way"], {})[run["seed"]] = run
    return runs


def cost(runs: Mapping[str, Mapping[int, Any]], way: str) -> np.ndarray:
    """Seconds against never retraining: (seeds, images), of the seeds that have both."""
    own, kind = ("ours", "wired") if way == "wired" else (way, "seconds")
    lines = []
    for seed, run in runs[own].items():
        if seed in runs["none"]:
            pairs = list(zip(run["rows"], runs["none"][seed]["rows"], strict=False))
            mine, none = (
                np.convolve([row[key] for row in rows], np.ones(5) / 5, "valid")
                for rows, key in (([a for a, _ in pairs], kind), ([b for _, b in pairs], "seconds"))
            )
            lines.append(mine / none)
    shortest = min(map(len, lines))
    return np.stack([line[:shortest] for line in lines])


def band(axes: Any, x: Any, lines: np.ndarray, *, colour: str, label: str, dashed: bool = False) -> None:
    """A mean with its extremes."""
    axes.plot(x, lines.mean(axis=0), color=colour, label=label, linestyle="--" if dashed else "-", linewidth=2)
    axes.fill_between(x, lines.min(axis=0), lines.max(axis=0), color=colour, alpha=0.15, linewidth=0)


def main() -> None:
    """Both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", default="monuseg_nuclei")
    options = parser.parse_args()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    runs = load(options.runs, options.set)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for way, (label, colour) in WAYS.items():
        if ("ours" if way == "wired" else way) not in runs:
            continue
        lines = cost(runs, way)
        band(left, np.arange(lines.shape[1]) + 5, lines, colour=colour, label=label)
        if way == "wired":
            continue
        scores = [run["scores"] for run in runs[way].values()]
        shortest = min(map(len, scores))
        x = [point["images"] for point in scores[0][:shortest]]
        for what, dashed in (("unseen", False), ("origin", True)):
            lines = np.array([[point[what] for point in line[:shortest]] for line in scores])
            where = "set it came from" if dashed else "new set, unseen images"
            band(right, x, lines, colour=colour, label=f"{label}: {where}", dashed=dashed)
    left.axhline(1, color="#888888", linewidth=1)
    left.set(xlabel="images corrected", ylabel="cost of an image, never retrained = 1", ylim=(0, 1.4))
    right.set(xlabel="images corrected", ylabel="Dice", ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()

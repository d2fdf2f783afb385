"""Does the gate keep poisoned labels out and let good ones in? ``python benchmarks/gate.py DATA --log FILE``.

A small set-up, each seed anew, once with good labels and once with a tenth of the masks spoilt (inverted at even
seeds, moved by a fifth of the image at odd ones): the bundled nuclei network is retrained on ten accepted masks of a
set it does not know, as a project would, and judged on six held-out ones. Told is how often the new weights were let
in.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from facts import report
from scipy import ndimage
from train_bundled import read_split

from napari_medseg.app.plan_round import RetrainOptions
from napari_medseg.app.round import Round
from napari_medseg.io import read_image, read_mask, write_image
from napari_medseg.project import Project
from napari_medseg.project.run_spec import Pair

TRAIN, HELD_OUT, SIDE = 10, 6, 256
KINDS = ("good", "inverted", "moved")


def spoil(mask: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A mask (Y, X) uint8 as it should not be."""
    if kind == "inverted":
        return 1 - mask
    angle, far = rng.uniform(0, 2 * np.pi), 0.2 * min(mask.shape)
    return ndimage.shift(mask, (far * np.sin(angle), far * np.cos(angle)), order=0)


def trial(pairs: list[Pair], kind: str, seed: int, epochs: int, folder: Path) -> tuple[bool, str]:
    """One round; whether the gate let it in, and why."""
    rng = np.random.default_rng(seed)
    chosen = [pairs[i] for i in rng.permutation(len(pairs))[: TRAIN + HELD_OUT]]
    spoilt = set(rng.permutation(TRAIN)[: max(1, TRAIN // 10)].tolist()) if kind != "good" else set()
    with Project.create(folder / "p") as project:
        for number, pair in enumerate(chosen):
            image, mask = read_image(pair.image).data, (read_mask(pair.mask) > 0).astype(np.uint8)
            y, x = ((int(rng.integers(0, n - SIDE + 1)) if n > SIDE else 0) for n in mask.shape)
            part = np.s_[y : y + SIDE, x : x + SIDE]
            image, mask = image[part], mask[part]
            file = folder / f"{number}.tif"
            write_image(file, image)
            split = "train" if number < TRAIN else "heldout"
            case = project.add_case(file, shape=mask.shape, split=split, group=f"{number}")
            project.commit_stroke(case.id, spoil(mask, kind, rng) if number in spoilt else mask)
            project.accept(case.id)
        options = RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=epochs, device="cpu", seed=seed)
        verdict = Round.new(project, options).run().verdict
    return verdict.adopt, verdict.reason


def main() -> None:
    """All trials; a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", default="monuseg_nuclei")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first trial: two processes can share them")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--log", type=Path, required=True, help="a line for each trial; calling again goes on")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs = read_split(options.data, options.set, "train")
    lines = options.log.read_text(encoding="utf-8").splitlines() if options.log.exists() else []
    done = {(row["kind"], row["seed"]): row for row in map(json.loads, lines)}
    seeds = range(options.first, options.first + options.trials)
    for seed in seeds:
        for kind in ("good", KINDS[1 + seed % 2]):
            if (kind, seed) in done:
                continue
            with tempfile.TemporaryDirectory() as folder:
                let_in, reason = trial(pairs, kind, seed, options.epochs, Path(folder))
            row = {"kind": kind, "seed": seed, "let_in": let_in, "reason": reason}
            done[kind, seed] = row
            with options.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(kind, seed, "let in" if let_in else "kept out", reason, flush=True)
    rows = []
    for kind in KINDS:
        # all that the log holds, of another process too
        own = [row["let_in"] for (of, _), row in done.items() if of == kind]
        rows.append((kind, len(own), sum(own), len(own) - sum(own)))
    report(("labels", "trials", "let in", "kept out"), rows, json_path=options.json)


if __name__ == "__main__":
    main()

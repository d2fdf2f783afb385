"""How many slices must a person touch? ``python benchmarks/propagation.py DATA [--split val] [--no-network]``.

DATA holds ``msd_hippocampus_3d`` and ``samples_3d``. A simulated person touches one slice after the other: touched, it
is as the reference has it, all classes of it. What the other slices get comes from shape-based interpolation of each
class (``linear``), or from carrying the touched slices on (``carried``), by the image alone or with a network's word.
Counted is how many slices are touched when Dice over the whole volume, all classes together, is 0.95 (all: 1).

Which slice is next is the same for all: the one with most wrong voxels. Two ways to begin: with the first and the last
slice of the object (``ends``), or with the one that has most voxels wrong in an empty mask (``worst``). Interpolation
knows nothing beyond the outermost touched slices and does far better with ``ends``; carrying goes on beyond them. So
three ratios are given: both with ``ends``, both with ``worst``, and each with the way that suits it.

Constants of the method were chosen on 12 hippocampus volumes of ``train`` and every second organ of the CT; the weight
of the network on every second volume of ``val``: figures are of the others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from facts import report

from napari_medseg.editing.operations import interpolate
from napari_medseg.editing.propagate import propagate
from napari_medseg.io import read_image, read_numbers

GOAL = 0.95
WAYS = ("ends", "worst")
# of other volumes than the hippocampi: objects of so many voxels and slices at least
LEAST_VOXELS, LEAST_SLICES = 600, 8


@dataclass(frozen=True)
class Case:
    """A volume, (Z, Y, X), its reference, and what a network says of each class."""

    name: str
    image: np.ndarray
    truth: np.ndarray
    said: dict[int, np.ndarray] | None = None
    # the constants were chosen on it
    seen: bool = False

    @property
    def numbers(self) -> list[int]:
        """Its classes."""
        return [int(number) for number in np.unique(self.truth) if number]


Fill = Callable[[Case, np.ndarray, list[int]], np.ndarray]


def linear(case: Case, labels: np.ndarray, touched: list[int]) -> np.ndarray:
    """As 'Interpolate' does, one class after the other."""
    for number in case.numbers:
        labels = interpolate(labels, number)
    # what a person touched stays
    labels[touched] = case.truth[touched]
    return labels


def carried(case: Case, labels: np.ndarray, touched: list[int]) -> np.ndarray:
    """As 'To neighbours' does without a network."""
    return propagate(case.image, labels, touched, case.numbers).labels


def heard(case: Case, labels: np.ndarray, touched: list[int]) -> np.ndarray:
    """As 'To neighbours' does after a proposal."""
    return propagate(case.image, labels, touched, case.numbers, probabilities=case.said).labels


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """All classes together."""
    return float(2 * ((one == other) & (one > 0)).sum() / max(1, (one > 0).sum() + (other > 0).sum()))


def slices_touched(fill: Fill, case: Case, way: str) -> int:
    """Until Dice is :data:`GOAL`."""
    truth = case.truth
    there = np.flatnonzero((truth > 0).any(axis=(1, 2)))
    touched = sorted({int(there[0]), int(there[-1])}) if way == "ends" else []
    while True:
        labels = np.zeros_like(truth)
        labels[touched] = truth[touched]
        if touched:
            labels = fill(case, labels, touched)
        if dice(labels, truth) >= GOAL:
            return len(touched)
        wrong = (labels != truth).sum(axis=(1, 2)).astype(float)
        wrong[touched] = -1
        touched = sorted([*touched, int(wrong.argmax())])


def hippocampi(data: Path, split: str, network: bool) -> Iterator[Case]:
    """Of MSD task 4."""
    folder = data / "msd_hippocampus_3d"
    names = json.loads((folder / "split.json").read_text())[split]
    predictor = None
    if network:
        from napari_medseg.inference import Predictor

        predictor = Predictor.from_weights("lgms-net-3d", "hippocampus", device="cpu")
    for number, name in enumerate(names):
        image = read_image(next((folder / "images").glob(f"{name}.*")))
        truth = read_numbers(next((folder / "masks").glob(f"{name}.*"))).astype(np.uint8)
        said = None
        if predictor is not None:
            found = predictor.predict(image.data, spacing=image.spacing)
            said = dict(zip(found.classes, found.probabilities, strict=True))
        yield Case(name, image.data, truth, said, seen=split == "train" or (network and number % 2 == 0))


def samples(data: Path) -> Iterator[Case]:
    """Organs of a CT (their reference is a model's), and tumours on MR: an object each."""
    folder = data / "samples_3d"
    files = [(f"pyradiomics_{name}_image", f"pyradiomics_{name}_label") for name in ("brain1", "brain2", "breast1")]
    files.append(("totalsegmentator_example_ct_sm", "totalsegmentator_example_seg"))
    organ = 0
    for image_name, mask_name in files:
        image = read_image(folder / f"{image_name}.nii.gz").data
        mask = read_numbers(folder / f"{mask_name}.nii.gz")
        for number in np.unique(mask)[1:]:
            truth = (mask == number).astype(np.uint8)
            of_ct = image_name.startswith("total")
            if of_ct and (truth.sum() < LEAST_VOXELS or truth.any(axis=(1, 2)).sum() < LEAST_SLICES):
                continue
            organ += of_ct
            name = f"CT, organ {number}{' (spleen)' if number == 1 else ''}" if of_ct else image_name
            yield Case(name, image, truth, seen=bool(of_ct and organ % 2))


def milliseconds() -> list[tuple[str, float]]:
    """Of the processor, a slice of 512 x 512 px: objects of 80 px and of 400 px, between two slices and beyond one."""
    rows = []
    yy, xx = np.mgrid[:512, :512]
    for radius in (40, 200):
        truth = np.stack([np.hypot(yy - 250 - z, xx - 256) < radius for z in range(9)]).astype(np.uint8)
        image = (100 * truth + np.random.default_rng(0).normal(0, 10, truth.shape)).astype(np.int16)
        for what, sources in (("between", [0, 8]), ("beyond", [2])):
            labels = np.zeros_like(truth)
            labels[sources] = truth[sources]
            begun = time.process_time()
            filled = len(propagate(image, labels, sources, [1]).filled)
            rows.append((f"{what}, {2 * radius} px across", 1000 * (time.process_time() - begun) / filled))
    return rows


def main() -> None:
    """Count on all volumes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--no-network", action="store_true")
    parser.add_argument("--limit", type=int, help="so many volumes of each set")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    sets: dict[str, Iterator[Case]] = {"hippocampus": hippocampi(options.data, options.split, False)}
    if not options.no_network:
        sets["hippocampus, with its network"] = hippocampi(options.data, options.split, True)
    sets["samples"] = samples(options.data)
    for name, cases in sets.items():
        fill = heard if "network" in name else carried
        found: list[tuple[bool, tuple[int, ...]]] = []
        for case in list(cases)[: options.limit]:
            counts = tuple(slices_touched(method, case, way) for method in (linear, fill) for way in WAYS)
            drawn = int((case.truth > 0).any(axis=(1, 2)).sum())
            print(
                f"{case.name}: {drawn} slices; linear {counts[:2]}, carried {counts[2:]} ({', '.join(WAYS)})",
                flush=True,
            )
            found.append((case.seen, counts))
        for what, wanted in (("", (False,)), (", all, also those it was chosen on", (False, True))):
            table = np.array([counts for seen, counts in found if seen in wanted])
            if not len(table) or (what and all(not seen for seen, _ in found)):
                continue
            ends, worst, own_ends, own_worst = table.T
            ratios = (own_ends / ends, own_worst / worst, own_worst / ends)
            means = (round(float(part.mean()), 2) for part in (ends, worst, own_ends, own_worst))
            rows.append((name + what, len(table), *means, *(round(float(ratio.mean()), 3) for ratio in ratios)))
    told = [f"{method}, {way}" for method in ("linear", "carried") for way in WAYS]
    report(("set", "n", *told, "ratio, ends", "ratio, worst", "ratio, each its own"), rows, json_path=options.json)
    for what, value in milliseconds():
        print(f"{what}: {value:.0f} ms of processor a slice of 512 x 512; aim 100 ms")


if __name__ == "__main__":
    main()

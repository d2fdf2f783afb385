"""Trains the bundled weights on the real data: ``python benchmarks/train_bundled.py DATA RUNS TASK [--minutes M]``.

DATA holds one folder a set, each with images/, masks/ and split.json (train and val by file stem). RUNS keeps one run
folder a task; calling again goes on from its checkpoint. ``--publish`` copies the weights into the package and writes
the manifest.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

from napari_medseg.io import stem_of
from napari_medseg.project.runs import SPEC_FILE, WEIGHTS_FILE, Pair, RunSpec, Stage
from napari_medseg.weights.load import save_state
from napari_medseg.weights.store import bundled_folder, read_entry

HALF_FROM_BYTES = 1_000_000


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sets, classes, licence and stages of one bundled file."""

    sets: tuple[str, ...]
    classes: tuple[str, ...]
    licence: str
    stages: tuple[Stage, ...]
    validate_every: int
    epoch_images: int | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    precision: str = "auto"
    batch_size: int = 8
    augmentation: str = "full"
    spacing: tuple[float, ...] | None = None


def _stages(small: int, full: int) -> tuple[Stage, ...]:
    return (Stage(size=128, epochs=small), Stage(size=256, epochs=full))


PLANS = {
    "nuclei": Plan(("dsb2018_nuclei",), ("nucleus",), "cc0", _stages(60, 12), 4),
    "breast-ultrasound": Plan(("busi",), ("lesion",), "research-only", _stages(200, 10), 5),
    "dermoscopy": Plan(("isic2017", "isic2016_test"), ("lesion",), "cc0", _stages(20, 5), 5),
    "polyp": Plan(("kvasir_seg", "cvc_clinicdb"), ("polyp",), "research-only", _stages(70, 3), 5),
    "hippocampus": Plan(
        ("msd_hippocampus_3d",),
        ("anterior", "posterior"),
        "research-only",
        (Stage(size=(32, 64, 32), epochs=120),),
        10,
        learning_rate=1e-3,
        batch_size=2,
        augmentation="volume",
        spacing=(1.0, 1.0, 1.0),
    ),
}
VOLUMES = ("hippocampus",)


# one of each domain is drawn as often as of any other, however many images its sets hold
DOMAINS = {
    "dermoscopy": ("isic2017", "isic2016_test"),
    "breast ultrasound": ("busi",),
    "thyroid ultrasound": ("ddti",),
    "polyp": ("kvasir_seg", "cvc_clinicdb"),
    "nuclei": ("dsb2018_nuclei",),
    "brain MRI": ("lgg_mri",),
    "kidney-stone CT": ("kidney_stone_ct",),
}
VAL_PER_DOMAIN = 30


def _generalist(*stages: tuple[int, int], learning_rate: float | None = None, schedule: str | None = None) -> Plan:
    sets = tuple(name for names in DOMAINS.values() for name in names)
    sizes = tuple(Stage(size=size, epochs=epochs) for size, epochs in stages)
    return Plan(
        sets,
        ("foreground",),
        "research-only",
        sizes,
        validate_every=4,
        epoch_images=100 * len(DOMAINS),
        learning_rate=learning_rate,
        schedule=schedule,
        precision="bf16",
    )


# about two hours of one processor core each; a run this short ends better if its rate falls to nothing
GENERALISTS = {
    "lgms-net": _generalist((128, 36), (256, 3)),
    "dymas-net": _generalist((128, 18), learning_rate=1e-3, schedule="cosine"),
    "sgd-net-s": _generalist((128, 44), (256, 6), learning_rate=1e-3, schedule="cosine"),
    # stones are two pixels wide at 128
    "dcsnet-s": _generalist((256, 40), learning_rate=5e-4, schedule="cosine"),
}
# a second run from the first one's weights with a rate of its own: the first run's had fallen to nothing before it came
# to the larger images
POLISH = {
    "sgd-net-s": _generalist((256, 6), learning_rate=3e-4, schedule="cosine"),
}
POLISHED = "-polished"


def plan_of(network: str, task: str) -> Plan:
    """The plan of a bundled file."""
    return GENERALISTS[network] if task == "generalist" else PLANS[task]


def read_split(data: Path, name: str, part: str) -> list[Pair]:
    """Pairs of one part ('train' or 'val') of a set."""
    folder = data / name
    ids = json.loads((folder / "split.json").read_text(encoding="utf-8"))[part]
    images = {stem_of(path): path for path in (folder / "images").iterdir()}
    masks = {stem_of(path): path for path in (folder / "masks").iterdir()}
    return [
        Pair(name=f"{name}/{stem}", image=str(images[stem].resolve()), mask=str(masks[stem].resolve()))
        for stem in (stem_of(str(i)) for i in ids)
    ]


def spread(pairs: list[Pair], count: int) -> list[Pair]:
    """At most ``count`` of the pairs, evenly from the whole list: neighbours are often of one patient."""
    return pairs[:: max(1, len(pairs) // count)][:count]


def balanced(data: Path, part: str) -> list[Pair]:
    """Pairs of all domains, weighed so that each domain is drawn alike; of val, the first few of each."""
    found: list[Pair] = []
    for names in DOMAINS.values():
        pairs = [pair for name in names for pair in read_split(data, name, part)]
        if part == "val":
            pairs = spread(pairs, VAL_PER_DOMAIN)
        found += [dataclasses.replace(pair, weight=1000 / len(pairs)) for pair in pairs]
    return found


def build_spec(data: Path, network: str, task: str, *, minutes: float | None, seed: int) -> RunSpec:
    """The run that makes one bundled file."""
    plan = plan_of(network, task)

    def pairs(part: str) -> tuple[Pair, ...]:
        if task == "generalist":
            return tuple(balanced(data, part))
        return tuple(pair for name in plan.sets for pair in read_split(data, name, part))

    return RunSpec(
        network=network,
        task=task,
        train=pairs("train"),
        val=pairs("val"),
        stages=plan.stages,
        learning_rate=plan.learning_rate,
        schedule=plan.schedule,
        precision=plan.precision,
        batch_size=plan.batch_size,
        augmentation=plan.augmentation,
        spacing=plan.spacing,
        epoch_images=plan.epoch_images,
        seed=seed,
        time_budget_minutes=minutes,
        validate_every=plan.validate_every,
        classes=plan.classes,
        licence=plan.licence,
        trained_on=plan.sets,
        nice=10,
    )


def publish(runs: Path, network: str) -> None:
    """Copy finished weights into the package, those of larger networks in half precision, and write the manifest."""
    target = bundled_folder()
    target.mkdir(exist_ok=True)
    for task in (*PLANS, "generalist"):
        first = runs / f"{network}-{task}" / WEIGHTS_FILE
        source = runs / f"{network}-{task}{POLISHED}" / WEIGHTS_FILE
        polished = source.exists()
        source = source if polished else first
        if source.exists():
            entry = read_entry(source)
            path = target / f"{network}-{task}-{entry.version}.safetensors"
            if polished:
                # a path of this computer says nothing elsewhere; how the first run went does
                before = dict(read_entry(first).training)
                entry = dataclasses.replace(entry, training={**entry.training, "start_from": None, "before": before})
            if entry.size_bytes < HALF_FROM_BYTES:
                shutil.copyfile(source, path)
            else:
                state = {k: v.half() if v.is_floating_point() else v for k, v in load_file(source).items()}
                save_state(path, state, entry)
    entries = [read_entry(path).to_dict() for path in sorted(target.glob("*.safetensors"))]
    (target.parent / "manifest.json").write_text(json.dumps({"weights": entries}, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Train one task, or publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("task", nargs="?", choices=[*sorted(PLANS), "generalist"])
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--polish", action="store_true", help="the second run of a generalist")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    code = 0
    if options.task:
        folder = options.runs / f"{options.network}-{options.task}"
        folder.mkdir(parents=True, exist_ok=True)
        spec = build_spec(options.data, options.network, options.task, minutes=options.minutes, seed=options.seed)
        if options.polish:
            plan = POLISH[options.network]
            first, folder = folder, options.runs / f"{folder.name}{POLISHED}"
            folder.mkdir(exist_ok=True)
            spec = dataclasses.replace(
                spec, start_from=str(first / WEIGHTS_FILE), stages=plan.stages, learning_rate=plan.learning_rate
            )
        (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        code = subprocess.run([sys.executable, "-m", "src_train", "run", str(folder)], env=dict(os.environ)).returncode
    if options.publish:
        publish(options.runs, options.network)
    return code


if __name__ == "__main__":
    sys.exit(main())

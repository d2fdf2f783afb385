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

from napari_medseg.project.runs import SPEC_FILE, WEIGHTS_FILE, Pair, RunSpec, Stage
from napari_medseg.weights.store import bundled_folder, read_entry


@dataclasses.dataclass(frozen=True)
class Plan:
    """Sets, classes, licence and stages of one bundled file."""

    sets: tuple[str, ...]
    classes: tuple[str, ...]
    licence: str
    stages: tuple[Stage, ...]
    validate_every: int


def _stages(small: int, full: int) -> tuple[Stage, ...]:
    return (Stage(size=128, epochs=small), Stage(size=256, epochs=full))


PLANS = {
    "nuclei": Plan(("dsb2018_nuclei",), ("nucleus",), "cc0", _stages(60, 12), 4),
    "breast-ultrasound": Plan(("busi",), ("lesion",), "research-only", _stages(200, 10), 5),
    "dermoscopy": Plan(("isic2017", "isic2016_test"), ("lesion",), "cc0", _stages(20, 5), 5),
    "polyp": Plan(("kvasir_seg", "cvc_clinicdb"), ("polyp",), "research-only", _stages(70, 3), 5),
}


def read_split(data: Path, name: str, part: str) -> list[Pair]:
    """Pairs of one part ('train' or 'val') of a set."""
    folder = data / name
    ids = json.loads((folder / "split.json").read_text(encoding="utf-8"))[part]
    images = {path.stem: path for path in (folder / "images").iterdir()}
    masks = {path.stem: path for path in (folder / "masks").iterdir()}
    return [
        Pair(name=f"{name}/{stem}", image=str(images[stem].resolve()), mask=str(masks[stem].resolve()))
        for stem in (Path(str(i)).stem for i in ids)
    ]


def build_spec(data: Path, network: str, task: str, *, minutes: float | None, seed: int) -> RunSpec:
    """The run that makes one bundled file."""
    plan = PLANS[task]
    return RunSpec(
        network=network,
        task=task,
        train=tuple(pair for name in plan.sets for pair in read_split(data, name, "train")),
        val=tuple(pair for name in plan.sets for pair in read_split(data, name, "val")),
        stages=plan.stages,
        seed=seed,
        time_budget_minutes=minutes,
        validate_every=plan.validate_every,
        classes=plan.classes,
        licence=plan.licence,
        trained_on=plan.sets,
        nice=10,
    )


def publish(runs: Path, network: str) -> None:
    """Copy finished weights into the package and write the manifest."""
    target = bundled_folder()
    target.mkdir(exist_ok=True)
    for task in PLANS:
        source = runs / f"{network}-{task}" / WEIGHTS_FILE
        if source.exists():
            shutil.copyfile(source, target / f"{network}-{task}-{read_entry(source).version}.safetensors")
    entries = [read_entry(path).to_dict() for path in sorted(target.glob("*.safetensors"))]
    (target.parent / "manifest.json").write_text(json.dumps({"weights": entries}, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Train one task, or publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("task", nargs="?", choices=sorted(PLANS))
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    code = 0
    if options.task:
        folder = options.runs / f"{options.network}-{options.task}"
        folder.mkdir(parents=True, exist_ok=True)
        spec = build_spec(options.data, options.network, options.task, minutes=options.minutes, seed=options.seed)
        (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        code = subprocess.run([sys.executable, "-m", "src_train", "run", str(folder)], env=dict(os.environ)).returncode
    if options.publish:
        publish(options.runs, options.network)
    return code


if __name__ == "__main__":
    sys.exit(main())

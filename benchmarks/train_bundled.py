"""Trains the bundled weights on the real data: ``python benchmarks/train_bundled.py DATA RUNS NETWORK/TASK ...``.

DATA holds one folder a set, each with images/, masks/ and split.json (train and val by file stem); a folder given by
``--extra`` holds further pairs of these sets for training alone. RUNS keeps one run folder a file; calling again goes
on from the checkpoints. Several names are trained one after the other, in ``--lanes`` processes of one thread side by
side: two of one thread use two cores better than one of two. ``--publish`` copies the weights into the package and
writes the manifest.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from plans import DOMAINS, PLANS, VAL_PER_DOMAIN, Plan
from safetensors.torch import load_file

from napari_medseg.io import stem_of
from napari_medseg.project.run_spec import Budget, Data, Pair, Provenance, RunSpec, Schedule, Start
from napari_medseg.project.runs import SPEC_FILE, WEIGHTS_FILE, finished
from napari_medseg.weights import WeightsEntry, list_weights
from napari_medseg.weights.eight_bits import SCALES, packed
from napari_medseg.weights.hub import PACKAGED, find_pretrained
from napari_medseg.weights.load import save_state
from napari_medseg.weights.store import bundled, bundled_folder, manifest_path, read_entry, superseded

HALF_FROM_BYTES = 1_000_000


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


def read_extra(extra: Path | None, name: str) -> list[Pair]:
    """All pairs of a set that are for training alone; none where there is no such folder."""
    folder = None if extra is None else extra / name
    if folder is None or not folder.is_dir():
        return []
    masks = {stem_of(path): path for path in (folder / "masks").iterdir()}
    return [
        Pair(name=f"{name}/{stem_of(path)}", image=str(path.resolve()), mask=str(masks[stem_of(path)].resolve()))
        for path in sorted((folder / "images").iterdir())
    ]


def pairs_of(data: Path, extra: Path | None, plan: Plan, part: str) -> tuple[Pair, ...]:
    """Pairs of a plan; of several domains weighed as the plan says, and of their val evenly the first few of each."""
    found: list[Pair] = []
    for domain in plan.domains:
        names = DOMAINS[domain].sets if plan.sets is None else plan.sets
        pairs = [pair for name in names for pair in read_split(data, name, part)]
        if part == "train":
            # images without anything on them, too
            normal = DOMAINS[domain].empty
            pairs += [pair for name in (*names, *normal) for pair in read_extra(extra, name)]
            pairs += [pair for name in normal for pair in read_split(data, name, part)]
        elif len(plan.domains) > 1:
            pairs = spread(pairs, VAL_PER_DOMAIN)
        share = DOMAINS[domain].share * 1000 / len(pairs)
        found += [dataclasses.replace(pair, weight=share) for pair in pairs]
    return tuple(found)


def build_spec(
    data: Path, extra: Path | None, name: str, runs: Path, *, seed: int, plan: Plan | None = None
) -> RunSpec:
    """The run that makes one bundled file; by another plan than its own where one is given."""
    plan = PLANS[name] if plan is None else plan
    network, _, task = name.partition("@")[0].partition("/")
    pretrained = None if plan.pretrained is None else str(find_pretrained(plan.pretrained))
    start = None if plan.start is None else str((runs / plan.start.replace("/", "-") / WEIGHTS_FILE).resolve())
    kept: dict[str, Any] = {"keep_from": start, "keep_share": plan.keep} if plan.keep else {}
    sets = plan.sets or tuple(one for domain in plan.domains for one in DOMAINS[domain].sets)
    return RunSpec(
        network=network,
        task=task,
        data=Data(
            train=pairs_of(data, extra, plan, "train"),
            val=pairs_of(data, extra, plan, "val"),
            classes=plan.classes,
            augmentation=plan.augmentation,
            spacing=plan.spacing,
        ),
        start=Start(start_from=start, pretrained=pretrained, **kept),
        schedule=Schedule(
            stages=plan.stages,
            batch_size=plan.batch_size,
            epoch_images=plan.epoch_images,
            learning_rate=plan.learning_rate,
            curve=plan.schedule,
            encoder_rate=plan.encoder_rate,
            average=plan.average,
            seed=seed,
            validate_every=plan.validate_every,
        ),
        budget=Budget(precision=plan.precision, nice=plan.nice),
        provenance=Provenance(licence=plan.licence, trained_on=sets, version=plan.version),
    )


def code_of(returncode: int) -> int:
    """The exit code of a process, as a shell tells it of one that a signal ended."""
    return returncode if returncode >= 0 else 128 - returncode


def train(options: argparse.Namespace, name: str) -> int:
    """Train one file to its end, or from where it stopped."""
    folder = options.runs / name.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    if finished(folder):
        print(f"{name}: done", flush=True)
        return 0
    spec = build_spec(options.data, options.extra, name, options.runs, seed=options.seed)
    (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    threads = {**os.environ, "OMP_NUM_THREADS": "1"} if options.lanes > 1 else dict(os.environ)
    command = [sys.executable, "-m", "src_train", "run", str(folder)]
    code = code_of(subprocess.run(command, env=threads, stdin=subprocess.DEVNULL).returncode)
    print(f"{name}: exit {code}", flush=True)
    return code


def half(
    source: Path,
    target: Path,
    *,
    entry: WeightsEntry | None = None,
    eight_bits: bool = False,
    whole: tuple[str, ...] = (),
) -> None:
    """Copy weights, those of larger networks in half precision, and large kernels that are not ``whole`` in bytes."""
    state = load_file(source)
    if source.stat().st_size >= HALF_FROM_BYTES:
        state = packed(state, leave=whole) if eight_bits else state
        # scales are what the others are measured in
        state = {k: v.half() if v.is_floating_point() and not k.startswith(SCALES) else v for k, v in state.items()}
    save_state(target, state, read_entry(source) if entry is None else entry)


def publish(runs: Path) -> None:
    """Copy finished weights into the package, those of larger networks in half precision, and write the manifest."""
    target = bundled_folder()
    target.mkdir(exist_ok=True)
    for name in (one for one in PLANS if "@" not in one):
        source = runs / name.replace("/", "-") / WEIGHTS_FILE
        if finished(source.parent):
            entry = read_entry(source)
            path = target / f"{name.replace('/', '-')}-{entry.version}.safetensors"
            if path.exists():
                # history keeps every byte: once is enough
                continue
            # a path of this computer says nothing elsewhere
            training = {**entry.training, "start_from": PLANS[name].start, "command": f"train_bundled.py {name}"}
            side = PLANS[name].side
            size = entry.input_size if side is None else (side,) * len(entry.input_size)
            entry = dataclasses.replace(entry, training=training, input_size=size)
            half(source, path, entry=entry, eight_bits=True, whole=PLANS[name].whole)
    # what was measured with a file goes with it (accuracy.py --manifest)
    known = {entry.sha256: entry for entry in list_weights()}
    found = [read_entry(path) for path in sorted(target.glob("*.safetensors"))]
    entries = [with_what_is_known(entry, known.get(entry.sha256)).to_dict() for entry in found]
    told, files = superseded(), {entry.file for entry in found}
    gone = superseded_by([entry for entry in bundled() if entry.file not in files and entry.id not in told], found)
    # what stood in the place of others may be gone itself by now
    told = {name: {**one, "by": gone.get(one["by"], one)["by"]} for name, one in told.items()}
    values = {"weights": entries, "superseded": {**told, **gone}}
    manifest_path().write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def with_what_is_known(entry: WeightsEntry, before: WeightsEntry | None) -> WeightsEntry:
    """What was measured with a file, and of whose works it is made, where it was written before files told that."""
    notices = entry.notices or (() if before is None else before.notices)
    if not notices and entry.options.get("backbone") == "efficientnet-lite0":
        # no file of ours began with a random one
        notices = (PACKAGED["efficientnet-lite0"].notice,)
    return dataclasses.replace(entry, kinds={} if before is None else before.kinds, notices=notices)


def superseded_by(gone: list[WeightsEntry], kept: list[WeightsEntry]) -> dict[str, dict[str, str]]:
    """What stands in the place of files that no longer ship: the network's newest for the task, or for all kinds."""
    found = {}
    for entry in gone:
        fit = [one for one in kept if one.network == entry.network and one.task in (entry.task, "generalist")]
        if not fit:
            raise SystemExit(f"{entry.id}: nothing in its place; add what supersedes it to the manifest, then publish.")
        best = max(fit, key=lambda one: (one.task == entry.task, one.version))
        found[entry.id] = {"by": best.id, "sha256": entry.sha256}
    return found


def main() -> int:
    """Train some files, or publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("names", nargs="*", metavar="NETWORK/TASK", help=f"all, or of: {', '.join(PLANS)}")
    parser.add_argument("--extra", type=Path, help="folder of further pairs for training alone")
    parser.add_argument("--lanes", type=int, default=1, help="processes side by side")
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_intermixed_args()
    names = list(PLANS) if options.names == ["all"] else options.names
    if unknown := [name for name in names if name not in PLANS]:
        parser.error(f"no plan is called {unknown[0]}; expected all, or some of: {', '.join(PLANS)}")
    with ThreadPoolExecutor(max(1, options.lanes)) as lanes:
        codes = list(lanes.map(lambda name: train(options, name), names))
    if options.publish:
        publish(options.runs)
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())

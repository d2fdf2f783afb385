"""A few minutes of a graphics card, used well: checks, speeds, and trainings by the clock.

Made for a card that is lent for minutes to a machine without a network; it serves on any card. Beforehand, anywhere::

    python benchmarks/gpu.py prepare DATA EXTRA PACK.zip     # all pictures at 256 px (stones 512) as one file

On the card::

    python benchmarks/gpu.py check OUT                       # every test marked gpu, then a table of speeds
    python benchmarks/gpu.py train PACK.zip OUT NETWORK/TASK ... --minutes 7   # plans of plans.py, side by side

The learning rate follows the clock, so that it has come down when the time is over, however fast the card. OUT gets
each network's weights in half precision, its events, and what was printed. ``--device cpu`` rehearses all of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from plans import DOMAINS, PLANS
from train_bundled import build_spec, code_of, half, read_extra, read_split

from napari_medseg.project.run_spec import Budget, Pair, Stage
from napari_medseg.project.runs import EVENTS_FILE, SPEC_FILE, WEIGHTS_FILE, read_events
from napari_medseg.weights import resolve_weights
from napari_medseg.weights.hub import find_pretrained

SIDE, SIDES = 256, {"kidney_stone_ct": 512}
QUALITY = 72
ENCODER, HEAD = "encoder.safetensors", ("_conv_head", "_bn1", "_fc")
# what the pack has pictures for
OF_IMAGES = sorted(name for name, plan in PLANS.items() if len(plan.stages[-1].sides) == 2)
# each process loads and decodes with so many threads at most; the card does the rest
THREADS = 4
# of a batch at 256 px, fewer where they are larger: a card is idle with the few images that suit a CPU
BATCHES = {"sgd-net-s": 48, "lgms-net": 48, "dymas-net": 32, "cmunext-xxs": 64, "dcsnet-s": 64}


def prepare(data: Path, extra: Path, pack: Path) -> None:
    """Write all pairs of the two-dimensional domains into one file, laid out as the folders they come from."""
    import torch
    from safetensors.torch import save

    sets = [name for domain in DOMAINS.values() for name in (*domain.sets, *domain.empty) if not name.endswith("_3d")]
    state = torch.load(find_pretrained("efficientnet-lite0"), map_location="cpu", weights_only=True)
    with zipfile.ZipFile(pack, "w") as file:
        # without the classifier, in half precision
        kept = {k: v.half() if v.is_floating_point() else v for k, v in state.items() if not k.startswith(HEAD)}
        file.writestr(ENCODER, save({k: v.contiguous() for k, v in kept.items()}))
        for name in sets:
            parts = {part: read_split(data, name, part) for part in ("train", "val")}
            stems = {part: [pair.name.partition("/")[2] for pair in pairs] for part, pairs in parts.items()}
            file.writestr(f"data/{name}/split.json", json.dumps(stems))
            for root, pairs in (("data", [*parts["train"], *parts["val"]]), ("extra", read_extra(extra, name))):
                with ThreadPoolExecutor() as pool:
                    for pair, (image, mask) in zip(
                        pairs, pool.map(lambda p, n=name: squeezed(p, n), pairs), strict=True
                    ):
                        stem = pair.name.partition("/")[2]
                        file.writestr(f"{root}/{name}/images/{stem}.webp", image)
                        file.writestr(f"{root}/{name}/masks/{stem}.png", mask)
    print(f"{pack}: {pack.stat().st_size / 2**20:.1f} MiB, {len(sets)} sets")


def squeezed(pair: Pair, name: str) -> tuple[bytes, bytes]:
    """An image and its mask at the size of training, encoded."""
    from PIL import Image

    side = SIDES.get(name, SIDE)
    with Image.open(pair.image) as image, Image.open(pair.mask) as mask:
        small = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
        share = mask.convert("L").point(lambda value: 255 * (value > 0))
        area = share.resize((side, side), Image.Resampling.BOX).point(lambda value: 255 * (value > 127))
    streams = io.BytesIO(), io.BytesIO()
    small.save(streams[0], "WEBP", quality=QUALITY, method=4)
    area.convert("1").save(streams[1], "PNG", optimize=True)
    return streams[0].getvalue(), streams[1].getvalue()


def unpack(pack: Path, folder: Path) -> None:
    """Back into folders of files that everything here reads; the pictures as PNG, quickly written."""
    from PIL import Image

    with zipfile.ZipFile(pack) as file:
        names = [name for name in file.namelist() if not name.endswith(".webp")]
        file.extractall(folder, names)
        pictures = [(name, file.read(name)) for name in file.namelist() if name.endswith(".webp")]

    def write(item: tuple[str, bytes]) -> None:
        path = (folder / item[0]).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(io.BytesIO(item[1])) as image:
            image.save(path, compress_level=1)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, pictures))


def train(options: argparse.Namespace) -> int:
    """Several plans side by side, each until the time is over."""
    work = options.out / "work" if options.work is None else options.work
    unpack(options.pack, work)
    started = []
    # where threads wait for one another's core, all of them wait
    threads = max(1, min(THREADS, (os.cpu_count() or 1) // len(options.names)))
    for name in options.names:
        network = name.partition("/")[0]
        plan = dataclasses.replace(PLANS[name], pretrained=None)
        spec = build_spec(work / "data", work / "extra", name, work / "runs", plan=plan, seed=options.seed)
        size = options.size or PLANS[name].stages[-1].sides[0]
        pretrained = None if PLANS[name].pretrained is None else str((work / ENCODER).resolve())
        begins = PLANS[name].start
        # what a plan begins with is the file that ships, not one trained here
        start = None if begins is None else str(resolve_weights(*begins.partition("@")[0].split("/"))[1].resolve())
        spec = dataclasses.replace(
            spec,
            start=dataclasses.replace(
                spec.start,
                pretrained=pretrained,
                start_from=start,
                keep_from=None if spec.start.keep_from is None else start,
            ),
            schedule=dataclasses.replace(
                spec.schedule,
                stages=(Stage(size=size, epochs=100_000),),
                batch_size=options.batch or max(4, BATCHES.get(network, 32) * SIDE**2 // size**2),
                # an epoch of some seconds: the time is looked at after each
                epoch_images=options.epoch_images,
                validate_every=options.validate_every,
            ),
            budget=Budget(time_budget_minutes=options.minutes, clock=True, device=options.device),
        )
        folder = work / "runs" / name.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        log = (options.out / f"{folder.name}.txt").open("w")
        command = [sys.executable, "-m", "src_train", "run", str(folder)]
        own = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        started.append((name, folder, log, subprocess.Popen(command, stdout=log, stderr=log, env=own)))
    codes = []
    for name, folder, log, process in started:
        codes.append(code_of(process.wait()))
        log.close()
        events = read_events(folder / EVENTS_FILE)[0]
        told = [event for event in events if event["event"] == "epoch"]
        # the last epoch ends with the time
        shares = sum(1 / event["batches"] for event in events if event["event"] == "batch")
        images = options.epoch_images * shares / max(sum(event.get("seconds", 0.0) for event in told), 1e-6)
        best = told[-1]["best_dice"] if told else None
        print(f"{name}: exit {codes[-1]}, {len(told)} epochs, {images:.0f} images/s, Dice on val {best}", flush=True)
        (options.out / f"{folder.name}.jsonl").write_text("\n".join(json.dumps(event) for event in told))
        if (folder / WEIGHTS_FILE).exists():
            half(folder / WEIGHTS_FILE, options.out / f"{folder.name}.safetensors")
    # some lend a card and give few files back
    with zipfile.ZipFile(options.out / "logs.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((*options.out.glob("*.jsonl"), *options.out.glob("*.txt"))):
            file.write(path, path.name)
            path.unlink()
    if options.work is None:
        shutil.rmtree(work)
    return max(codes, default=0)


def check(options: argparse.Namespace) -> int:
    """Tests that need a card, then speeds of every network; each in its own time."""
    here = Path(__file__).parent
    folder = here.parent / "tests" / "inference"
    # each with its name: what was done stays told when the time is over
    tests = [sys.executable, "-m", "pytest", "-v", "--tb=short", "-c", os.devnull, "--rootdir", str(here.parent)]
    tests += ["-p", "no:cacheprovider", "--import-mode=importlib"]
    tests += ["-o", "markers=gpu: needs a CUDA device"]
    # bare machines lack what other tests need
    tests += [str(folder / "card" / "test_on_gpu.py"), str(folder / "test_gpu.py")]
    speed = [sys.executable, str(here / "gpu_speed.py"), "--json", str((options.out / "gpu_speed.json").resolve())]
    speed += ["--minutes", str(options.minutes)]
    if options.device == "cpu":
        speed += ["--device", "cpu", "--quick"]
    codes = []
    for command, minutes in ((tests, options.test_minutes), (speed, options.minutes + 1)):
        try:
            codes.append(code_of(subprocess.run(command, cwd=here.parent, timeout=60 * minutes).returncode))
        except subprocess.TimeoutExpired:
            print(f"{command[-1]}: not done in {minutes:g} minutes", flush=True)
            codes.append(124)
    return max(codes)


def main() -> int:
    """One of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("prepare")
    one.add_argument("data", type=Path)
    one.add_argument("extra", type=Path)
    one.add_argument("pack", type=Path)
    two = kinds.add_parser("check")
    two.add_argument("out", type=Path)
    two.add_argument("--device", default="auto")
    two.add_argument("--minutes", type=float, default=3.5, help="for speeds")
    two.add_argument("--test-minutes", type=float, default=4.5)
    three = kinds.add_parser("train")
    three.add_argument("pack", type=Path)
    three.add_argument("out", type=Path)
    three.add_argument("names", nargs="+", choices=OF_IMAGES, metavar="NETWORK/TASK")
    three.add_argument("--minutes", type=float, default=7.0)
    three.add_argument("--device", default="auto")
    three.add_argument("--work", type=Path, help="folder for pictures and runs, kept; otherwise below OUT and removed")
    three.add_argument("--size", type=int, help="px; otherwise the plan's last")
    three.add_argument("--batch", type=int)
    three.add_argument("--epoch-images", type=int, default=2000)
    three.add_argument("--validate-every", type=int, default=5)
    three.add_argument("--seed", type=int, default=41)
    options = parser.parse_args()
    if options.kind == "prepare":
        prepare(options.data, options.extra, options.pack)
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    return check(options) if options.kind == "check" else train(options)


if __name__ == "__main__":
    sys.exit(main())

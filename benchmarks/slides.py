"""Images larger than memory: ``python benchmarks/slides.py DATA FOLDER [--only area first ...] [--json FILE]``.

Slides are made in FOLDER by ``slide_maker.py`` (kept for the next time), of the val images of MoNuSeg, with truth.

* ``area``: time and peak memory of ``medseg predict`` in a process of its own against tissue area, one side, three
  shares; and without background skipping, as plain tiling (dask-image and the like) does it.
* ``large``: the same of 50 000 x 50 000 px.
* ``first``: from an open slide to the mask of 1024 x 1024 px that one looks at, network loaded.
* ``stroke``: from a stroke to the disk, on a case of 50 000 x 50 000 px and on one of 1000 x 1000 px, interleaved.
* ``untiled``: Dice of tiles against one pass over the whole, where both fit.
* ``workers``: 1 and 2 processes.
* ``killed``: a process killed half way, several times: blocks done twice, and whether the mask is the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from facts import report
from slide_maker import Maker, pairs_of, write_slide, write_truth

from napari_medseg.app.large_files import target_of
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.slide_plan import plan_slide
from napari_medseg.app.slides import SlideRun, facts_of, partial_of
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large_open import open_large
from napari_medseg.project import Project

COLUMNS = ("what", "size", "tissue, Mpx", "tiles", "seconds", "CPU s", "peak MB", "Dice", "note")
SIDE, SHARES, LARGE, LARGE_SHARE = 12_000, (0.05, 0.1, 0.2), 50_000, 0.05


class Bench:
    """The measurements; rows gather in ``rows``."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.data, self.folder = options.data, options.folder
        self.request = PredictRequest(network=options.network, weights=options.weights, engine=options.engine)
        self.rows: list[tuple] = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, what: str, side: int, *, note: str = "", **facts: Any) -> None:
        """A row; what is not said is not known."""
        named = {"what": what, "size": f"{side} x {side}", "note": note, **facts}
        self.rows.append(tuple(named.get(column) for column in COLUMNS))

    def slide(self, side: int, share: float) -> tuple[Path, Path]:
        """A slide and its truth, made where they are not there."""
        path = self.folder / f"slide_{side}_{round(1000 * share)}.tif"
        truth = path.with_suffix(".truth.ome.zarr")
        maker = Maker(pairs_of(self.data, "monuseg_nuclei"), side, share, 0)
        if not path.exists():
            write_slide(maker, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        if not truth.exists():
            write_truth(maker, partial_of(truth))
            partial_of(truth).replace(truth)
        return path, truth

    def command(self, path: Path, out: Path, *more: str) -> list[str]:
        """``medseg predict`` of a slide."""
        command = [sys.executable, "-m", "napari_medseg.cli", "predict", str(path), "--out", str(out)]
        command += ["--network", self.request.network, "--weights", self.request.weights]
        return [*command, "--engine", self.request.engine, *more]

    def timed(self, path: Path, out: Path, *more: str) -> tuple[float, float, float]:
        """Seconds, CPU seconds and the peak of memory (MB) of it and its children."""
        shutil.rmtree(out, ignore_errors=True)
        started = time.perf_counter()
        process = subprocess.Popen(self.command(path, out, *more), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        peak, cpu = 0.0, 0.0
        one = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [one, *one.children(recursive=True)]
                peak = max(peak, sum(each.memory_info().rss for each in family) / 1e6)
                cpu = max(cpu, sum(sum(each.cpu_times()[:2]) for each in family))
            except psutil.Error:
                pass
            time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"medseg predict ended with {process.returncode}")
        return time.perf_counter() - started, cpu, peak

    def plan_of(self, path: Path) -> tuple[int, float]:
        """Tiles, and the area (Mpx of the full level) of those of tissue."""
        with open_large(path) as slide:
            plan = plan_slide(slide, self.request)
        return plan.count, plan.count * (plan.grid.step * plan.down[0]) ** 2 / 1e6

    def dice(self, mask: Path, truth: Path) -> float:
        """Of all pixels, block by block."""
        one, other, both, total = LabelBlocks(mask), LabelBlocks(truth), 0, 0
        for index in one.blocks():
            box = one.box(index)
            a, b = one.read(box) > 0, other.read(box) > 0
            both += int((a & b).sum())
            total += int(a.sum()) + int(b.sum())
        return 2 * both / max(1, total)

    def whole(self, what: str, side: int, share: float) -> None:
        """One slide by the command."""
        path, truth = self.slide(side, share)
        out = self.folder / "out"
        tiles, area = self.plan_of(path)
        seconds, cpu, peak = self.timed(path, out)
        dice = self.dice(target_of(out, path.stem), truth)
        self.add(what, side, **{**_used(seconds, cpu, peak), "tissue, Mpx": area, "tiles": tiles, "Dice": dice})

    def area(self) -> None:
        for share in SHARES:
            self.whole("tissue only", SIDE, share)
        path, truth = self.slide(SIDE, SHARES[0])
        with open_large(path) as slide:
            plan = plan_slide(slide, self.request)
            everywhere = frozenset(plan.grid.meeting((0, 0, *plan.grid.shape)))
            started, cpu = time.perf_counter(), time.process_time()
            plain = replace(plan, tiles=everywhere)
            with tempfile.TemporaryDirectory() as folder:
                store = LabelBlocks.create(Path(folder) / "a.ome.zarr", slide.grid, facts_of(plain))
                run = SlideRun(slide, plain, store)
                for unit in run.units():
                    run.work(unit)
                peak = psutil.Process().memory_info().rss / 1e6
                used = _used(time.perf_counter() - started, time.process_time() - cpu, peak)
                dice = self.dice(store.path, truth)
        facts = {**used, "tissue, Mpx": SIDE * SIDE / 1e6, "tiles": plain.count, "Dice": dice}
        self.add("all of it (plain tiling)", SIDE, note="no start-up", **facts)

    def large(self) -> None:
        self.whole("tissue only", LARGE, LARGE_SHARE)

    def first(self) -> None:
        path, _ = self.slide(LARGE, LARGE_SHARE)
        predict_array(np.zeros((256, 256, 3), np.uint8), self.request)
        times = []
        for turn in range(11):
            started = time.perf_counter()
            with open_large(path) as slide, tempfile.TemporaryDirectory() as folder:
                plan = plan_slide(slide, self.request)
                opened = time.perf_counter() - started
                store = LabelBlocks.create(Path(folder) / "a.ome.zarr", slide.grid, facts_of(plan))
                y, x = round(0.28 * LARGE) + 512 * turn, round(0.27 * LARGE)
                before = time.perf_counter()
                SlideRun(slide, plan, store).see((y, x, y + 1024, x + 1024))
                times.append((time.perf_counter() - before, opened))
        seen, planned = ([pair[n] for pair in times[1:]] for n in (0, 1))
        note = f"n {len(seen)}, longest {max(seen):.2f} s; opening and planning {median(planned):.2f} s"
        self.add("first 1024 x 1024 seen", LARGE, seconds=median(seen), note=note)

    def stroke(self) -> None:
        random = np.random.default_rng(0)
        times: dict[int, list[float]] = {1000: [], LARGE: []}
        with tempfile.TemporaryDirectory() as folder, Project.create(Path(folder) / "project") as project:
            cases = {}
            for side in times:
                file = Path(folder) / f"{side}.tif"
                file.write_bytes(str(side).encode())
                cases[side] = project.add_case(file, shape=(side, side)).id
            for turn in range(60):
                for side, case in cases.items():
                    y, x = (int(n) for n in random.integers(0, side - 60, 2))
                    box = (y, x, y + 50, x + 50)
                    started = time.perf_counter()
                    project.commit_stroke(case, np.full((50, 50), 1 + turn % 3, np.uint8), box=box)
                    times[side].append(1000 * (time.perf_counter() - started))
        for side, found in times.items():
            note = f"n {len(found)}, median {median(found):.1f} ms, longest {max(found):.1f} ms"
            self.add("a stroke to the disk", side, seconds=median(found) / 1000, note=note)

    def untiled(self) -> None:
        path, _ = self.slide(SIDE, SHARES[0])
        with open_large(path) as slide, tempfile.TemporaryDirectory() as folder:
            plan = plan_slide(slide, self.request)
            run = SlideRun(slide, plan, LabelBlocks.create(Path(folder) / "a.ome.zarr", slide.grid, facts_of(plan)))
            y, x, side = round(0.28 * SIDE) - 1024, round(0.27 * SIDE) - 1024, 2048
            tiled = run.see((y, x, y + side, x + side)) > 0
            level = tuple(round(n / plan.down[0]) for n in (y, x, y + side, x + side))
            part = slide.read(level, plan.level)
        whole = predict_array(part, replace(self.request, size=len(part))).labels
        ours = tiled[:: round(plan.down[0]), :: round(plan.down[0])]
        other = whole[: ours.shape[0], : ours.shape[1]] > 0
        dice = 2 * int((ours & other).sum()) / max(1, int(ours.sum()) + int(other.sum()))
        note = f"{100 * float(np.mean(ours != other)):.2f} % of pixels differ"
        self.add("tiles against one pass", side, note=note, Dice=dice)

    def workers(self) -> None:
        path, truth = self.slide(SIDE, SHARES[-1])
        tiles, area = self.plan_of(path)
        for count in (1, 2):
            out = self.folder / "out"
            seconds, cpu, peak = self.timed(path, out, "--workers", str(count))
            dice = self.dice(target_of(out, path.stem), truth)
            facts = {**_used(seconds, cpu, peak), "tissue, Mpx": area, "tiles": tiles, "Dice": dice}
            self.add(f"{count} worker(s)", SIDE, note="with start-up", **facts)

    def killed(self) -> None:
        path, _ = self.slide(SIDE, SHARES[-1])
        out, calm = self.folder / "out", self.folder / "calm"
        self.timed(path, calm)
        shutil.rmtree(out, ignore_errors=True)
        kills, twice = 0, 0
        stamps: dict[str, int] = {}
        while not target_of(out, path.stem).exists():
            process = subprocess.Popen(self.command(path, out), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            before = len(_blocks(out))
            timer = threading.Event()
            while process.poll() is None:
                timer.wait(0.05)
                if kills < 5 and len(_blocks(out)) > before + 3:
                    os.kill(process.pid, signal.SIGKILL)
                    process.wait()
                    kills += 1
            now = {one.name + one.parent.name: one.stat().st_mtime_ns for one in _blocks(out)}
            twice += sum(now.get(name) != stamp for name, stamp in stamps.items())
            stamps = now
        one, other = LabelBlocks(target_of(out, path.stem)), LabelBlocks(target_of(calm, path.stem))
        same = all(np.array_equal(one.read(one.box(index)), other.read(one.box(index))) for index in one.blocks())
        note = f"{kills} kills: {twice} blocks done twice; the mask is {'the same' if same else 'ANOTHER'}"
        self.add("killed and gone on", SIDE, note=note)


def _used(seconds: float, cpu: float, peak: float) -> dict[str, Any]:
    return {"seconds": seconds, "CPU s": cpu, "peak MB": peak}


def _blocks(out: Path) -> list[Path]:
    return [one for one in out.glob("*.ome.zarr/0/c/*/*") if one.is_file()]


PARTS = ("area", "large", "first", "stroke", "untiled", "workers", "killed")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bench = Bench(options)
    for part in options.only:
        getattr(bench, part)()
        # after each: what was measured stays when somebody stops it
        report(COLUMNS, bench.rows, json_path=options.json)


if __name__ == "__main__":
    main()

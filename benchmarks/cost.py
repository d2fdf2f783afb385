"""Does cost follow the change? ``python benchmarks/cost.py [--against CHECKOUT] [--parts strokes cases weights]``.

One step each, its median over ``--times``: a stroke of 20 x 20 pixels, its undo and redo, and a proposal that changes as
much, in an image and in volumes of growing depth; one more image in a project of 10, 1 000 and 10 000; weights of the
largest network chosen and loaded. ``--against`` measures another checkout beside this one, step by step in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = ((1024, 1024), (200, 512, 512), (400, 512, 512))
COUNTS = (10, 1_000, 10_000)
PARTS = ("strokes", "cases", "weights")
NETWORK = "dcsnet"
Rows = list[tuple[str, float, float]]


def timed(step: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds of a step: on the clock, and of this process."""
    clock, own = time.perf_counter(), time.process_time()
    step()
    return 1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - own)


def row(name: str, found: list[tuple[float, float]]) -> tuple[str, float, float]:
    """A step's medians."""
    clock, own = zip(*found, strict=True)
    return name, statistics.median(clock), statistics.median(own)


def strokes(folder: Path, times: int) -> Rows:
    """A stroke, an undo, a redo, a proposal."""
    from PIL import Image

    from napari_medseg.app.correct import CorrectionSession, case_labels
    from napari_medseg.app.tracker import StrokeTracker
    from napari_medseg.project import Project

    rows: Rows = []
    for number, shape in enumerate(SHAPES):
        file = folder / f"{number}.png"
        Image.new("L", (8, 8), number).save(file)
        with Project.create(folder / f"strokes-{number}") as project:
            case = project.add_case(file, shape=shape).id
            # as it is at work: a proposal is there, and someone has looked at it
            shown = np.zeros(shape, np.uint8)
            shown[..., 100:400, 100:400] = 1
            project.set_proposal(case, shown, {})
            session = CorrectionSession(project, case)
            tracker = StrokeTracker(session, case_labels(project, case))
            part = np.ones((20, 20), np.uint8)
            found: dict[str, list[tuple[float, float]]] = {}

            def measure(name: str, step: Callable[[], Any], found: dict = found) -> None:
                found.setdefault(name, []).append(timed(step))

            for turn in range(times + 1):
                if turn == 1:
                    # the first is not counted
                    found.clear()
                y, x = 512 * (len(shape) - 1) + 30 * turn, 450
                box = (y, x, y + 20, x + 20)
                measure("stroke", lambda: project.commit_stroke(case, part, box=box))
                measure("undo", lambda: project.undo(case))
                measure("shown after undo", lambda: (project.can_undo(case), project.can_redo(case)))
                measure("redo", lambda: project.redo(case))
                proposed = project.labels(case)
                proposed.reshape(-1, shape[-1])[y : y + 20, 20:40] = 2
                measure("propose", lambda p=proposed: project.set_proposal(case, p, {}))
                tracker.reset(case_labels(project, case))
                drawn = tracker.shown()
                drawn.reshape(-1, shape[-1])[y : y + 20, 420:440] = 2
                measure("compared on the GUI thread", lambda d=drawn: tracker.update(d, "brush"))
                session.flush(60)
                measure("undo, back in the window", lambda d=drawn: window_undo(session, tracker, d))
            rows += [row(f"{name}, {' x '.join(map(str, shape))}", values) for name, values in found.items()]
            session.close()
    return rows


def window_undo(session: Any, tracker: Any, drawn: np.ndarray) -> None:
    """What an undo in the window comes to, without napari's part."""
    moved = session.undo().result(60)
    tracker.rebase(moved, drawn)


def cases(folder: Path, times: int) -> Rows:
    """One more image."""
    from PIL import Image

    from napari_medseg.app.images import add_images
    from napari_medseg.project import Project

    rng = np.random.default_rng(0)
    rows: Rows = []
    for count in COUNTS:
        images = folder / f"images-{count}"
        images.mkdir()
        for number in range(times):
            # unlike each other, so that none is a near copy
            pixels = np.kron(rng.integers(0, 255, (16, 16)), np.ones((4, 4))).astype(np.uint8)
            Image.fromarray(pixels).save(images / f"{number}.png")
        path = folder / f"cases-{count}"
        Project.create(path).close()
        db = sqlite3.connect(path / "project.sqlite")
        looks = rng.integers(0, 256, (count, 32), dtype=np.uint8)
        looks[:, -1] &= 254
        db.executemany(
            "INSERT INTO cases (name, image, sha256, height, width, unit, group_key, split, look) "
            "VALUES (?, ?, ?, 64, 64, 'px', ?, 'train', ?)",
            [(str(i), str(images / "0.png"), f"{i:064x}", f"{i}", looks[i].tobytes().hex()) for i in range(count)],
        )
        db.commit()
        db.close()
        with Project.open(path) as project:
            one = [timed(lambda: project.case(count // 2)) for _ in range(times)]
            look = looks[-1].tobytes().hex()
            near = [timed(lambda look=look: project.looks_like(look)) for _ in range(times)]
            added = [timed(lambda i=i: add_images(project, [images / f"{i}.png"])) for i in range(times)]
        for name, values in (("one image's row", one), ("near copies of a look", near), ("one more image", added)):
            rows.append(row(f"{name}, {count} there", values))
    return rows


def weights(folder: Path, times: int) -> Rows:
    """Weights chosen in the panel, and loaded for the first prediction."""
    from napari_medseg.app.predict import PredictRequest, describe_plan, load_predictor
    from napari_medseg.networks import create_network
    from napari_medseg.weights import WeightsEntry, save_weights

    path = folder / "w.safetensors"
    save_weights(path, create_network(NETWORK), WeightsEntry(id=f"{NETWORK}/t@1", network=NETWORK, task="t"))
    # as it lies there when the program is started another day
    os.utime(path, (1e9, 1e9))
    time.sleep(0 if times < 2 else 4)
    request = PredictRequest(network=NETWORK, weights=str(path), device="cpu")
    size = f"{path.stat().st_size / 1e6:.0f} MB"
    steps = [
        ("chosen (GUI thread)", lambda: describe_plan((300, 400, 3), request)),
        ("chosen again", lambda: describe_plan((300, 400, 3), request)),
        ("loaded for a prediction", lambda: load_predictor(request)),
        ("asked for again", lambda: load_predictor(request)),
    ]
    return [row(f"weights of {size} {name}", [timed(step)]) for name, step in steps]


def child(part: str, times: int, checkout: Path) -> Rows:
    """A part, measured in another process with the packages of a checkout."""
    own = [sys.executable, __file__, "--child", part, "--times", str(times)]
    done = subprocess.run(
        own, env={**os.environ, "PYTHONPATH": str(checkout)}, check=True, stdout=subprocess.PIPE, text=True, cwd=checkout
    )
    return [tuple(one) for one in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Measure each part, of this checkout or of two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(globals()[options.child](Path(folder), options.times)))
        return
    from facts import report

    here = Path(__file__).resolve().parent.parent
    rows: list[tuple] = []
    for part in options.parts:
        before = child(part, options.times, options.against.resolve()) if options.against else None
        after = child(part, options.times, here)
        rows += after if before is None else [(*b, *a[1:]) for b, a in zip(before, after, strict=True)]
    columns = ("step", "ms", "CPU ms")
    if options.against:
        columns = ("step", "ms before", "CPU ms before", "ms", "CPU ms")  # type: ignore[assignment]
    report(columns, rows, json_path=options.json)


if __name__ == "__main__":
    main()

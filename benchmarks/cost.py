"""Does cost follow the change? ``python benchmarks/cost.py [--against CHECKOUT] [--parts strokes cases weights]``.

One step each, its median over ``--times``: a stroke of 20 x 20 pixels, its undo and redo, and a proposal that changes
as much, in an image and in volumes of growing depth; one more image in a project of 10, 1 000 and 10 000; weights of a
large network chosen and loaded. ``--against`` measures another checkout beside this one, part by part in turn.
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
from functools import partial
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

    from napari_medseg.project import Project

    rows: Rows = []
    for number, shape in enumerate(SHAPES):
        file = folder / f"{number}.png"
        Image.new("L", (8, 8), number).save(file)
        with Project.create(folder / f"strokes-{number}") as project:
            case = project.add_case(file, shape=shape).id
            turns = [turn(project, case, shape, number) for number in range(times + 1)]
        # the first is not counted
        for name in turns[0]:
            rows.append(row(f"{name}, {' x '.join(map(str, shape))}", [one[name] for one in turns[1:]]))
    return rows


def turn(project: Any, case: int, shape: tuple[int, ...], number: int) -> dict[str, tuple[float, float]]:
    """Each step once."""
    from napari_medseg.app.case_labels import case_labels
    from napari_medseg.app.correct import CorrectionSession
    from napari_medseg.app.tracker import StrokeTracker

    if number == 0:
        # as it is at work: a proposal is there, and someone has looked at it
        shown = np.zeros(shape, np.uint8)
        shown[..., 100:400, 100:400] = 1
        project.set_proposal(case, shown, {})
    y = 512 * (len(shape) - 1) + 30 * number
    box, part = (y, 450, y + 20, 470), np.ones((20, 20), np.uint8)
    session = CorrectionSession(project, case)
    tracker = StrokeTracker(session, case_labels(project, case))
    found = {
        "stroke": timed(lambda: project.commit_stroke(case, part, box=box)),
        "undo": timed(lambda: project.undo(case)),
        "redo": timed(lambda: project.redo(case)),
    }
    proposed = project.labels(case)
    proposed.reshape(-1, shape[-1])[y : y + 20, 20:40] = 2
    found["propose"] = timed(lambda: project.set_proposal(case, proposed, {}))
    tracker.reset(case_labels(project, case))
    drawn = tracker.shown()
    drawn.reshape(-1, shape[-1])[y : y + 20, 420:440] = 2
    found["compared on the GUI thread"] = timed(lambda: tracker.update(drawn, "brush"))
    session.flush(60)
    found["stroke after it"] = timed(lambda: session.stroke(part, (y, 480, y + 20, 500)).result(60))
    found["undo, back in the window"] = timed(lambda: window_undo(session, tracker, drawn))
    session.close()
    return found


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
            one = [timed(partial(project.case, count // 2)) for _ in range(times)]
            near = [timed(partial(project.looks_like, looks[-1].tobytes().hex())) for _ in range(times)]
            added = [timed(partial(add_images, project, [images / f"{i}.png"])) for i in range(times)]
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
    # as it lies there when the program is started another day: a file that was just made is looked at more often
    time.sleep(4)
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
    command = [sys.executable, __file__, "--child", part, "--times", str(times)]
    own = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, env=own, check=True, stdout=subprocess.PIPE, text=True, cwd=checkout)
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

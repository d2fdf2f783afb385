"""Killed at any moment, does a project keep what it had? ``python benchmarks/kill.py [--kills 1000]``.

A process draws, erases, undoes, redoes, proposes, unlocks, accepts, notes runs and adopts weights in a project, and
says each number of the history that it was given back. It is ended by SIGKILL at a random moment; then the project is
opened: nothing that was said may be missing, every tile and every row of the history must check. Again and again in one
project.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

WRITER = """
import sys
import numpy as np
from napari_medseg.project import Project
project = Project.open(sys.argv[1])
rng = np.random.default_rng(int(sys.argv[2]))
weights = project.path / "weights.safetensors"
print("ready", flush=True)
while True:
    case, what = int(rng.integers(1, 4)), rng.random()
    y, x, size, value = (int(v) for v in rng.integers((0, 0, 1, 0), (500, 500, 120, 4)))
    labels = project.labels(case)
    labels[y:y + size, x:x + size] = value
    if what < 0.1:
        project.undo(case)
    elif what < 0.15:
        project.redo(case)
    elif what < 0.25:
        project.accept(case)
    elif what < 0.32:
        project.set_proposal(case, labels, {"network": "n", "weights": "w", "sha256": "0" * 64})
    elif what < 0.35:
        project.unlock(case, (y, x, y + size, x + size))
    elif what < 0.4:
        run = project.add_run("{}", f"runs/{value}")
        project.set_run(run, "done", weights=weights.name, result="[]")
    elif what < 0.43:
        project.adopt(weights)
    else:
        project.commit_stroke(case, labels, tool="eraser" if value == 0 else "brush")
    print(project.sealed()[0], flush=True)
"""


@dataclass
class Result:
    """What came of it."""

    kills: int
    confirmed: int
    strokes: int
    faults: list[str]


def run(folder: Path, kills: int, seed: int = 4) -> Result:
    """Kill a writer so many times; stops at the first fault."""
    from PIL import Image

    from napari_medseg.project import Project

    with Project.create(folder / "p") as project:
        (folder / "p" / "weights.safetensors").write_bytes(b"weights")
        for number in (1, 2, 3):
            Image.new("L", (512, 512), number).save(folder / f"{number}.png")
            project.add_case(folder / f"{number}.png", shape=(512, 512))
    moments, result = random.Random(seed), Result(0, 0, 0, [])
    for kill in range(kills):
        command = [sys.executable, "-c", WRITER, str(folder / "p"), str(seed * 100_000 + kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            if writer.stdout.readline().strip() != "ready":
                result.faults.append(f"kill {kill}: the project did not open")
                return result
            time.sleep(moments.uniform(0.0, 0.15))
            writer.send_signal(signal.SIGKILL)
            # a last line that was cut is no confirmation
            said = writer.stdout.read().split("\n")[:-1]
        result.confirmed = max([result.confirmed, *map(int, said)])
        with Project.open(folder / "p") as project:
            last = project.sealed()[0]
            if last < result.confirmed:
                result.faults.append(f"kill {kill}: {result.confirmed} was confirmed, {last} is there")
            if "ended unexpectedly" not in (project.recovered or ""):
                result.faults.append(f"kill {kill}: the next window was told nothing")
            # all of it every time at first, then every tenth time: it grows with the history
            if kill < 100 or kill % 10 == 0 or kill == kills - 1:
                result.faults += [f"kill {kill}: {problem}" for problem in project.verify()]
            result.strokes = project.summary()["strokes"]
        result.kills = kill + 1
        if result.faults:
            return result
    return result


def main() -> int:
    """Run and report."""
    from facts import report

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), options.kills, options.seed)
    row = (found.kills, found.strokes, found.confirmed, len(found.faults))
    report(("kills", "strokes", "confirmed rows", "faults"), [row], json_path=options.json)
    for fault in found.faults:
        print(fault)
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())

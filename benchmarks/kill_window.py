"""The window and the trainer killed at any moment: ``python benchmarks/kill_window.py [--kills 1000]``.

A real napari window (on Linux under ``xvfb-run``) in which someone draws, undoes, proposes, accepts and retrains
(``kill_window_person.py``), and the trainer that it starts. The window is ended by SIGKILL at a random moment, in one
of four cases the trainer before it. Then the project is opened: every stroke that the panel had shown as stored must be
there and hold what was drawn, every tile and every row of the history must check, the next window must be told, and no
trainer may be left. Again and again in one project; 35 to 70 seconds a kill on two
busy cores.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

PERSON = Path(__file__).with_name("kill_window_person.py")
IMAGES, SIDE = 6, 96
START_SECONDS, END_SECONDS = 300.0, 60.0


@dataclass
class Result:
    """What came of it."""

    kills: int = 0
    trainers: int = 0
    told: int = 0
    did: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def make_project(folder: Path) -> Path:
    """Small images with accepted masks, enough to retrain on."""
    import numpy as np
    from PIL import Image

    from napari_medseg.app.samples import samples_of
    from napari_medseg.io import read_image, read_mask
    from napari_medseg.project import Project

    sample = samples_of("nuclei")[0]
    image, mask = read_image(sample.image).data, read_mask(sample.mask)
    with Project.create(folder / "p") as project:
        project.adopt("cmunext-xxs/nuclei@2")
        for number in range(IMAGES):
            y, x = 20 * number, 15 * number
            path = project.path / "images" / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.ascontiguousarray(image[y : y + SIDE, x : x + SIDE])).save(path)
            case = project.add_case(path, shape=(SIDE, SIDE))
            project.commit_stroke(case.id, (mask[y : y + SIDE, x : x + SIDE] > 0).astype(np.uint8), tool="import")
            # the last one is left to draw in
            if number < IMAGES - 1:
                project.accept(case.id)
    return folder / "p"


class Window:
    """A process at work, and what it said."""

    def __init__(self, project: Path, seed: int, home: Path) -> None:
        names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME")
        environment = {**os.environ, **dict.fromkeys(names, str(home)), "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.log = home / "window.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PERSON), str(project), str(seed)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        self.said: list[str] = []
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # a last line that was cut is no word
            if line.endswith("\n"):
                self.said.append(line.strip())
                if line.startswith("ready"):
                    self.ready.set()

    def kill(self) -> None:
        """At once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def trainers(project: Path) -> list[int]:
    """Process numbers of the trainers at work in a project."""
    from napari_medseg.project.lock import training_in

    found = (training_in(folder) for folder in sorted((project / "runs").glob("*")))
    return [facts["pid"] for facts in found if facts and "pid" in facts]


def check(folder: Path, said: list[str], result: Result) -> list[str]:
    """What is wrong with a project after a kill."""
    from napari_medseg.project import Project

    faults = []
    with Project.open(folder) as project:
        if "ended unexpectedly" not in (project.recovered or ""):
            faults.append("the next window was told nothing")
        for line in said:
            word, *numbers = line.split()
            result.did[word] += 1
            if word != "stored":
                continue
            case, stroke, y, x, value = map(int, numbers)
            result.told += 1
            labels = project._drawn.current.labels_at(stroke, (SIDE, SIDE))
            if project._db.row("SELECT case_id FROM strokes WHERE id = ?", stroke) != (case,):
                faults.append(f"stroke {stroke} was told stored and is gone")
            elif labels[y, x] != value:
                faults.append(f"stroke {stroke} was {value} at ({y}, {x}) and is {labels[y, x]}")
        faults += project.verify()
    return faults


def run(folder: Path, kills: int, seed: int = 4) -> Result:
    """Kill so many times; stops at the first fault."""
    moments, result = random.Random(seed), Result()
    project = make_project(folder)
    for kill in range(kills):
        home = folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        window = Window(project, seed * 100_000 + kill, home)
        if not window.ready.wait(START_SECONDS):
            window.kill()
            result.faults.append(f"kill {kill}: no window: {window.log.read_text(errors='replace')[-500:]}")
            return result
        time.sleep(moments.uniform(0.0, 12.0))
        # in one of four, the trainer goes first, if there is one
        if moments.random() < 0.25:
            for number in trainers(project):
                os.kill(number, signal.SIGKILL)
                result.trainers += 1
            time.sleep(moments.uniform(0.0, 2.0))
        window.kill()
        end = time.monotonic() + END_SECONDS
        while (left := trainers(project)) and time.monotonic() < end:
            time.sleep(0.2)
        if left:
            result.faults.append(f"kill {kill}: trainer {left} was left at work")
        result.faults += [f"kill {kill}: {fault}" for fault in check(project, window.said, result)]
        result.kills = kill + 1
        print(
            f"{result.kills} kills, {result.told} strokes told stored, {dict(result.did)}", file=sys.stderr, flush=True
        )
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
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = run(Path(folder), options.kills, options.seed)
    row = (found.kills, found.trainers, found.told, found.did["retrains"], found.did["proposed"], len(found.faults))
    columns = ("kills of the window", "of a trainer", "strokes told stored", "rounds begun", "proposals", "faults")
    report(columns, [row], json_path=options.json)
    for fault in found.faults:
        print(fault)
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())

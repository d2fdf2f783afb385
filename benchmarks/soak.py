"""Does a long day cost more and more? ``xvfb-run python benchmarks/soak.py [--cycles 40] [--pump] [--json FILE]``.

One window; in each cycle a project is opened, an image proposed on, drawn in, undone, accepted, an image outside of
any project is opened and proposed on, and all is closed again. After each cycle: memory, threads, open files, Qt
objects, Python objects, layers; at the end their slopes a cycle over the later two thirds, with twice the standard
error. ``--pump`` runs Qt's events by ``processEvents`` as scripts do, instead of by a loop of its own.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from facts import report

WAIT = 120.0


def loop(until: Callable[[], bool]) -> None:
    """Let Qt's loop run until something is so."""
    from qtpy.QtCore import QEventLoop, QTimer

    inner, timer, end = QEventLoop(), QTimer(), time.monotonic() + WAIT
    timer.timeout.connect(lambda: inner.quit() if until() or time.monotonic() > end else None)
    timer.start(5)
    inner.exec()
    timer.stop()
    assert time.monotonic() < end, "waited in vain"


def pump(until: Callable[[], bool]) -> None:
    """The same, as scripts do it."""
    from qtpy.QtCore import QCoreApplication, QEvent
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + WAIT
    while not until():
        QApplication.processEvents()
        # outside of a loop Qt keeps these for ever
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        assert time.monotonic() < end, "waited in vain"


def rest(wait: Callable[[Callable[[], bool]], None], seconds: float) -> None:
    """Let what was put off happen."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def make_project(folder: Path, seed: int) -> None:
    """Two images that nobody proposed on."""
    from napari_medseg.io import write_image
    from napari_medseg.project import Project

    rng = np.random.default_rng(seed)
    with Project.create(folder) as project:
        for number in range(2):
            path = folder / f"{number}.tif"
            write_image(path, rng.integers(0, 255, (256, 256 + 16 * seed), dtype=np.uint8))
            project.add_case(path, shape=(256, 256 + 16 * seed), group=str(number))


def counted(window: Any, layers: int) -> dict[str, float]:
    """What there is now."""
    from qtpy.QtCore import QObject
    from qtpy.QtWidgets import QApplication

    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "memory MB": int(status["VmRSS"].split()[0]) / 1024,
        "threads": threading.active_count(),
        "open files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "Qt objects": len(window.findChildren(QObject)),
        "Qt widgets": len(QApplication.allWidgets()),
        "Python objects": len(gc.get_objects()),
        "layers": layers,
    }


def cycle(viewer: Any, panel: Any, folder: Path, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Open, propose, draw, undo, accept, and the same on an image of one's own."""
    rng = np.random.default_rng(0)

    def idle() -> bool:
        case = panel.correct.view.current
        return case is not None and case.session.status.pending == 0 and case._move is None

    def left(before: int, *, or_done: bool = False) -> bool:
        done = or_done and "All images" in panel.correct.status.text()
        return done or panel.state.case_id not in (None, before)

    panel.correct.open_project(folder)
    wait(lambda: panel.state.project is not None and panel.state.project.path == folder.resolve())
    wait(lambda: panel.correct.table.rowCount() > 1)
    if panel.correct.view.current is None:
        # all are accepted since the first cycle
        panel.correct.open_neighbour(1)
    wait(idle)
    for _ in range(2):
        case = panel.correct.view.current
        panel.propose.run.click()
        wait(lambda: panel.propose._ticket is None and idle())
        for _ in range(3):
            case.labels.paint(tuple(rng.integers(20, 200, 2)), 1)
        panel.correct.undo.click()
        wait(idle)
        before = case.case_id
        panel.correct.accept.click()
        # to the next, or all are accepted
        wait(partial(left, before, or_done=True))
        if panel.state.case_id == before:
            panel.correct.open_neighbour(1)
        wait(partial(left, before))
        wait(idle)
    own = viewer.add_image(rng.integers(0, 255, (200, 210), dtype=np.uint8), name="own")
    panel.propose.run.click()
    wait(lambda: panel.propose._ticket is None and "medseg_case" in own.metadata and idle())
    panel.correct.view.current.labels.paint((50, 50), 1)
    wait(idle)


def slope(values: list[float]) -> tuple[float, float]:
    """Of a straight line through the later two thirds, a cycle, and twice its standard error."""
    late = np.array(values[len(values) // 3 :])
    if len(late) < 3:
        return float("nan"), float("nan")
    (steep, _), covariance = np.polyfit(np.arange(len(late)), late, 1, cov="unscaled")
    rest = late - np.polyval(np.polyfit(np.arange(len(late)), late, 1), np.arange(len(late)))
    return float(steep), float(2 * np.sqrt(covariance[0, 0] * rest.var() * len(late) / (len(late) - 2)))


def main() -> None:
    """Run and report."""
    faulthandler.enable()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=40)
    parser.add_argument("--pump", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    home = tempfile.TemporaryDirectory()
    os.environ.update(XDG_CONFIG_HOME=home.name, XDG_DATA_HOME=home.name)
    from napari_medseg.widgets.launch import open_window, warm_up

    folders = [Path(home.name) / name for name in ("p", "q")]
    for seed, folder in enumerate(folders):
        make_project(folder, seed)
    viewer, panel = open_window([])
    warm_up(panel)
    panel.propose.task.setCurrentText("nuclei")
    wait = pump if options.pump else loop
    window, found = viewer.window._qt_window, []
    for number in range(options.cycles):
        began = time.monotonic()
        cycle(viewer, panel, folders[number % 2], wait)
        panel.correct.view.close_all()
        viewer.layers.clear()
        rest(wait, 0.2)
        found.append(counted(window, len(viewer.layers)))
        told = ", ".join(f"{name} {value:.0f}" for name, value in found[-1].items())
        print(f"{number + 1}: {time.monotonic() - began:.1f} s, {told}", flush=True)
    rows = []
    for name in found[0]:
        values = [one[name] for one in found]
        rows.append((name, values[0], values[-1], *slope(values)))
    report(("what", "first", "last", "a cycle", "+- 2 se"), rows, json_path=options.json)
    viewer.close()
    home.cleanup()


if __name__ == "__main__":
    main()

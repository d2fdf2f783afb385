"""Longest gaps of the GUI's event loop: ``xvfb-run python benchmarks/gui.py [--json FILE]``.

A timer that ought to fire every 5 ms in a real napari window; a gap is the time between two of its shots. Idle,
predicting (a 1024 x 1024 image, several times) and training (a round on the sample project, live curves) in one run.
Gaps include whatever else the machine does: compare them with the idle row.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from facts import report


class Pulse:
    """Collects the gaps between shots of a timer, in ms."""

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._shot)
        self._timer.start()

    def _shot(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now

    def take(self) -> list[float]:
        """The gaps since the last call."""
        gaps, self.gaps = self.gaps, []
        return gaps


def spin(until: Callable[[], bool], seconds: float) -> None:
    """Let the loop run."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, timer = QEventLoop(), QTimer()
    end = time.monotonic() + seconds
    timer.timeout.connect(lambda: loop.quit() if until() or time.monotonic() > end else None)
    timer.start(20)
    loop.exec()
    timer.stop()


def main() -> None:
    """Measure the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--predictions", type=int, default=10)
    parser.add_argument("--idle", type=float, default=5, help="seconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    home = tempfile.TemporaryDirectory()
    os.environ.update(XDG_CONFIG_HOME=home.name, XDG_DATA_HOME=home.name)
    from napari_medseg.app.demo import sample_project
    from napari_medseg.app.samples import samples_of
    from napari_medseg.io import read_mask
    from napari_medseg.widgets.launch import open_window, warm_up

    truth = {sample.name: read_mask(sample.mask) for sample in samples_of("nuclei")}
    with sample_project(Path(home.name) / "p") as project:
        for case in project.cases():
            project.commit_stroke(case.id, truth[case.name].astype(np.uint8))
            project.accept(case.id)
    viewer, panel = open_window([])
    # as ``medseg app`` does
    warm_up(panel)
    panel.propose.task.setCurrentText("nuclei")
    viewer.add_image(np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), dtype=np.uint8), name="big")
    panel.propose.run.click()
    spin(lambda: panel.state.case_id is not None, 60)
    pulse, found = Pulse(), {}
    spin(lambda: False, options.idle)
    found["idle"] = pulse.take()
    for _ in range(options.predictions):
        panel.propose.run.click()
        spin(panel.propose.run.isEnabled, 60)
    found["predicting"] = pulse.take()
    panel.correct.open_project(Path(home.name) / "p")
    spin(lambda: panel.state.project is not None and panel.state.project.path.name == "p", 30)
    panel.tabs.setCurrentIndex(2)
    panel.retrain.epochs.setValue(options.epochs)
    spin(lambda: False, 2)
    pulse.take()
    panel.retrain.start.click()
    spin(panel.retrain.start.isEnabled, 600)
    found["training"] = pulse.take()
    rows = [
        (name, len(gaps), float(np.median(gaps)), float(np.percentile(gaps, 99)), max(gaps))
        for name, gaps in found.items()
    ]
    report(("while", "shots", "median ms", "p99 ms", "longest ms"), rows, json_path=options.json)
    viewer.close()
    home.cleanup()


if __name__ == "__main__":
    main()

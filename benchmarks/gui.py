"""What a window makes one wait for: ``xvfb-run python benchmarks/gui.py [PART...] [--json FILE] [--blame]``.

A timer that ought to fire every 5 ms in a real napari window; a gap is the time between two of its shots. For each
part: how often something was done, how long that took up to the picture of it (median and slowest), and the gaps.
Gaps include whatever else the machine does: compare them with the idle row. ``--blame`` says where the window was in
gaps of more than 100 ms.

Parts: launch (fresh processes, napari alone and with the panel in turn), propose, ahead (the next image, proposed
ahead), strokes, spots (``N``), add (images are read and hashed), many (a project of ``--images`` images), train, close.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from facts import report
from gui_pulse import Found, Painted, Pulse, rest, spin

PARTS = ("launch", "propose", "ahead", "strokes", "spots", "add", "many", "train", "close")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help="default: all but many")
    parser.add_argument("--times", type=int, default=10, help="how often each thing is done")
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--idle", type=float, default=5, help="seconds")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="of the project of many images, kept for another time")
    parser.add_argument("--blame", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts = options.parts or [part for part in PARTS if part != "many"]
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(XDG_CONFIG_HOME=home, XDG_DATA_HOME=home, XDG_CACHE_HOME=home)
        found = measure(parts, options, Path(home))
    report(found.columns, found.rows, json_path=options.json)


def measure(parts: list[str], options: argparse.Namespace, home: Path) -> Found:
    """The parts one after the other, in one window."""
    import gui_launch
    import gui_many
    import gui_parts

    from napari_medseg.app.samples import samples_of
    from napari_medseg.widgets.launch import open_window, warm_up

    samples = samples_of("nuclei")
    launched = Found()
    if "launch" in parts:
        gui_launch.measure(launched, options.launches, samples[0].image, str(home))
    many = options.folder or home / "many"
    if "many" in parts:
        gui_many.make(many, options.images)
    make_samples(home / "p", accepted=True)
    make_samples(home / "fresh", accepted=False)
    viewer, panel = open_window([])
    # as ``medseg app`` does
    warm_up(panel)
    pulse, painted = Pulse(blame=options.blame), Painted(viewer)
    found = Found(pulse)
    found.rows += launched.rows
    panel.propose.choice.choose("nuclei", "cmunext-xxs/nuclei@2")
    spin(lambda: "pyqtgraph" in sys.modules and not panel.workers._tickets, 120)
    gui_parts.idle(found, options.idle)
    if "strokes" in parts:
        gui_parts.strokes(found, viewer, painted, options.times)
    if "propose" in parts:
        random = np.random.default_rng(0)
        viewer.add_image(random.integers(0, 255, (1024, 1024, 3), dtype=np.uint8), name="big")
        panel.propose.run.click()
        spin(lambda: panel.state.case_id is not None, 60)
        gui_parts.proposing(found, panel, options.times)
    if "spots" in parts:
        open_project(panel, home / "fresh")
        gui_parts.spots(found, panel, painted, min(options.times, 5))
    if "ahead" in parts:
        # of each its own: an image that was opened has a proposal, and none is made ahead
        for order in gui_parts.ORDERS:
            gui_many.make(home / order, options.times + 4, side=256)
            open_project(panel, home / order)
            gui_parts.next_images(found, panel, painted, order, options.times)
    if "many" in parts:
        gui_many.measure(found, panel, painted, many, options.times)
    if {"add", "train", "close"} & set(parts):
        # all of its images are accepted: none is opened
        open_project(panel, home / "p", shown=False)
        if "add" in parts:
            gui_parts.adding(found, panel, home, options.times)
        if "train" in parts:
            gui_parts.training(found, panel, options.epochs)
    if "close" in parts:
        gui_parts.closing(found, viewer)
    else:
        viewer.close()
    return found


def make_samples(folder: Path, *, accepted: bool) -> None:
    """The project of sample images; with the samples' masks accepted, or as it is."""
    from napari_medseg.app.demo import sample_project
    from napari_medseg.app.samples import samples_of
    from napari_medseg.io import read_mask

    truth = {sample.name: read_mask(sample.mask) for sample in samples_of("nuclei")}
    with sample_project(folder) as project:
        for case in project.cases() if accepted else ():
            project.commit_stroke(case.id, truth[case.name].astype(np.uint8))
            project.accept(case.id)


def open_project(panel: Any, folder: Path, *, shown: bool = True) -> None:
    """Up to its first image, if it shows one."""
    panel.tabs.setCurrentIndex(1)
    panel.correct.open_project(folder)
    spin(lambda: panel.state.project is not None and panel.state.project.path == folder.resolve(), 60)
    if shown:
        spin(lambda: panel.correct.view.current is not None, 60)
    rest(1.0)


if __name__ == "__main__":
    main()

"""Part of ``gui.py``: a project of very many images."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gui_pulse import Found, Painted, rest, spin

SIDE = 64


def make(folder: Path, count: int, side: int = SIDE) -> None:
    """A project of so many small images, each another one by its first pixels; one that is there stays."""
    from PIL import Image

    from napari_medseg.project import Project

    if Project.is_one(folder):
        return
    y, x = np.mgrid[:side, :side]
    picture = np.random.default_rng(0).integers(60, 90, (side, side, 3), dtype=np.uint8)
    picture[(y - 30) ** 2 + (x - 32) ** 2 < 150] = (180, 60, 120)
    with Project.create(folder) as project:
        (folder / "images").mkdir()
        for number in range(count):
            file = folder / "images" / f"scan_{number:05d}.png"
            picture[0, :16, 0] = [200 * (number >> bit & 1) for bit in range(16)]
            Image.fromarray(picture).save(file, compress_level=1)
            project.add_case(file, shape=(side, side))


def measure(found: Found, panel: Any, painted: Painted, folder: Path, times: int) -> None:
    """It is opened; its list is scrolled and searched; the next image; a stroke, after which the list is told."""
    correct = panel.correct
    panel.tabs.setCurrentIndex(1)
    found.begin()
    start = time.perf_counter()
    correct.open_project(folder)
    listed = spin(lambda: correct.table.rowCount() > 1000, 300, every=1)
    spin(lambda: correct.view.current is not None, 300, every=1)
    shown = time.perf_counter() - start
    count = correct.table.rowCount()
    found.add(f"opening {count} images, to the first one", [shown])
    found.put(f"opening {count} images, to the list", [listed], [])
    rest(1.0)
    found.begin()
    bar, taken = correct.table.verticalScrollBar(), []
    for number in range(5 * times):
        start = time.perf_counter()
        bar.setValue(bar.maximum() * number // (5 * times))
        correct.table.viewport().repaint()
        taken.append(time.perf_counter() - start)
        rest(0.01)
    found.add(f"scrolling in {count}", taken)
    _next(found, panel, painted, times, count)


def _next(found: Found, panel: Any, painted: Painted, times: int, count: int) -> None:
    correct = panel.correct
    for name, press in (
        ("next in the list of", lambda: correct.open_neighbour(1)),
        ("accept in the list of", correct.accept_and_next),
    ):
        found.begin()
        taken = []
        for _ in range(times):
            before = panel.state.case_id
            taken.append(painted.after(press, partial(_other, panel, before)))
            rest(0.5)
        found.add(f"{name} {count}", taken)
    found.begin()
    taken = []
    for number in range(times):
        case = correct.view.current
        start = time.perf_counter()
        part = np.array(case.labels.data)
        part[number, :9] = 1
        case.labels.data = part
        spin(partial(_told, correct, case), every=1)
        taken.append(time.perf_counter() - start)
        rest(0.5)
    found.add(f"a stroke in one of {count}", taken)


def _other(panel: Any, before: int) -> bool:
    return panel.state.case_id not in (None, before) and not panel.correct.listing.busy


def _told(correct: Any, case: Any) -> bool:
    """A stroke is stored, and the list says so."""
    return correct.undo.isEnabled() and not case.session.status.pending and not correct.listing.busy

"""Parts of ``gui.py``: what a person does in an open window, pressed there, each measured up to the picture of it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gui_pulse import Found, Painted, rest, spin
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

# in which order images come, and how the next one is asked for
ORDERS = {"random": "accept, next image made ahead", "listed": "next image, made ahead"}


def idle(found: Found, seconds: float) -> None:
    """Nothing: what the machine does all by itself."""
    found.begin()
    rest(seconds)
    found.add("idle", [])


def proposing(found: Found, panel: Any, times: int) -> None:
    """Proposals on an image that is open, again and again."""
    found.begin()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        panel.propose.run.click()
        spin(panel.propose.run.isEnabled, every=1)
        taken.append(time.perf_counter() - start)
    found.add("predicting", taken)


def _is_open(panel: Any, case_id: int | None) -> bool:
    opened = panel.correct.view.current
    return opened is not None and opened.case_id != case_id


def next_images(found: Found, panel: Any, painted: Painted, order: str, times: int) -> None:
    """From the press to the next image's mask, whose proposal was made ahead: by its row in the list, or by Accept."""
    view, correct = panel.correct.view, panel.correct
    # of the order that was there before
    spin(lambda: bool(view.ahead.ready), 120)
    correct.next_image.order.setCurrentIndex(correct.next_image.order.findData(order))
    view.ahead.ready.clear()
    view.ahead.compute(panel.state.project, panel.state.case_id)
    found.begin()
    taken = []
    for _ in range(times):
        spin(lambda: bool(view.ahead.ready), 120)
        rest(0.3)
        ready, before = next(iter(view.ahead.ready))[0], panel.state.case_id
        press = correct.accept_and_next if order == "random" else partial(view.open_case, ready)
        taken.append(painted.after(press, partial(_is_open, panel, before)))
        assert panel.state.case_id == ready, "another image came than was made ahead"
    found.add(ORDERS[order], taken)


def strokes(found: Found, viewer: Any, painted: Painted, times: int) -> None:
    """A press of the brush, to the picture of it: on an image of 1024 px, and in a volume of 256 voxels a side."""
    canvas = viewer.window._qt_viewer.canvas.native
    for name, shape in (("stroke, 1024 px", (1024, 1024)), ("stroke, 256 voxels a side", (256, 256, 256))):
        viewer.layers.clear()
        viewer.add_image(np.zeros(shape, np.uint8), name="image")
        mask = viewer.add_labels(np.zeros(shape, np.uint8), name="mask")
        mask.mode, mask.brush_size = "paint", 20
        viewer.reset_view()
        rest(0.5)
        found.begin()
        taken = []
        middle = QPoint(canvas.width() // 2, canvas.height() // 2)
        for number in range(times):
            place = middle + QPoint(12 * (number % 10) - 60, 12 * (number // 10) - 60)
            before = int(mask.data.any() and np.count_nonzero(mask.data))
            QTest.mouseMove(canvas, place)
            rest(0.05)
            since, start = painted.count, time.perf_counter()
            QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=place)
            spin(partial(_painted, painted, since), every=1)
            taken.append(painted.last - start)
            QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=place)
            assert np.count_nonzero(mask.data) > before, "nothing was painted"
        found.add(name, taken)
    viewer.layers.clear()


def _painted(painted: Painted, since: int) -> bool:
    return painted.count > since


def spots(found: Found, panel: Any, painted: Painted, times: int) -> None:
    """``N``: from the key to the first place that is shown, and to the last opinion on it."""
    part, view, rings = panel.correct.spots, panel.correct.view, panel.correct.rings
    first, last = [], []
    found.begin()
    for _ in range(times):
        part._found = None
        part.list.clear()
        rings.hide()
        start = time.perf_counter()
        first.append(painted.after(lambda: part.step(1), lambda: bool(rings.places)))
        spin(lambda: part._ticket is None, 120)
        last.append(time.perf_counter() - start)
        rest(0.2)
    found.add("N, to the first place", first)
    found.put("N, to the last opinion", last, [])
    assert view.current is not None


def adding(found: Found, panel: Any, folder: Path, times: int) -> None:
    """Images of 2048 px are added: read, hashed, and compared with those that are there."""
    from PIL import Image

    random = np.random.default_rng(0)
    files = [folder / f"large_{number}.png" for number in range(times)]
    for file in files:
        small = random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(small).resize((2048, 2048)).save(file, compress_level=1)
    before = panel.correct.table.rowCount()
    found.begin()
    start = time.perf_counter()
    panel.correct.add_files(list(map(str, files)))
    spin(lambda: panel.correct.table.rowCount() == before + times, 120)
    each = (time.perf_counter() - start) / times
    found.add("adding and hashing images of 2048 px, each", [each])


def training(found: Found, panel: Any, epochs: int) -> None:
    """A round, with its live curves."""
    panel.tabs.setCurrentIndex(2)
    panel.retrain.epochs.setValue(epochs)
    rest(2)
    found.begin()
    start = time.perf_counter()
    panel.retrain.start.click()
    spin(panel.retrain.start.isEnabled, 600)
    found.add("training", [time.perf_counter() - start])


def closing(found: Found, viewer: Any) -> None:
    """The window, with a project and an image open."""
    found.begin()
    start = time.perf_counter()
    viewer.close()
    found.add("closing", [time.perf_counter() - start])

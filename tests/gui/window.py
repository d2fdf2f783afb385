"""A real napari window with the panel that tells where its parts are: ``python window.py STATE.json [PATH...]``.

The test drives it from outside with mouse and keys. A file ``shot`` beside STATE.json that names a picture asks for a
picture of the screen.
"""

import json
import sys
from pathlib import Path

import numpy as np
from napari import run
from napari.layers import Labels
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QAbstractButton, QApplication, QSpinBox, QTabBar

from napari_medseg.widgets.launch import open_window, warm_up

state_file = Path(sys.argv[1])
paths = [Path(p) for p in sys.argv[2:]]
viewer, panel = open_window(paths, sample_project=not paths)
warm_up(panel)
window = viewer.window._qt_window
window.setGeometry(0, 0, 1400, 900)


def rect(widget, part=None):
    part = part or widget.rect()
    corner = widget.mapToGlobal(QPoint(part.x(), part.y()))
    return [corner.x(), corner.y(), part.width(), part.height()]


def items():
    found = {}
    for widget in panel.findChildren(QAbstractButton):
        if widget.isVisible() and widget.text():
            found[widget.text()] = {"rect": rect(widget), "enabled": widget.isEnabled(), "on": widget.isChecked()}
    for bar in panel.findChildren(QTabBar):
        for i in range(bar.count()):
            found["tab " + bar.tabText(i)] = {"rect": rect(bar, bar.tabRect(i)), "enabled": True}
    for number, box in enumerate(panel.retrain.findChildren(QSpinBox)):
        if box.isVisible():
            found[f"spin {number}"] = {"rect": rect(box), "enabled": box.isEnabled()}
    return found


def state():
    canvas = viewer.window._qt_viewer.canvas.native
    masks = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    project, case_id = panel.state.project, panel.state.case_id
    case = project.case(case_id) if project is not None and case_id is not None else None
    return {
        "items": items(),
        "canvas": rect(canvas),
        "zoom": viewer.scene.camera.zoom,
        "center": list(viewer.scene.camera.center[-2:]),
        "mode": str(masks[-1].mode) if masks else None,
        "label_sum": int(np.asarray(masks[-1].data).sum()) if masks else None,
        "layers": [layer.name for layer in viewer.layers],
        "project": None if project is None else str(project.path),
        "case": case_id,
        "strokes": None if case is None else case.strokes,
        "case_state": None if case is None else case.state,
        "accepted": 0 if project is None else sum(one.state == "accepted" for one in project.cases()),
        # a key that is pressed now counts
        "seen": panel.presses.seen,
        "history": [] if case is None else [row.kind for row in project.history(case_id)],
        "correct": panel.correct.status.text(),
        "propose": panel.propose.message.text(),
        "retrain": panel.retrain.message.text(),
        "export": panel.export.message.text(),
        "weights": panel.state.weights,
    }


def tell():
    try:
        text = json.dumps(state())
    except (RuntimeError, KeyError):
        # caught in the middle of a change; the next look is a moment away
        return
    temporary = state_file.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(state_file)
    wish = state_file.parent / "shot"
    if wish.exists():
        target = wish.read_text()
        wish.unlink()
        picture = QApplication.primaryScreen().grabWindow(0, 0, 0, window.width(), window.height())
        picture.save(target + ".part", "png")
        Path(target + ".part").replace(target)


timer = QTimer()
timer.timeout.connect(tell)
timer.start(100)
run()

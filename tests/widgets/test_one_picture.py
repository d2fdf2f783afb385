"""A case is shown at once or not at all; in 3D a drag draws nothing."""

import numpy as np
import pytest
from napari.components.overlays.brush_circle import BrushCircleOverlay
from qtpy.QtOpenGLWidgets import QOpenGLWidget

from napari_medseg.io import write_image
from napari_medseg.project import Project
from napari_medseg.widgets.one_picture import one_picture
from tests.widgets.helpers import WAIT
from tests.widgets.test_tools import open_case

pytestmark = pytest.mark.gui


def test_no_picture_is_painted_while_a_case_is_half_there(seen, qtbot, tmp_path):
    for i in range(2):
        write_image(tmp_path / f"{i}.nii.gz", np.full((6, 20, 24), i, np.uint8), volume=True)
    with Project.create(tmp_path / "p") as project:
        for i in range(2):
            project.add_case(tmp_path / f"{i}.nii.gz", shape=(6, 20, 24))
    viewer = seen.viewer
    canvas = viewer.window._qt_viewer.canvas
    painted, sizes = [], iter(range(500, 400, -10))

    def layer_came(event):
        before = len(painted)
        # as the sliders do it: another size is painted at once, wherever the program is
        canvas.native.resize(next(sizes), 400)
        half_done.append(len(painted) - before)

    half_done = []
    seen.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: seen.state.case_id is not None and len(viewer.layers) > 1, timeout=WAIT)
    canvas._scene_canvas.events.draw.connect(lambda event: painted.append(1))
    viewer.layers.events.inserted.connect(layer_came)
    first = seen.state.case_id
    seen.correct.view.open_case(3 - first)
    qtbot.waitUntil(lambda: seen.state.case_id == 3 - first, timeout=WAIT)
    assert half_done and not any(half_done)
    qtbot.waitUntil(lambda: bool(painted), timeout=WAIT)
    assert canvas.native.updatesEnabled()


def test_the_canvas_paints_again_after_an_error(seen):
    (canvas,) = seen.viewer.window._qt_window.centralWidget().findChildren(QOpenGLWidget)

    def fail():
        with one_picture(seen), one_picture(seen):
            assert not canvas.updatesEnabled()
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert canvas.updatesEnabled()


def test_the_brush_rests_in_3d_and_comes_back(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, np.zeros((5, 40, 40), np.uint8), spacing=(3.0, 1.0, 1.0))
    case.labels.mode = "erase"
    panel.viewer.dims.ndisplay = 3
    assert case.labels.mode == "pan_zoom"
    # whoever takes it there means it
    case.labels.mode = "paint"
    panel.viewer.dims.ndisplay = 2
    assert case.labels.mode == "paint"
    case.labels.mode = "erase"
    panel.viewer.dims.ndisplay = 3
    panel.viewer.dims.ndisplay = 2
    assert case.labels.mode == "erase"


def test_an_empty_canvas_is_painted_where_a_brush_was_at_hand(seen, qtbot, tmp_path):
    case = open_case(seen, qtbot, tmp_path, np.zeros((5, 40, 40), np.uint8), spacing=(3.0, 1.0, 1.0))
    canvas = seen.viewer.window._qt_viewer.canvas
    painted = []
    canvas._scene_canvas.events.draw.connect(lambda event: painted.append(1), position="last")
    case.labels.mode = "paint"
    qtbot.waitUntil(lambda: bool(painted), timeout=WAIT)
    seen.correct.create(tmp_path / "other")
    qtbot.waitUntil(lambda: not len(seen.viewer.layers), timeout=WAIT)
    painted.clear()
    # at once, as another dock that goes does it: this ended the program
    canvas.native.resize(300, 250)
    qtbot.waitUntil(lambda: bool(painted), timeout=WAIT)
    overlays = seen.viewer.canvas.overlays.values()
    assert [one.box for one in overlays if isinstance(one, BrushCircleOverlay)] == [False]

"""Keys as napari hands them on: to the layer that is chosen, then to the viewer."""

import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks

from tests.widgets.helpers import WAIT
from tests.widgets.test_tools import circle, click, event, on_rim, open_case

pytestmark = pytest.mark.gui


def keys_of(panel):
    return panel.viewer.window._qt_viewer._key_map_handler


@pytest.mark.parametrize("tool", ["wire", "snap"])
def test_space_moves_the_image_while_a_tool_is_on(panel, qtbot, tmp_path, tool):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer, tools, keys = case.labels, panel.correct.tools, keys_of(panel)
    button = getattr(tools, f"{tool}_button")
    button.click()
    for _ in range(2):
        assert not layer.mouse_pan
        keys.press_key("Space")
        assert layer.mouse_pan
        # what is pressed and drawn meanwhile moves the image only
        mouse_press_callbacks(layer, event(layer, (100, 100)))
        click(layer, on_rim(0))
        assert not layer.data.any()
        assert not tools.wire._anchors
        keys.release_key("Space")
    assert not layer.mouse_pan
    assert getattr(tools, tool).case is case
    # put away while the key is down: napari's mouse is as it was
    keys.press_key("Space")
    button.click()
    layer.mode = "pan_zoom"
    keys.release_key("Space")
    assert layer.mouse_pan
    assert "Space" not in {str(key) for key in layer.keymap}


@pytest.mark.parametrize("chosen", ["image", "boxes"])
def test_undo_and_redo_by_key_on_every_layer_of_the_case(panel, qtbot, tmp_path, chosen):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer, keys = case.labels, keys_of(panel)
    layer.paint((50, 50), 1)
    painted = np.array(layer.data)
    if chosen == "image":
        panel.viewer.layers.selection.active = case.image
    else:
        keys.press_key("Shift-B")
        boxes = panel.propose.boxes.of(case.image)
        assert panel.viewer.layers.selection.active == boxes
        assert boxes.mode == "add_rectangle"
    keys.press_key("Control-Z")
    qtbot.waitUntil(lambda: not layer.data.any(), timeout=WAIT)
    keys.press_key("Control-Shift-Z")
    qtbot.waitUntil(lambda: np.array_equal(layer.data, painted), timeout=WAIT)

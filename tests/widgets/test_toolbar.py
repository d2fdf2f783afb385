"""The row of tools: one truth with napari's modes, one brush size, a reason where a tool cannot be taken."""

import numpy as np
import pytest
from napari.utils.interactions import mouse_move_callbacks
from napari.utils.theme import available_themes
from qtpy.QtCore import QSize
from qtpy.QtGui import QIcon

from napari_medseg.widgets.icons import tool_icon
from napari_medseg.widgets.tool_table import OWN, SNAP, TOOLS, WIRE
from tests.widgets.helpers import WAIT
from tests.widgets.test_keys import keys_of
from tests.widgets.test_tools import circle, click, event, on_rim, open_case

pytestmark = pytest.mark.gui
NAPARIS = [tool.name for tool in TOOLS if tool.name not in OWN]


@pytest.fixture
def case(panel, qtbot, tmp_path):
    return open_case(panel, qtbot, tmp_path, circle()[0])


def checked(row):
    return [name for name, button in row.buttons.items() if button.isChecked()]


def can_be_taken(row):
    return {name for name, button in row.buttons.items() if button.isEnabled()}


def test_one_tool_looks_chosen_whoever_chose_it(panel, case):
    row, keys, layer = panel.correct.tools.row, keys_of(panel), case.labels
    assert checked(row) == ["paint"]
    for name in NAPARIS:
        layer.mode = name
        assert checked(row) == [name] == [row.chosen]
    for key, name in (
        ("2", "paint"),
        ("1", "erase"),
        ("4", "fill"),
        ("3", "polygon"),
        ("5", "pick"),
        ("6", "pan_zoom"),
    ):
        keys.press_key(key)
        keys.release_key(key)
        assert checked(row) == [name]
        assert f"({key})" in row.buttons[name].toolTip()
    for own, key in ((WIRE, "W"), (SNAP, "S")):
        row.buttons["erase"].click()
        assert checked(row) == ["erase"]
        assert layer.mode == "erase"
        row.buttons[own].click()
        assert checked(row) == [own]
        assert f"({key})" in row.buttons[own].toolTip()
        # by its key it is put away, and the tool of before comes back
        keys.press_key(key)
        assert checked(row) == ["erase"]
        keys.press_key(key)
        # napari's key for moving the image, where napari believes that it is moved already
        keys.press_key("6")
        assert checked(row) == ["pan_zoom"]
        assert layer.mouse_pan
        row.buttons[own].click()
        layer.mode = "fill"
        assert checked(row) == ["fill"]
    # what is chosen already stays
    row.buttons["fill"].click()
    assert checked(row) == ["fill"]


def test_what_is_chosen_is_what_the_mouse_does_on_the_layer_that_is_selected(panel, case):
    row, active = panel.correct.tools.row, panel.viewer.layers.selection
    row.use(WIRE)
    active.active = case.image
    assert checked(row) == ["pan_zoom"]
    row.buttons["paint"].click()
    assert active.active is case.labels
    assert checked(row) == ["paint"]
    active.active = case.image
    case.image.mode = "transform"
    active.active = case.labels
    active.active = case.image
    assert checked(row) == []


def test_one_brush_size_for_napari_and_us(panel, case):
    row, layer = panel.correct.tools.row, case.labels
    row.size.setValue(33)
    assert layer.brush_size == row.slider.value() == 33
    keys_of(panel).press_key("]")
    assert row.size.value() == 34
    row.slider.setValue(12)
    assert layer.brush_size == row.size.value() == 12
    # beyond the slider
    layer.brush_size = 250
    assert row.size.value() == 250
    assert layer.brush_size == 250


@pytest.mark.parametrize("size", [8, 40])
def test_the_snap_brush_has_a_circle_of_its_size(panel, case, size):
    layer, viewer = case.labels, panel.viewer
    layer.brush_size = size
    panel.correct.tools.row.use(SNAP)
    for zoom in (2.0, 5.0):
        viewer.scene.camera.zoom = zoom
        circle_shown = viewer.canvas.overlays._brush_circle
        assert circle_shown.visible
        assert circle_shown.size == size * zoom
    layer.brush_size = size + 1
    assert circle_shown.size == (size + 1) * 5
    # with Alt the mouse changes it, and does not paint
    there = event(layer, (50, 50), "mouse_move", pos=(0, 0))
    there.modifiers, there.camera_zoom = ("Alt",), 5.0
    mouse_move_callbacks(layer, there)
    there.pos = np.array((50, 0))
    mouse_move_callbacks(layer, there)
    assert layer.brush_size == size + 11
    click(layer, (50, 50))
    assert not layer.data.any()
    there.modifiers = ()
    mouse_move_callbacks(layer, there)
    click(layer, (50, 50))
    assert layer.data.any()
    panel.correct.tools.row.use("pan_zoom")
    assert not circle_shown.visible


def test_where_a_tool_does_not_work_it_says_why_and_ours_rest(panel, qtbot, tmp_path):
    row = panel.correct.tools.row
    assert can_be_taken(row) == set()
    assert all("no mask" in button.toolTip() for button in row.buttons.values())
    assert not row.size.isEnabled()
    case = open_case(panel, qtbot, tmp_path, np.stack([circle()[0]] * 3))
    layer, dims, everything = case.labels, panel.viewer.dims, {tool.name for tool in TOOLS}
    assert can_be_taken(row) == everything
    row.use(WIRE)
    dims.ndisplay = 3
    assert can_be_taken(row) == everything - {"polygon", *OWN}
    assert "2D" in row.buttons[SNAP].toolTip()
    # its key says so, too
    keys_of(panel).press_key("S")
    assert "2D" in panel.correct.status.text()
    # the mouse turns the volume meanwhile
    assert row.chosen == "pan_zoom"
    assert layer.mouse_pan
    dims.ndisplay = 2
    assert row.chosen == WIRE
    dims.order = (1, 0, 2)
    assert can_be_taken(row) == everything - set(OWN)
    row.buttons["erase"].click()
    dims.order = (0, 1, 2)
    assert row.chosen == "erase"
    layer.n_edit_dimensions = 3
    assert can_be_taken(row) == everything - {"polygon"}
    layer.visible = False
    assert can_be_taken(row) == set()
    assert "hidden" in row.buttons["paint"].toolTip()
    layer.visible = True
    assert row.chosen == "erase"
    panel.viewer.layers.remove(layer)
    assert can_be_taken(row) == set()
    assert len(checked(row)) == 1


def test_nobody_draws_with_our_tools_on_a_mask_that_is_hidden(panel, case):
    layer, tools = case.labels, panel.correct.tools
    tools.row.use(SNAP)
    layer.visible = False
    click(layer, (50, 50))
    assert not layer.data.any()
    layer.visible = True
    click(layer, (50, 50))
    assert layer.data.any()


def test_undo_takes_back_the_last_click_of_an_open_live_wire_and_no_stroke(panel, qtbot, case):
    layer, tools, keys = case.labels, panel.correct.tools, keys_of(panel)
    layer.paint((20, 20), 1)
    painted = np.array(layer.data)
    tools.row.use(WIRE)
    # the last of them still waits for the way to it
    for angle in (0, 1, 2):
        click(layer, on_rim(angle))
    keys.press_key("Control-Z")
    qtbot.waitUntil(lambda: len(tools.wire._anchors) == 2 and tools.wire._wire is not None, timeout=WAIT)
    np.testing.assert_allclose(tools.wire._anchors, [on_rim(0), on_rim(1)])
    panel.correct.undo.click()
    np.testing.assert_allclose(tools.wire._anchors, [on_rim(0)])
    keys.press_key("Backspace")
    assert not tools.wire._anchors
    np.testing.assert_array_equal(layer.data, painted)
    assert panel.state.project.history(case.case_id)[-1].kind != "undo"
    # none is open: now it is the stroke's turn
    keys.press_key("Control-Z")
    qtbot.waitUntil(lambda: not layer.data.any(), timeout=WAIT)


def test_undo_takes_back_the_last_corner_of_an_open_polygon_too(panel, qtbot, case):
    layer, row, keys = case.labels, panel.correct.tools.row, keys_of(panel)
    layer.paint((150, 150), 1)
    row.use("polygon")
    for point in ((20, 20), (20, 60), (60, 60)):
        click(layer, point)
    points = layer._overlays["polygon"].points
    assert len(points) == 4
    keys.press_key("Control-Z")
    assert layer._overlays["polygon"].points == [*points[:2], points[3]]
    click(layer, (80, 20))
    keys.press_key("Enter")
    assert layer.data[40, 25] == 1
    assert layer.data[55, 57] == 0
    for point in ((100, 20), (100, 60)):
        click(layer, point)
    for left in (2, 0):
        keys.press_key("Control-Z")
        assert len(layer._overlays["polygon"].points) == left
    assert layer.data[150, 150] == 1
    # none is open: now it is the stroke's turn
    keys.press_key("Control-Z")
    qtbot.waitUntil(lambda: not layer.data[40, 25], timeout=WAIT)


@pytest.mark.parametrize("own", OWN)
def test_escape_gives_the_contour_up_and_then_puts_the_tool_away(panel, case, own):
    row, keys = panel.correct.tools.row, keys_of(panel)
    case.labels.mode = "fill"
    row.use(own)
    if own == WIRE:
        click(case.labels, on_rim(0))
        keys.press_key("Escape")
        assert not panel.correct.tools.wire._anchors
        assert row.chosen == own
    keys.press_key("Escape")
    assert row.chosen == "fill"
    # napari's Escape is napari's again
    assert "Escape" not in {str(key) for key in case.labels.keymap}


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_the_line_is_light_in_a_dark_rim_and_as_wide_on_the_screen_at_every_zoom(panel, qtbot, case, scale):
    case.image.scale = (scale, scale)
    wire, camera = panel.correct.tools.wire, panel.viewer.scene.camera
    panel.correct.tools.row.use(WIRE)
    click(case.labels, on_rim(0))
    mouse_move_callbacks(case.labels, event(case.labels, on_rim(1), "mouse_move"))
    rim, line = wire._line.layers
    assert rim.edge_color.max(axis=0).tolist() == [0, 0, 0, 1]
    assert line.edge_color[0, :2].min() > 0.8
    # the rim lies below the line, and both above the mask
    names = [layer.name for layer in panel.viewer.layers]
    assert names[-2:] == [rim.name, line.name]
    for zoom in (camera.zoom, 0.5, 30.0):
        camera.zoom = zoom
        assert line.edge_width * zoom * scale == pytest.approx(2)
        assert rim.edge_width * zoom * scale == pytest.approx(4)
        # the mark of the click is as large, too
        reach = np.abs(line.data[-4:, 0] - on_rim(0)).max() * zoom * scale
        assert 2 < reach < 5
    assert panel.viewer.layers.selection.active is case.labels
    keys_of(panel).press_key("Escape")
    assert [layer.name for layer in panel.viewer.layers] == names[:-2]
    camera.zoom = 3


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_icons_are_read_in_every_theme(qapp, tool):
    assert {"dark", "light"} <= set(available_themes())
    for colour in ("#ffffff", "#101010"):
        sizes = {}
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
            picture = tool_icon(tool.icon, colour).pixmap(QSize(20, 20), 1.0, mode).toImage()
            inked = [picture.pixelColor(x, y) for x in range(20) for y in range(20)]
            # drawn in the colour alone, neither empty nor a blot
            full = [pixel for pixel in inked if pixel.alpha() > 40]
            assert 30 < len(full) < 300
            assert all(abs(pixel.red() - int(colour[1:3], 16)) < 24 for pixel in full)
            sizes[mode] = max(pixel.alpha() for pixel in inked)
        assert sizes[QIcon.Mode.Disabled] < sizes[QIcon.Mode.Normal] / 2


def test_the_theme_changes_the_icons(panel, case):
    row = panel.correct.tools.row
    before, look = row.buttons["paint"].icon().cacheKey(), row.styleSheet()
    panel.viewer.theme = "light"
    assert row.buttons["paint"].icon().cacheKey() != before
    assert row.styleSheet() != look

"""Live-wire, snapping brush, operations and spotlights in a real napari window."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.interactions import (
    mouse_double_click_callbacks,
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QScrollArea
from scipy import ndimage

from napari_medseg.io import write_image
from napari_medseg.project import Project
from napari_medseg.widgets.keys import KEYS, rows

pytestmark = pytest.mark.gui
WAIT = 90_000
RADIUS = 40


def circle(side=200):
    yy, xx = np.mgrid[:side, :side]
    inside = np.hypot(yy - 100, xx - 100) < RADIUS
    noise = np.random.default_rng(0).normal(0, 6, inside.shape)
    return np.clip(60 + 100 * inside + noise, 0, 255).astype(np.uint8), inside


def open_case(panel, qtbot, tmp_path, data, **facts):
    """A project of one image (or volume) with an empty proposal that is open."""
    volume = data.ndim == 3
    path = tmp_path / ("i.nii.gz" if volume else "i.tif")
    write_image(path, data, volume=volume)
    with Project.create(tmp_path / "p") as project:
        project.add_case(path, shape=data.shape, **facts)
        project.set_proposal(1, np.zeros(data.shape, np.uint8), {"network": "none"})
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    case = panel.correct.view.current
    # no network: the image's own gradient is the edge map
    slices = [(z,) for z in range(len(data))] if volume else [()]
    case.edges.update({index: np.zeros(data.shape[-2:], np.float32) for index in slices})
    return case


def event(layer, point, kind="mouse_press", pos=(0, 0)):
    return SimpleNamespace(
        type=kind,
        position=tuple(layer.data_to_world(point)),
        pos=np.array(pos),
        button=1,
        dims_displayed=[layer.ndim - 2, layer.ndim - 1],
        modifiers=(),
        handled=False,
        is_dragging=False,
    )


def click(layer, point):
    here = event(layer, point)
    mouse_press_callbacks(layer, here)
    here.type = "mouse_release"
    mouse_release_callbacks(layer, here)


def kinds(panel, case):
    return [row.kind for row in panel.state.project.history(case.case_id)]


def on_rim(angle, z=()):
    return (*z, 100 + RADIUS * np.sin(angle), 100 + RADIUS * np.cos(angle))


def overlap(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_four_clicks_along_an_edge_outline_the_object(panel, qtbot, tmp_path):
    image, inside = circle()
    case = open_case(panel, qtbot, tmp_path, image)
    layer = case.labels
    panel.correct.tools.wire_button.click()
    assert str(layer.mode) == "pan_zoom"
    assert not layer.mouse_pan
    # faster than the ways are worked out: clicks wait for them
    for angle in (0, 1.6, 3.1, 4.7):
        click(layer, on_rim(angle))
    mouse_double_click_callbacks(layer, event(layer, on_rim(4.7)))
    qtbot.waitUntil(lambda: layer.data.any(), timeout=WAIT)
    assert overlap(layer.data > 0, inside) > 0.97
    # a straight contour through the four clicks would be a square
    qtbot.waitUntil(lambda: kinds(panel, case)[-1] == "live-wire", timeout=WAIT)
    assert [type(other).__name__ for other in panel.viewer.layers] == ["Image", "Labels"]
    panel.correct.undo.click()
    qtbot.waitUntil(lambda: not layer.data.any(), timeout=WAIT)


def test_the_line_is_seen_before_the_click_and_steps_can_be_taken_back(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer, wire = case.labels, panel.correct.tools.wire
    panel.correct.tools.wire_button.click()
    click(layer, on_rim(0))
    qtbot.waitUntil(lambda: wire._wire is not None, timeout=WAIT)
    mouse_move_callbacks(layer, event(layer, on_rim(1), "mouse_move"))
    preview = panel.viewer.layers["live-wire"]
    ends = preview.data[:, 0]
    assert np.abs(np.hypot(*(ends - 100).T) - RADIUS).max() < 3
    assert panel.viewer.layers.selection.active is layer
    click(layer, on_rim(1))
    qtbot.waitUntil(lambda: len(wire.contour) > 20 and wire._wire is not None, timeout=WAIT)
    wire.back()
    assert len(wire.contour) == 0
    wire.give_up()
    assert "live-wire" not in panel.viewer.layers
    assert not layer.data.any()
    # one of napari's tools puts ours away, and a double-click zooms again
    assert not panel.viewer.mouse_double_click_callbacks
    layer.mode = "erase"
    assert panel.viewer.mouse_double_click_callbacks
    assert not panel.correct.tools.wire_button.isChecked()
    assert wire.case is None
    assert layer.mouse_drag_callbacks.count(wire._drag) == 0


def test_the_brush_snaps_to_the_edge_and_a_press_is_one_stroke(panel, qtbot, tmp_path):
    image, inside = circle()
    case = open_case(panel, qtbot, tmp_path, image)
    layer = case.labels
    layer.brush_size = 30
    panel.correct.tools.toggle_snap()
    here = event(layer, (100, 125))
    here.is_dragging = True
    mouse_press_callbacks(layer, here)
    for angle in np.linspace(0, 2 * np.pi, 12):
        place = (100 + 25 * np.sin(angle), 100 + 25 * np.cos(angle))
        here.type, here.position = "mouse_move", tuple(layer.data_to_world(place))
        mouse_move_callbacks(layer, here)
    here.type = "mouse_release"
    mouse_release_callbacks(layer, here)
    painted = layer.data > 0
    assert painted.sum() > 3000
    assert (painted & ~inside).sum() / painted.sum() < 0.03
    qtbot.waitUntil(lambda: "snapping brush" in kinds(panel, case), timeout=WAIT)
    layer.undo()
    assert not layer.data.any()


def test_operations_are_steps_with_names_and_undo(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer = case.labels
    layer.data[20:60, 20:60] = 1
    layer.data[30:40, 30:40] = 0
    layer.data[150:152, 150:152] = 1
    layer.refresh()
    case.compare()
    tools = panel.correct.tools
    for name, wanted in (
        ("fill_holes", lambda d: d[35, 35] == 1),
        ("keep_largest", lambda d: not d[150:152, 150:152].any()),
        ("smooth", lambda d: d[20, 20] == 0),
    ):
        tools.buttons[name].click()
        qtbot.waitUntil(lambda wanted=wanted: wanted(layer.data), timeout=WAIT)
    qtbot.waitUntil(lambda: kinds(panel, case)[-3:] == ["fill holes", "keep largest", "smooth"], timeout=WAIT)
    for _ in range(3):
        panel.correct.undo.click()
    qtbot.waitUntil(lambda: layer.data[150, 150] == 1 and layer.data[35, 35] == 0, timeout=WAIT)
    tools.smallest.setValue(5)
    tools.apply("remove_small")
    qtbot.waitUntil(lambda: layer.data[150, 150] == 0, timeout=WAIT)
    layer.selected_label = 0
    tools.apply("smooth")
    assert "background" in tools.message.text()
    assert not tools.buttons["interpolate"].isEnabled()


def test_an_operation_on_a_mask_that_changed_meanwhile_is_dropped(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    case.labels.data[20:60, 20:60] = 1
    panel.correct.tools.apply("smooth")
    case.labels.data[100:110, 100:110] = 1
    qtbot.waitUntil(lambda: "dropped" in panel.correct.tools.message.text(), timeout=WAIT)
    assert case.labels.data[20, 20] == 1


def test_tools_in_a_volume_work_on_the_slice_that_is_shown(panel, qtbot, tmp_path):
    image, inside = circle()
    case = open_case(panel, qtbot, tmp_path, np.stack([image] * 5))
    layer = case.labels
    panel.viewer.dims.set_current_step(0, 3)
    panel.correct.tools.toggle_wire()
    for angle in (0, 1.6, 3.1, 4.7):
        click(layer, on_rim(angle, (3,)))
    mouse_double_click_callbacks(layer, event(layer, on_rim(4.7, (3,))))
    qtbot.waitUntil(lambda: layer.data.any(), timeout=WAIT)
    assert not layer.data[[0, 1, 2, 4]].any()
    assert overlap(layer.data[3] > 0, inside) > 0.97
    layer.data[0] = layer.data[3]
    panel.correct.tools.apply("interpolate")
    qtbot.waitUntil(lambda: layer.data[1:3].any(), timeout=WAIT)
    assert overlap(layer.data[2] > 0, inside) > 0.95


def test_the_worst_spot_is_shown_and_goes_out_where_one_draws(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer = case.labels
    # the mask is empty where the network will see the disc, or has what it does not see
    layer.data[150:190, 20:60] = 1
    case.compare()
    spots = panel.correct.spots
    panel.propose.task.setCurrentText("nuclei")
    spots.next.click()
    qtbot.waitUntil(lambda: spots.list.count() > 0 or "Nothing" in spots.message.text(), timeout=WAIT)
    first = spots._found.spots
    assert first
    # what was drawn by hand is never doubted
    assert not any(layer.data[spot.point] for spot in first)
    assert "1 of" in spots.message.text()
    centre = panel.viewer.scene.camera.center[-2:]
    np.testing.assert_allclose(centre, layer.data_to_world(first[0].point), atol=1e-6)
    rows, columns = (slice(max(0, v - 40), v + 40) for v in first[0].point)
    layer.data[rows, columns] = 2
    spots.step(1)
    qtbot.waitUntil(lambda: first[0] not in spots._found.spots, timeout=WAIT)


def test_the_list_of_keys_fits_a_small_window(seen, qtbot):
    window, correct = seen.viewer.window._qt_window, seen.correct
    window.showNormal()
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: window.width() == 1280, timeout=WAIT)
    correct.toggle_cheat_sheet()
    sheet = window.findChild(QScrollArea, "medseg_keys")
    assert sheet.isVisible() and window.rect().contains(sheet.geometry())
    page = sheet.widget()
    assert sheet.viewport().rect().contains(page.geometry()), "all of it is seen, without scrolling"
    # in a smaller one it scrolls and stays inside
    window.setMinimumSize(0, 0)
    sheet.parentWidget().resize(900, 500)
    sheet._place()
    assert window.rect().contains(sheet.geometry())
    qtbot.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton)
    assert not sheet.isVisible()


def test_keys_are_bound_shown_and_given_back(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer = case.labels
    bound = {str(key) for key in layer.keymap}
    assert {key.key.replace("-", "+") for key in KEYS} <= bound
    texts = [text for _, text in rows()]
    assert all(key.text in texts for key in KEYS)
    assert set(panel.correct.view.actions) == {key.action for key in KEYS}

    def press(name):
        call = {str(k): v for k, v in layer.keymap.items()}[name]
        call(layer)

    press("K")
    window = panel.window()
    sheet = window.findChild(QScrollArea, "medseg_keys")
    assert not sheet.isHidden()
    assert any("live-wire" in label.text() for label in sheet.findChildren(QLabel))
    press("K")
    assert sheet.isHidden()
    press("T")
    assert not layer.visible
    press("T")
    press("S")
    assert panel.correct.tools.snap.case is case
    press("S")
    assert str(layer.mode) == "paint"
    panel.correct.view.close_all()
    assert not {"P", "N"} & {str(key) for key in layer.keymap}


def test_the_edge_map_is_drawn_when_asked_for(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    case.edges[()] = ndimage.gaussian_filter(circle()[0].astype(np.float32), 1) / 255
    panel.correct.tools.maps.toggle()
    (edges,) = [layer for layer in panel.viewer.layers if layer.name.endswith(" edges")]
    assert edges.visible
    panel.correct.tools.maps.toggle()
    assert not edges.visible
    assert isinstance(panel.viewer.layers.selection.active, Labels)


def test_a_volume_gets_the_edge_map_of_the_slice_that_is_shown(panel, qtbot, tmp_path):
    volume = np.stack([np.roll(circle()[0], 20 * z, axis=1) for z in range(3)])
    case = open_case(panel, qtbot, tmp_path, volume)
    case.edges.clear()
    tools, dims = panel.correct.tools, panel.viewer.dims
    dims.set_point(0, dims.range[0].stop)
    tools.maps.toggle()
    qtbot.waitUntil(lambda: (2,) in case.edges and len(panel.viewer.layers) == 3, timeout=WAIT)
    (edges,) = [layer for layer in panel.viewer.layers if layer.name.endswith(" edges")]
    np.testing.assert_allclose(edges.data_to_world((0, 0, 0)), case.image.data_to_world((2, 0, 0)))
    np.testing.assert_array_equal(edges.data[0], case.edges[2,])
    assert 0 <= edges.data.min() < edges.data.max() <= 1
    # whoever stays at another slice sees its map, and the tools follow it
    dims.set_point(0, dims.range[0].start)
    qtbot.waitUntil(lambda: edges.data_to_world((0, 0, 0))[0] == case.image.data_to_world((0, 0, 0))[0], timeout=WAIT)
    np.testing.assert_array_equal(edges.data[0], case.edges[0,])
    assert set(case.edges) == {(0,), (2,)}
    tools.wire_button.click()
    assert tools.wire.edges((0,)) is case.edges[0,]
    # hidden: only a tool that is on asks for more
    tools.maps.toggle()
    dims.set_point(0, dims.range[0].start + dims.range[0].step)
    qtbot.waitUntil(lambda: (1,) in case.edges, timeout=WAIT)
    assert not edges.visible
    assert edges.data_to_world((0, 0, 0))[0] == case.image.data_to_world((0, 0, 0))[0]
    assert panel.viewer.layers.selection.active is case.labels


def test_a_closed_panel_no_longer_follows_the_slices(panel, qtbot, tmp_path):
    open_case(panel, qtbot, tmp_path, np.stack([circle()[0]] * 3))
    maps, dims = panel.correct.tools.maps, panel.viewer.dims
    dims.set_point(0, dims.range[0].stop)
    assert maps._stay.isActive()
    panel.correct.close_section()
    assert not maps._stay.isActive()
    dims.set_point(0, dims.range[0].start)
    assert not maps._stay.isActive()


def test_labels_get_names_and_colours(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    classes, project = panel.correct.classes, panel.state.project
    qtbot.waitUntil(lambda: classes.list.count() == 1, timeout=WAIT)
    classes.add.click()
    qtbot.waitUntil(lambda: classes.list.count() == 2, timeout=WAIT)
    assert [c.name for c in project.classes()] == ["label 1", "label 2"]
    classes.list.item(1).setText("optic cup")
    qtbot.waitUntil(lambda: project.classes()[1].name == "optic cup", timeout=WAIT)
    classes._store(2, "optic cup", "#00ff00")
    qtbot.waitUntil(lambda: np.allclose(case.labels.colormap.map(2), (0, 1, 0, 1)), timeout=WAIT)
    classes.list.setCurrentRow(1)
    assert case.labels.selected_label == 2
    # two of one name: told, and the list is as it was
    classes.list.item(1).setText("label 1")
    qtbot.waitUntil(lambda: classes.list.item(1).text() == "optic cup", timeout=WAIT)
    assert project.verify() == []


def test_next_and_previous_image(panel, qtbot, tmp_path):
    with Project.create(tmp_path / "p") as project:
        for number in range(3):
            path = tmp_path / f"{number}.tif"
            write_image(path, np.full((20, 20), number, np.uint8))
            project.add_case(path, shape=(20, 20))
            project.set_proposal(number + 1, np.zeros((20, 20), np.uint8), {})
            project.accept(number + 1)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.correct.table.rowCount() == 3, timeout=WAIT)
    for by, wanted in ((1, 1), (1, 2), (-1, 1), (-1, 3)):
        panel.correct.open_neighbour(by)
        qtbot.waitUntil(lambda wanted=wanted: panel.state.case_id == wanted, timeout=WAIT)

"""Whoever set the brush up does so once."""

import pytest

from napari_medseg.app.settings import load_settings, save_settings
from tests.widgets.helpers import WAIT, add_sample, choose, labels_of, propose

pytestmark = pytest.mark.gui


def next_mask(panel, qtbot):
    before = panel.state.case_id
    panel.correct.open_neighbour(1)
    qtbot.waitUntil(lambda: panel.state.case_id not in (None, before), timeout=WAIT)
    return panel.correct.view.current.labels


def test_brush_look_and_label_go_on_to_the_next_image_and_the_next_session(project_panel, qtbot):
    panel = project_panel
    mask = panel.correct.view.current.labels
    classes = panel.correct.classes
    qtbot.waitUntil(lambda: classes.list.count() > 0, timeout=WAIT)
    classes.add.click()
    qtbot.waitUntil(lambda: classes.list.count() == 2, timeout=WAIT)
    mask.brush_size, mask.opacity, mask.preserve_labels, mask.mode = 33, 0.25, True, "erase"
    # in napari's own control; the list of labels follows
    mask.selected_label = 2
    assert classes.list.currentRow() == 1
    first = panel.correct.view.current
    second = next_mask(panel, qtbot)
    assert panel.correct.view.current is not first
    assert (second.brush_size, second.opacity, second.preserve_labels) == (33, 0.25, True)
    assert (second.selected_label, str(second.mode)) == (2, "erase")
    assert panel.viewer.layers.selection.active is second
    # one without a name counts too
    second.selected_label = 7
    assert classes.list.currentRow() == -1
    assert next_mask(panel, qtbot).selected_label == 7
    panel.correct.view.current.labels.brush_size = 21
    panel.shut_down()
    stored = load_settings()
    assert (stored["brush_size"], stored["opacity"]) == (21, 0.25)


@pytest.mark.parametrize("stored", [{"brush_size": 21, "opacity": 0.25}, {"brush_size": "large", "opacity": 0}, {}])
def test_the_next_session_begins_with_brush_and_opacity_of_the_last(qtbot, stored, request):
    save_settings(**stored)
    panel = request.getfixturevalue("panel")
    add_sample(panel)
    choose(panel)
    propose(panel, qtbot)
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    (mask,) = labels_of(panel)
    assert (mask.brush_size, mask.opacity) == ((21, 0.25) if stored.get("opacity") else (10, 0.5))


@pytest.mark.parametrize("tool", ["wire", "snap"])
def test_a_tool_that_is_on_goes_on_to_the_next_image(project_panel, qtbot, tool):
    panel = project_panel
    tools, first = panel.correct.tools, panel.correct.view.current.labels
    mine, button = getattr(tools, tool), getattr(tools, f"{tool}_button")
    button.click()
    second = next_mask(panel, qtbot)
    case = panel.correct.view.current
    assert mine.case is case
    assert button.isChecked()
    assert str(second.mode) == "pan_zoom"
    assert not second.mouse_pan
    # the old image's mouse is given back, in whichever layer the new one is
    assert sum(layer.mouse_drag_callbacks.count(mine._drag) for layer in {first, second}) == 1
    # the edge map that it follows is this image's
    qtbot.waitUntil(lambda: () in case.edges, timeout=WAIT)
    assert case.edges[()].shape == case.image.data.shape[:2]
    # put away, it stays away
    second.mode = "paint"
    third = next_mask(panel, qtbot)
    assert mine.case is None
    assert not button.isChecked()
    assert str(third.mode) == "paint"

"""Undo and redo are offered where there is something, and the proposal goes only where that is wanted."""

import pytest
from qtpy.QtWidgets import QMessageBox

from tests.widgets.test_tools import WAIT, circle, open_case

pytestmark = pytest.mark.gui


def answer(panel, qtbot, words):
    """Press a button of the question that is asked."""
    qtbot.waitUntil(lambda: bool(panel.correct.findChildren(QMessageBox)), timeout=WAIT)
    (box,) = panel.correct.findChildren(QMessageBox)
    assert "proposal" in box.text()
    next(button for button in box.buttons() if button.text() == words).click()
    qtbot.waitUntil(lambda: not panel.correct.findChildren(QMessageBox), timeout=WAIT)


def test_the_last_stroke_is_undone_and_the_proposal_only_after_a_question(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    project, undo, redo = panel.state.project, panel.correct.undo, panel.correct.redo
    qtbot.waitUntil(undo.isEnabled, timeout=WAIT)
    assert not redo.isEnabled()
    case.labels.paint((50, 50), 1)
    qtbot.waitUntil(lambda: project.case(1).strokes == 1, timeout=WAIT)
    assert undo.isEnabled()
    undo.click()
    qtbot.waitUntil(lambda: not case.labels.data.any(), timeout=WAIT)
    qtbot.waitUntil(redo.isEnabled, timeout=WAIT)
    # what was undone is no stroke of the mask any more
    assert project.case(1).strokes == 0
    assert project.case(1).state == "proposed"
    panel.correct.view.undo()
    answer(panel, qtbot, "Keep it")
    assert project.case(1).state == "proposed"
    panel.correct.view.undo()
    answer(panel, qtbot, "Take it back")
    qtbot.waitUntil(lambda: project.case(1).state == "new", timeout=WAIT)
    qtbot.waitUntil(lambda: redo.isEnabled() and not undo.isEnabled(), timeout=WAIT)
    for _ in range(2):
        panel.correct.view.redo()
    qtbot.waitUntil(lambda: project.case(1).strokes == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: undo.isEnabled() and not redo.isEnabled(), timeout=WAIT)


def test_without_an_image_there_is_nothing_to_undo(panel):
    assert not panel.correct.undo.isEnabled()
    assert not panel.correct.redo.isEnabled()


def test_the_objects_that_are_shown_follow_the_mask(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    layer = case.labels
    layer.data[20:40, 20:40] = 1
    layer.refresh()
    panel.correct.tools.number_objects()
    qtbot.waitUntil(lambda: "i objects" in panel.viewer.layers, timeout=WAIT)
    objects = panel.viewer.layers["i objects"]
    assert objects.data.max() == 1
    objects.visible = False
    layer.brush_size = 20
    layer.paint((150, 150), 1)
    qtbot.waitUntil(lambda: objects.data.max() == 2, timeout=WAIT)
    assert not objects.visible
    assert panel.viewer.layers.selection.active == layer
    assert "2 objects" in panel.correct.tools.message.text()
    panel.viewer.layers.remove(objects)
    layer.paint((60, 150), 1)
    qtbot.wait(1000)
    assert "i objects" not in panel.viewer.layers


def test_what_was_asked_before_a_press_greys_nothing_after_it(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    case.labels.paint((50, 50), 1)
    qtbot.waitUntil(lambda: panel.state.project.case(case.case_id).strokes == 1, timeout=WAIT)
    panel.correct.undo.click()
    # an answer of before the press comes late
    panel.correct.moves.tell((case.case_id, True, False))
    assert panel.correct.redo.isEnabled()

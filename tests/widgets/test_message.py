"""What is said has one place, goes when it is past, and moves no button."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QPushButton

from napari_medseg.widgets.message import Message, Of
from tests.widgets.helpers import WAIT, stored

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("of", list(Of))
@pytest.mark.parametrize("past", list(Of))
def test_a_sentence_goes_with_what_it_speaks_of_and_with_what_that_is_part_of(qtbot, of, past):
    message = Message()
    qtbot.addWidget(message)
    message.say("so it is", of)
    message.past(past)
    assert bool(message.text()) == (of > past)


def test_what_is_noted_is_read_on_the_next_image_too(qtbot):
    message = Message()
    qtbot.addWidget(message)
    message.note("accepted")
    message.past(Of.MASK)
    message.past(Of.IMAGE)
    assert message.text() == "accepted"
    message.past(Of.IMAGE)
    assert message.text() == ""


def test_what_a_tool_said_goes_with_the_next_stroke(project_panel, qtbot):
    panel = project_panel
    case, said = panel.correct.view.current, panel.correct.status
    stored(panel, qtbot)
    panel.correct.tools.apply("remove_small")
    qtbot.waitUntil(lambda: said.text().startswith("Remove small:"), timeout=WAIT)
    labels = np.array(case.labels.data)
    labels[:9, :9] = 1
    case.labels.data = labels
    case.compare()
    assert said.text() == ""
    # what is no word on the mask stays
    said.setText("of the image")
    panel.correct.view.undo()
    stored(panel, qtbot)
    assert said.text() == "of the image"


def places(panel):
    return {one: one.mapTo(panel, QPoint()) for one in panel.findChildren(QPushButton) if one.isVisible()}


def test_no_button_moves_when_something_is_said_or_asked(project_panel, qtbot):
    panel = project_panel
    panel.window().resize(1400, 900)
    panel.window().show()
    long = "A sentence that is longer than the panel is wide, and goes on, and on, until it needs many lines. " * 6
    asked = panel.correct.pieces
    for tab, message in enumerate(panel._messages()):
        panel.tabs.setCurrentIndex(tab)
        qtbot.wait(100)
        before = places(panel)
        assert before
        message.setText(long)
        panel.waiting.show()
        panel.correct.opening.show()
        if tab == 1:
            asked.text.setText("Keep?")
            asked.show()
        qtbot.wait(50)
        now = places(panel)
        assert {one: now.get(one) for one in before} == before
        for widget in (panel.waiting, panel.correct.opening, asked):
            widget.hide()
        message.setText("")


def test_a_word_on_the_last_image_goes_in_every_tab(project_panel, qtbot):
    panel = project_panel
    for tab in (0, 2, 3):
        panel.tabs.setCurrentIndex(tab)
        panel.bus.told.emit("not of this image")
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    panel.correct.view.open_case(2)
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    assert [message.text() for message in panel._messages()] == [""] * 4

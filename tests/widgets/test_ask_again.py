"""An accept is never lost unasked."""

import pytest
from qtpy.QtWidgets import QMessageBox

from tests.widgets.helpers import WAIT, accept, stored

pytestmark = pytest.mark.gui
ALL = "All images are accepted"


def asked(panel):
    return panel.window().findChildren(QMessageBox)


def answer(panel, qtbot, words):
    qtbot.waitUntil(lambda: bool(asked(panel)), timeout=WAIT)
    (box,) = asked(panel)
    assert box.text() == "This image is accepted. Propose again all the same?"
    next(button for button in box.buttons() if button.text() == words).click()
    qtbot.waitUntil(lambda: not asked(panel), timeout=WAIT)


def test_an_accepted_image_is_proposed_on_again_only_after_a_question(panel, case, qtbot):
    project, status = panel.state.project, panel.correct.status
    # one that is not accepted is proposed on as it is asked for
    panel.propose.run.click()
    qtbot.waitUntil(panel.propose.run.isEnabled, timeout=WAIT)
    assert not asked(panel)
    stored(panel, qtbot)
    accept(panel, qtbot)
    qtbot.waitUntil(lambda: ALL in status.text(), timeout=WAIT)
    panel.propose.run.click()
    answer(panel, qtbot, "Keep it accepted")
    assert panel.propose.run.isEnabled()
    assert project.case(1).state == "accepted" and ALL in status.text()
    panel.propose.run.click()
    answer(panel, qtbot, "Propose again")
    qtbot.waitUntil(lambda: project.case(1).state == "proposed", timeout=WAIT)
    # what is no longer so is no longer said
    qtbot.waitUntil(lambda: ALL not in status.text(), timeout=WAIT)
    # and undo brings the accept back, as the question says
    stored(panel, qtbot)
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: project.case(1).state == "accepted", timeout=WAIT)

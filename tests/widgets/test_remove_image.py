"""An image is taken off the list by key or by right click; added again, it is back with what was drawn on it."""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMenu, QMessageBox

from napari_medseg.app.images import add_images
from napari_medseg.project import Project
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


@pytest.fixture
def listed(seen, qtbot, tmp_path):
    """Two images; something is drawn on the first, which is open."""
    (tmp_path / "i").mkdir()
    for number, name in enumerate("ab"):
        Image.fromarray(np.full((20, 30), 90 + number, np.uint8)).save(tmp_path / "i" / f"{name}.png")
    with Project.create(tmp_path / "p") as project:
        add_images(project, [tmp_path / "i"])
        project.commit_stroke(1, np.ones((20, 30), np.uint8))
    seen.tabs.setCurrentIndex(1)
    seen.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: seen.state.case_id == 1 and seen.correct.table.rowCount() == 2, timeout=WAIT)
    return seen


def asked(panel, qtbot):
    qtbot.waitUntil(lambda: bool(panel.correct.table.findChildren(QMessageBox)), timeout=WAIT)
    return panel.correct.table.findChildren(QMessageBox)[-1]


def press(box, text):
    next(button for button in box.buttons() if button.text() == text).click()


def test_the_key_asks_and_what_was_drawn_comes_back_with_the_image(listed, qtbot, tmp_path):
    table, project = listed.correct.table, listed.state.project
    table.setCurrentIndex(table.cases.index(0, 0))
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    box = asked(listed, qtbot)
    assert box.text() == "Remove 'a' from the project?"
    assert "Its mask and your 1 stroke stay stored" in box.informativeText()
    press(box, "Keep it")
    assert len(project.cases()) == 2 and listed.state.case_id == 1
    listed.correct.removing.ask(0)
    press(asked(listed, qtbot), "Remove")
    # it was open: another one is
    qtbot.waitUntil(lambda: table.ids() == [2] and listed.state.case_id == 2, timeout=WAIT)
    assert "'a' was removed" in listed.correct.status.text()
    listed.correct.add_files([str(tmp_path / "i" / "a.png")])
    qtbot.waitUntil(lambda: table.ids() == [1, 2], timeout=WAIT)
    assert project.case(1).strokes == 1 and project.verify() == []


def test_a_right_click_offers_it(listed, qtbot):
    table = listed.correct.table
    table.customContextMenuRequested.emit(QPoint(5, table.rowViewportPosition(1) + 2))
    menu = table.findChild(QMenu)
    (action,) = menu.actions()
    action.trigger()
    menu.close()
    press(asked(listed, qtbot), "Remove")
    qtbot.waitUntil(lambda: table.ids() == [1], timeout=WAIT)
    # the one that was open stays so
    assert listed.state.case_id == 1

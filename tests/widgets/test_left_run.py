"""Closing the window, the panel or the project while training is at work, and a trainer that dies."""

import gc
import os
import signal
import sys

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_medseg.app.demo import sample_project
from napari_medseg.project import Project
from napari_medseg.project.lock import training_in
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import SPEC_FILE, read_events
from tests.app.helpers import accept

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("short_epochs")]
WAIT = 120_000


@pytest.fixture
def open_panel(make_napari_viewer, qtbot, tmp_path):
    with sample_project(tmp_path / "p") as project:
        accept(project, 6)
    opened = []

    def make():
        viewer = make_napari_viewer()
        _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
        panel.viewer = viewer
        opened.append(panel)
        panel.correct.open_project(tmp_path / "p")
        qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
        return panel

    yield make
    for panel in opened:
        panel.shut_down()


@pytest.fixture
def waiting(trainers):
    """Fake trainers, which stay in their first epoch."""
    trainers.waits = True
    return trainers


def begin(panel, qtbot, epochs):
    panel.retrain.epochs.setValue(epochs)
    panel.retrain.start.click()
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)


def test_a_run_finishes_after_the_window_is_closed_and_is_judged_in_the_next(open_panel, qtbot, answer, waiting):
    panel = open_panel()
    begin(panel, qtbot, 6)
    window = panel.viewer.window._qt_window
    # napari's own fixture closes it once more
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    asked = answer("Stay here")
    assert not window.close()
    assert asked == ["Training is at work. Let it finish after the window is closed?"]
    assert panel.retrain.cancel.isEnabled()
    answer("Let it finish")
    assert window.close()
    assert panel.state.project is None
    waiting[0].finish()
    again = open_panel()
    outcome = again.retrain.outcome
    qtbot.waitUntil(lambda: not outcome.checks.isHidden(), timeout=WAIT)
    assert outcome.table.rowCount() == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_trainer_that_was_killed_is_told_and_resumed_by_one_click(open_panel, qtbot):
    panel = open_panel()
    begin(panel, qtbot, 400)
    folder = panel.state.project.runs()[-1].folder
    os.kill(training_in(folder)["pid"], signal.SIGKILL)
    qtbot.waitUntil(lambda: not panel.retrain.resume.isHidden(), timeout=WAIT)
    assert "ended by signal SIGKILL (often the system ran out of memory)" in panel.retrain.message.text()
    assert "broke off after epoch" in panel.retrain.message.text()
    panel.retrain.resume.click()
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)
    epoch = int(panel.retrain.message.text().split()[1])
    assert epoch > 1
    panel.retrain.cancel.click()
    qtbot.waitUntil(lambda: training_in(folder) is None, timeout=WAIT)


@pytest.fixture
def answer(qtbot):
    """Answers the next question by a click on the button with this text; gives what was asked."""
    timers = []

    def prepare(text):
        asked, timer = [], QTimer()

        def look():
            box = QApplication.activeModalWidget()
            if isinstance(box, QMessageBox):
                timer.stop()
                asked.append(box.text())
                next(button for button in box.buttons() if button.text() == text).click()

        timer.timeout.connect(look)
        timer.start(50)
        timers.append(timer)
        return asked

    yield prepare
    for timer in timers:
        timer.stop()


def opened(panel, qtbot, name):
    qtbot.waitUntil(lambda: panel.state.project is not None and panel.state.project.path.name == name, timeout=WAIT)


def test_opening_another_project_asks_what_becomes_of_the_run(open_panel, qtbot, answer, waiting, tmp_path):
    panel = open_panel()
    Project.create(tmp_path / "other").close()
    begin(panel, qtbot, 500)
    folder = panel.state.project.runs()[-1].folder

    asked = answer("Stay here")
    panel.correct.open_project(tmp_path / "other")
    assert asked == ["Training is at work. Let it finish after another project is opened?"]
    assert panel.state.project.path.name == "p"
    assert panel.retrain.cancel.isEnabled()

    answer("Let it finish")
    panel.correct.open_project(tmp_path / "other")
    opened(panel, qtbot, "other")
    assert "The training of p goes on alone. Open p again" in panel.retrain.message.text()
    assert panel.retrain.start.isEnabled()
    assert training_in(folder) is not None

    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)
    answer("Cancel training")
    panel.correct.open_project(tmp_path / "other")
    opened(panel, qtbot, "other")
    assert training_in(folder) is None
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: not panel.retrain.resume.isHidden(), timeout=WAIT)
    assert panel.state.project.runs()[-1].state == "cancelled"


def test_a_window_that_was_not_closed_after_all_follows_its_run(open_panel, qtbot, waiting):
    """The person lets it finish, and says No in napari's own dialog."""
    panel = open_panel()
    begin(panel, qtbot, 500)
    folder = panel.state.project.runs()[-1].folder
    assert panel.retrain.may_close(lambda question: "finish") is True
    waiting[0].train_one()
    qtbot.waitUntil(lambda: "Epoch 2" in panel.retrain.message.text(), timeout=WAIT)
    panel.retrain.cancel.click()
    assert "Cancelled" in panel.retrain.message.text()
    qtbot.waitUntil(lambda: training_in(folder) is None, timeout=WAIT)

    # what was cancelled can be resumed at once, on another device too
    qtbot.waitUntil(lambda: not panel.retrain.resume.isHidden(), timeout=WAIT)
    assert "press Resume to go on from there" in panel.retrain.message.text()
    assert RunSpec.from_json((folder / SPEC_FILE).read_text()).budget.device == "auto"
    panel.propose.device.setCurrentText("cpu")
    panel.retrain.resume.click()
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)
    assert RunSpec.from_json((folder / SPEC_FILE).read_text()).budget.device == "cpu"
    assert read_events(folder / "events.jsonl")[0][-1]["event"] != "failed"
    # the word of the first sitting does not count in this one
    panel.shut_down()
    assert training_in(folder) is None


@pytest.mark.parametrize("script", [False, True], ids=["asked", "a script closes it"])
def test_a_closed_window_leaves_no_trainer_that_nobody_wanted(open_panel, qtbot, answer, waiting, tmp_path, script):
    panel = open_panel()
    begin(panel, qtbot, 500)
    folder = panel.state.project.runs()[-1].folder
    answer("Cancel training")
    if script:
        panel.viewer.close()
    else:
        panel.viewer.window._qt_window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        assert panel.viewer.window._qt_window.close()
    assert training_in(folder) is None
    with Project.open(tmp_path / "p") as project:
        assert project.recovered is None
        assert project.runs()[-1].state == "cancelled"


def test_closing_only_the_panel_asks_and_lets_the_run_finish(open_panel, qtbot, answer, waiting, tmp_path):
    panel = open_panel()
    begin(panel, qtbot, 500)
    folder = panel.state.project.runs()[-1].folder
    dock = panel.parent()
    dock.setFloating(True)
    dock.title.hide_button.click()
    qtbot.wait(200)
    assert panel.retrain.cancel.isEnabled()
    dock.show()
    asked = answer("Let it finish")
    dock.title.close_button.click()
    assert asked == ["Training is at work. Let it finish after the panel is closed?"]
    del panel, dock
    gc.collect()
    qtbot.wait(100)
    assert training_in(folder) is not None
    # all was stored and let go of
    with Project.open(tmp_path / "p") as project:
        assert project.runs()[-1].state == "running"

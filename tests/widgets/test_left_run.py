"""Closing the window while training is at work, and a trainer that dies."""

import os
import signal
import sys

import numpy as np
import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.app.samples import samples_of
from napari_medseg.io import read_mask
from napari_medseg.project.lock import training_in

pytestmark = [pytest.mark.gui, pytest.mark.slow]
WAIT = 120_000
TRUTH = {sample.name: read_mask(sample.mask) for sample in samples_of("nuclei")}


@pytest.fixture
def open_panel(make_napari_viewer, qtbot, tmp_path):
    with sample_project(tmp_path / "p") as project:
        for case in project.cases():
            project.commit_stroke(case.id, TRUTH[case.name].astype(np.uint8))
            project.accept(case.id)
    opened = []

    def make():
        viewer = make_napari_viewer()
        _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
        opened.append(panel)
        panel.correct.open_project(tmp_path / "p")
        qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
        return panel

    yield make
    for panel in opened:
        panel.shut_down()


def begin(panel, qtbot, epochs):
    panel.retrain.epochs.setValue(epochs)
    panel.retrain.start.click()
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)


def test_a_run_finishes_after_the_window_is_closed_and_is_judged_in_the_next(open_panel, qtbot):
    panel = open_panel()
    begin(panel, qtbot, 6)
    asked = []
    assert panel.retrain.may_close(lambda question: asked.append(question) or "stay") is False
    assert "Let it finish" in asked[0]
    assert panel.retrain.may_close(lambda question: "finish") is True
    panel.shut_down()
    again = open_panel()
    outcome = again.retrain.outcome
    qtbot.waitUntil(lambda: not outcome.checks.isHidden(), timeout=WAIT)
    assert outcome.table.rowCount() == 2


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

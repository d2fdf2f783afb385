"""The whole loop in a real napari window: accept, retrain, adopt, go back, export."""

import re
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_medseg.app.review import review_run
from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_mask
from napari_medseg.project import Project
from napari_medseg.project.run_spec import RunSpec
from tests.app.helpers import accept
from tests.widgets.helpers import WAIT, labels_of, propose

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("short_epochs")]


@pytest.mark.slow
def test_the_whole_loop(project_panel, qtbot, tmp_path):
    panel = project_panel
    for left in range(6, 0, -1):
        number = panel.state.case_id
        name = panel.state.project.case(number).name
        truth = read_mask(next(s for s in sample_images() if s.name == name).mask)
        (mask,) = labels_of(panel)
        mask.data[...] = truth
        mask.refresh()
        panel.correct.accept.click()
        if left > 1:
            qtbot.waitUntil(lambda n=number: panel.state.case_id not in (None, n), timeout=WAIT)
    qtbot.waitUntil(lambda: "All images are accepted" in panel.correct.status.text(), timeout=WAIT)
    assert {case.state for case in panel.state.project.cases()} == {"accepted"}

    before = panel.state.weights
    panel.retrain.epochs.setValue(2)
    panel.retrain.start.click()
    outcome = panel.retrain.outcome
    qtbot.waitUntil(lambda: not outcome.checks.isHidden(), timeout=2 * WAIT)
    assert panel.retrain.minimumSizeHint().width() < 310  # the panel's width, with a scroll bar: nothing is cut off
    assert outcome.table.rowCount() == 2
    assert "On 2 test images the new network agrees" in outcome.checks.text()
    if not outcome.adopt.isHidden():
        assert "old network stays" in panel.retrain.message.text()
        outcome.adopt.click()
    qtbot.waitUntil(lambda: panel.state.weights != before, timeout=WAIT)
    new = panel.state.weights
    assert Path(new).is_file()
    assert panel.propose.weights.findData(before) >= 0
    # one click back, and forth again
    qtbot.waitUntil(lambda: panel.retrain.versions.list.count() == 2, timeout=WAIT)
    listed = [panel.retrain.versions.list.itemText(row) for row in range(2)]
    assert listed[0] == "Original network: Cell nuclei (microscopy)"
    assert listed[1].startswith("Round 1, 2")
    for row, weights in ((0, before), (1, new)):
        panel.retrain.versions.list.setCurrentIndex(row)
        panel.retrain.versions.use.click()
        qtbot.waitUntil(lambda weights=weights: panel.state.weights == weights, timeout=WAIT)
    assert panel.retrain.message.text() == "Round 1 in use."

    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.all.setChecked(True)
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 6 files" in panel.export.message.text(), timeout=WAIT)
    written = read_mask(tmp_path / "out" / "nuclei_2_mask.tif")
    np.testing.assert_array_equal(written, read_mask(next(s for s in sample_images() if s.name == "nuclei_2").mask))
    path = panel.state.project.path
    panel.shut_down()
    with Project.open(path) as again:
        assert again.recovered is None
        assert again.verify() == []


def retrain(panel, qtbot, epochs=1):
    """Accept three proposals and begin."""
    for case in panel.state.project.cases()[:3]:
        panel.state.project.accept(case.id)
    panel.retrain.epochs.setValue(epochs)
    panel.retrain.start.click()


def shown(panel):
    """The message without its tags."""
    return re.sub("<.*?>", "", panel.retrain.message.text())


def test_cancelling_a_run_leaves_the_weights(project_panel, qtbot, trainers):
    panel, trainers.waits = project_panel, True
    before = panel.state.weights
    retrain(panel, qtbot, 500)
    qtbot.waitUntil(lambda: "Epoch 1 of 500" in panel.retrain.message.text(), timeout=WAIT)
    panel.retrain.cancel.click()
    assert "Cancelled" in panel.retrain.message.text()
    assert panel.retrain.start.isEnabled()
    qtbot.waitUntil(lambda: panel.state.project.runs()[-1].state == "cancelled", timeout=WAIT)
    assert panel.state.weights == before


def test_a_round_is_of_the_task_that_is_chosen(project_panel, qtbot, trainers):
    panel, trainers.waits = project_panel, True
    panel.propose.choice.choose("nuclei", "sgd-net-s/generalist@1")
    retrain(panel, qtbot)
    qtbot.waitUntil(lambda: bool(panel.state.project.runs()), timeout=WAIT)
    spec = RunSpec.from_json(panel.state.project.runs()[-1].spec)
    assert (spec.network, spec.task) == ("sgd-net-s", "nuclei")
    panel.retrain.cancel.click()
    qtbot.waitUntil(lambda: panel.state.project.runs()[-1].state == "cancelled", timeout=WAIT)


def test_a_run_that_is_cancelled_before_it_began_ends(project_panel, qtbot, trainers):
    panel = project_panel
    retrain(panel, qtbot)
    panel.retrain.cancel.click()
    assert "Cancelled. The network" in panel.retrain.message.text()
    assert panel.retrain.start.isEnabled()
    qtbot.waitUntil(lambda: [run.state for run in panel.state.project.runs()] == ["cancelled"], timeout=WAIT)
    assert list(trainers) == []
    # there is nothing to resume, which is said
    qtbot.waitUntil(lambda: "before its first epoch was done" in panel.retrain.message.text(), timeout=WAIT)
    assert panel.retrain.resume.isHidden()


def test_a_review_holds_up_no_proposal_and_can_be_cancelled_and_resumed(project_panel, qtbot, trainers, monkeypatch):
    panel, go_on = project_panel, Event()

    def long_review(*arguments, **options):
        go_on.wait(60)
        return review_run(*arguments, **options)

    monkeypatch.setattr("napari_medseg.app.round.review_run", long_review)
    retrain(panel, qtbot)
    # of two images, none is kept for testing
    qtbot.waitUntil(lambda: "looking whether the accepted masks fit" in panel.retrain.message.text(), timeout=WAIT)
    propose(panel, qtbot)
    assert panel.retrain._round.state == "reviewing"
    panel.retrain.cancel.click()
    assert "Cancelled" in panel.retrain.message.text()
    go_on.set()
    qtbot.waitUntil(lambda: "is trained and was not judged: press Resume" in panel.retrain.message.text(), timeout=WAIT)
    assert panel.state.project.runs()[-1].state == "cancelled"
    panel.retrain.resume.click()
    qtbot.waitUntil(lambda: not panel.retrain.outcome.checks.isHidden(), timeout=WAIT)
    # three accepted proposals: nobody judges
    assert shown(panel) == "Your choice."
    assert panel.retrain.outcome.checks.text().startswith("? No image was kept for testing")
    assert panel.retrain.outcome.adopt.text() == "Use the new one"
    assert panel.state.project.runs()[-1].state == "kept"


def test_a_round_that_breaks_says_why_and_can_be_resumed(project_panel, qtbot, trainers):
    panel, trainers.waits = project_panel, True
    retrain(panel, qtbot, 3)
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)
    trainers[0].fail("Training ran out of memory.")
    qtbot.waitUntil(lambda: "broke off after epoch 1 of 3" in panel.retrain.message.text(), timeout=WAIT)
    assert panel.retrain.message.text().startswith("Training ran out of memory.")
    assert panel.state.project.runs()[-1].state == "failed"
    trainers.waits = False
    panel.retrain.resume.click()
    qtbot.waitUntil(lambda: not panel.retrain.outcome.checks.isHidden(), timeout=WAIT)
    panel.retrain.outcome.keep.click()
    assert panel.retrain.message.text() == "The old network stays."
    assert panel.retrain.outcome.keep.isHidden()


def test_what_cannot_be_planned_is_told_and_nothing_runs(project_panel, qtbot, trainers):
    panel = project_panel
    panel.retrain.start.click()
    qtbot.waitUntil(lambda: "Accept at least 2 images first (0 so far)." in panel.retrain.message.text(), timeout=WAIT)
    assert panel.retrain.start.isEnabled()
    assert panel.state.project.runs() == []


def test_a_refusal_is_said_once_in_the_panel_that_is_seen_and_the_bar_is_empty(
    project_panel, qtbot, trainers, tmp_path
):
    panel, section = project_panel, project_panel.retrain
    panel.window().show()
    said = len(notification_manager.records)
    panel.tabs.setCurrentIndex(2)
    why = "Accept at least 2 images first (0 so far)."
    qtbot.waitUntil(lambda: section.ahead.text() == why, timeout=WAIT)
    section.start.click()
    qtbot.waitUntil(lambda: section.message.text() == why, timeout=WAIT)
    qtbot.waitUntil(lambda: section.start.isEnabled() and section.progress.isHidden(), timeout=WAIT)
    qtbot.wait(300)
    assert section.ahead.text() == "" and section.message.text() == why
    # once another thing stands in the way, that is said alone
    panel.state.project.accept(1)
    panel.bus.cases_changed.emit()
    qtbot.waitUntil(lambda: "(1 so far)" in section.ahead.text(), timeout=WAIT)
    assert section.message.text() == ""
    panel.tabs.setCurrentIndex(1)
    panel.correct.view.current.labels.visible = False
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: "out of sight" in panel.correct.status.text(), timeout=WAIT)
    panel.tabs.setCurrentIndex(3)
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.start()
    qtbot.waitUntil(lambda: "out of sight" in panel.export.message.text(), timeout=WAIT)
    assert [record.message for record in notification_manager.records[said:]] == []
    # where nobody sees the panel's words, a balloon says them
    panel.tabs.setCurrentIndex(1)
    panel.export.start()
    qtbot.waitUntil(lambda: len(notification_manager.records) == said + 1, timeout=WAIT)


def test_what_will_happen_is_said_while_somebody_looks(project_panel, qtbot, trainers):
    panel, ahead = project_panel, project_panel.retrain.ahead
    panel.window().show()
    panel.tabs.setCurrentWidget(next(panel.tabs.widget(n) for n in range(4) if panel.tabs.tabText(n) == "Retrain"))
    qtbot.waitUntil(lambda: ahead.text() == "Accept at least 2 images first (0 so far).", timeout=WAIT)
    accept(panel.state.project, 4)
    panel.bus.cases_changed.emit()
    qtbot.waitUntil(
        lambda: ahead.text().startswith("4 accepted: 3 to learn from, 1 to judge, from Cell nuclei (microscopy) v"),
        timeout=WAIT,
    )
    panel.retrain.epochs.setValue(1)
    panel.retrain.minutes.setValue(0)
    qtbot.waitUntil(lambda: "perhaps 1 minute" in ahead.text(), timeout=WAIT)
    trainers.waits = True
    panel.retrain.start.click()
    assert panel.retrain.progress.format() == "Preparing"
    assert ahead.isHidden()
    qtbot.waitUntil(lambda: panel.retrain.progress.format() == "Epoch 1 of 1", timeout=WAIT)
    panel.retrain.cancel.click()
    qtbot.waitUntil(lambda: not ahead.isHidden() and panel.retrain.progress.format() == "Cancelled", timeout=WAIT)

"""An image is shown at once when it is read; its first proposal comes with it or after it."""

import numpy as np
import pytest

from napari_medseg.app import predict
from napari_medseg.app.demo import sample_project
from napari_medseg.widgets import load
from tests.widgets.helpers import WAIT, stored

pytestmark = pytest.mark.gui
PLACE = (slice(2, 12), slice(2, 12))


@pytest.fixture
def slow(panel, qtbot, tmp_path):
    """The first image of a project is shown, and its proposal under way until the lock is released."""
    sample_project(tmp_path / "p").close()
    panel.tabs.setCurrentIndex(1)
    panel.correct.view.opener._together.setInterval(0)
    panel.correct.opening._patience.setInterval(0)
    predict._LOCK.acquire()
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: not panel.correct.opening.isHidden(), timeout=WAIT)
    yield panel
    if predict._LOCK.locked():
        predict._LOCK.release()


def proposed(panel, qtbot):
    predict._LOCK.release()
    qtbot.waitUntil(lambda: panel.state.project.case(1).state != "new", timeout=WAIT)
    qtbot.waitUntil(lambda: panel.correct.opening.isHidden(), timeout=WAIT)


def test_what_is_drawn_before_the_proposal_comes_stays(slow, qtbot):
    case = slow.correct.view.current
    assert case.case_id == 1 and not case.labels.data.any()
    labels = np.array(case.labels.data)
    labels[PLACE] = 3
    case.labels.data = labels
    case.compare()
    proposed(slow, qtbot)
    qtbot.waitUntil(lambda: (case.labels.data == 1).any(), timeout=WAIT)
    stored(slow, qtbot)
    assert (case.labels.data[PLACE] == 3).all()
    assert [row.kind for row in case.project.history(1)][-2:] == ["brush", "proposal"]
    # and one undo takes the proposal back alone
    slow.correct.view.undo()
    stored(slow, qtbot)
    assert np.array_equal(case.labels.data, labels)


def test_a_mask_that_nobody_proposed_or_drew_yet_is_not_accepted_unasked(slow, qtbot):
    slow.correct.accept_and_next()
    asked = slow.correct.pieces
    qtbot.waitUntil(lambda: not asked.isHidden(), timeout=WAIT)
    assert asked.text.text() == "The mask is empty: is there nothing to mark on this image?"
    proposed(slow, qtbot)
    # it is not empty any more
    qtbot.waitUntil(asked.isHidden, timeout=WAIT)
    assert not slow.state.project.revisions(1)


def test_what_is_accepted_before_the_proposal_comes_stays(slow, qtbot):
    case = slow.correct.view.current
    labels = np.array(case.labels.data)
    labels[20:80, 20:80] = 1
    case.labels.data = labels
    slow.correct.view.accept(lambda revision, note: None)
    qtbot.waitUntil(lambda: case.project.case(1).state == "accepted", timeout=WAIT)
    proposed(slow, qtbot)
    qtbot.waitUntil(lambda: "is accepted, and stays" in slow.correct.status.text(), timeout=WAIT)
    assert np.array_equal(case.labels.data, labels) and case.project.can_redo(1)


def test_it_can_be_given_up(slow, qtbot):
    case = slow.correct.view.current
    slow.correct.opening.cancel.click()
    assert slow.correct.opening.isHidden() and "this image has no proposal" in slow.correct.status.text()
    predict._LOCK.release()
    qtbot.wait(300)
    assert slow.correct.view.current is case and case.project.case(1).state == "new" and not case.labels.data.any()
    # asked for by hand, it comes
    slow.propose.run.click()
    qtbot.waitUntil(lambda: case.project.case(1).state == "proposed", timeout=WAIT)


def test_who_asks_themselves_waits_for_one_proposal_only(slow, qtbot):
    slow.propose.run.click()
    assert slow.correct.opening.isHidden()
    proposed(slow, qtbot)
    qtbot.waitUntil(lambda: slow.propose.run.isEnabled(), timeout=WAIT)
    stored(slow, qtbot)
    assert [row.kind for row in slow.state.project.history(1)].count("proposal") == 1


def test_another_image_is_opened_meanwhile(slow, qtbot):
    slow.correct.view.open_case(2)
    predict._LOCK.release()
    qtbot.waitUntil(lambda: slow.state.case_id == 2, timeout=WAIT)
    qtbot.waitUntil(lambda: slow.state.project.case(2).state == "proposed", timeout=WAIT)
    # nobody asked for the first one's any more
    assert slow.state.project.case(1).state == "new"


def test_reading_can_be_given_up(panel, qtbot, tmp_path, monkeypatch):
    """A file that takes its time (a network drive)."""
    import threading

    go, read = threading.Event(), load.read_image

    def late(path, *told):
        go.wait(WAIT / 1000)
        return read(path, *told)

    sample_project(tmp_path / "p").close()
    monkeypatch.setattr(load, "read_image", late)
    panel.tabs.setCurrentIndex(1)
    panel.correct.opening._patience.setInterval(0)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: not panel.correct.opening.isHidden(), timeout=WAIT)
    assert panel.correct.saved.text() == "Opening the image..."
    panel.correct.opening.cancel.click()
    assert panel.correct.opening.isHidden() and panel.correct.saved.text() == ""
    assert panel.correct.status.text() == "Cancelled: the image was not opened."
    go.set()
    panel.correct.view.open_case(2)
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)


def test_a_quick_proposal_comes_in_one_picture_with_its_image(panel, qtbot, tmp_path):
    sample_project(tmp_path / "p").close()
    masks = []
    panel.state.events.case_id.connect(lambda case: masks.append(case and panel.correct.view.current.labels.data.any()))
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: bool(masks), timeout=WAIT)
    assert masks == [True] and panel.correct.opening.isHidden()

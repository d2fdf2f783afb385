"""What takes long: seen, and ended."""

import threading

import pytest

from napari_medseg.app import images
from napari_medseg.widgets import waiting
from napari_medseg.widgets.workers import stepping
from tests.io.dicom_files import CT, write
from tests.widgets.helpers import WAIT, blobs

pytestmark = pytest.mark.gui


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(waiting, "AFTER_SECONDS", 0.0)


def test_it_is_shown_while_it_lasts_and_a_click_ends_it(panel, qtbot):
    line, going, heard = panel.waiting, threading.Event(), []

    def work(ticket, progress):
        step = stepping(ticket, progress)
        step(0.25)
        going.wait(20)
        step(0.5)
        return "never"

    ticket = panel.workers.run(
        work,
        on_done=heard.append,
        lane="export",
        waits="Reading...",
        on_cancelled=lambda: heard.append("cancelled"),
    )
    qtbot.waitUntil(lambda: not line.isHidden() and line.bar.value() == 250, timeout=WAIT)
    assert line.text.text() == "Reading..."
    line.cancel.click()
    going.set()
    assert heard == ["cancelled"] and ticket.cancelled and line.isHidden()
    # what is over goes by itself
    panel.workers.run(lambda ticket, progress: 1, on_done=heard.append, lane="export", waits="Again...")
    qtbot.waitUntil(lambda: heard == ["cancelled", 1], timeout=WAIT)
    assert line.isHidden()


def test_adding_can_be_cancelled_and_tried_again(panel, qtbot, tmp_path, monkeypatch):
    path = write(tmp_path / "ct", blobs(), kind=CT)
    panel.correct.create(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    go = threading.Event()
    real = images.read_image

    def slow(file, step=None):
        go.wait(20)
        step(0.5)
        return real(file, step)

    monkeypatch.setattr(images, "read_image", slow)
    panel.correct.add_files([str(path)], show=True)
    qtbot.waitUntil(lambda: not panel.waiting.isHidden() and "Adding" in panel.waiting.text.text(), timeout=WAIT)
    panel.waiting.cancel.click()
    go.set()
    assert panel.correct.status.text() == "Cancelled: images that were not read yet were not added."
    panel.correct.add_files([str(path)], show=True)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)

"""While another image is opened, nobody takes the one in view for it, and decides nothing on it."""

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medseg.app import predict
from napari_medseg.app.demo import sample_project
from napari_medseg.app.images import add_images
from napari_medseg.app.predict import PredictRequest
from napari_medseg.io import write_image
from napari_medseg.project import Project
from napari_medseg.widgets import load, opening
from napari_medseg.widgets.state import PanelState
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


@pytest.fixture
def reading(seen, qtbot, tmp_path, monkeypatch):
    """The first image is open, and the second one was clicked on in the list: it is read when ``go`` is set."""
    seen.cover._patience.setInterval(0)
    sample_project(tmp_path / "p").close()
    seen.tabs.setCurrentIndex(1)
    seen.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: seen.state.case_id == 1 and seen.presses.seen, timeout=WAIT)
    assert seen.cover.isHidden()
    go, read = threading.Event(), load.read_image

    def late(path, *told):
        go.wait(WAIT / 1000)
        return read(path, *told)

    monkeypatch.setattr(load, "read_image", late)
    table = seen.correct.table
    place = table.visualRect(table.cases.index(1, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(seen.cover.isVisible, timeout=WAIT)
    seen.go = go
    yield seen
    go.set()


def test_the_old_image_is_covered_and_what_opens_is_named(reading, qtbot):
    lies = reading.window().centralWidget()
    assert reading.cover.parentWidget() is lies and reading.cover.geometry() == lies.rect()
    assert reading.cover.text.text() == f"Opening '{reading.state.project.case(2).name}'..."
    # with the window it grows
    reading.window().resize(1000, 700)
    qtbot.waitUntil(lambda: reading.cover.geometry() == lies.rect(), timeout=WAIT)
    reading.go.set()
    qtbot.waitUntil(lambda: reading.state.case_id == 2, timeout=WAIT)
    assert reading.cover.isHidden()


def test_nothing_is_decided_on_what_is_covered(reading, qtbot):
    said = reading.correct.status
    qtbot.mouseClick(reading.correct.accept, Qt.MouseButton.LeftButton)
    assert said.text() == "Another image is being opened: Accept, open next  (A) did nothing. Wait, or cancel."
    said.setText("")
    reading.correct.view.actions["accept"]()
    assert "Another image is being opened: A did nothing" in said.text()
    qtbot.wait(100)
    assert not reading.state.project.revisions(1) and not reading.presses.seen
    qtbot.mouseClick(reading.cover.cancel, Qt.MouseButton.LeftButton)
    assert reading.cover.isHidden() and said.text() == "Cancelled: the image was not opened."
    # it is the first one's again
    qtbot.waitUntil(lambda: reading.presses.seen, timeout=WAIT)
    reading.correct.view.actions["accept"]()
    qtbot.waitUntil(lambda: bool(reading.state.project.revisions(1)), timeout=WAIT)


def test_an_image_is_in_view_before_its_proposal_and_that_can_be_cancelled(panel, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "TOGETHER_MS", 0)
    panel.correct.view.opener._together.setInterval(0)
    panel.cover._patience.setInterval(0)
    panel.correct.opening._patience.setInterval(0)
    sample_project(tmp_path / "p").close()
    panel.tabs.setCurrentIndex(1)
    with predict._LOCK:
        panel.correct.open_project(tmp_path / "p")
        qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
        qtbot.waitUntil(lambda: not panel.correct.opening.isHidden(), timeout=WAIT)
        assert panel.cover.isHidden() and panel.presses._covered is False
        panel.correct.opening.cancel.click()
    assert "this image has no proposal" in panel.correct.status.text()


def test_what_opens_at_once_comes_without_it(panel, qtbot, tmp_path):
    panel.cover._patience.setInterval(WAIT)
    turned = []
    panel.cover.turned.connect(turned.append)
    sample_project(tmp_path / "p").close()
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert turned == [] and not panel.cover._patience.isActive()


def test_a_volume_is_in_view_before_its_network_is_asked(panel, qtbot, tmp_path, monkeypatch):
    """However long an image waits for its proposal."""
    image = write_image(tmp_path / "v.nii.gz", np.zeros((6, 16, 16), np.uint8), volume=True)
    with Project.create(tmp_path / "p") as project:
        add_images(project, [image])
    asked = []
    request = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")
    monkeypatch.setattr(PanelState, "unasked_for", lambda *_: request)
    monkeypatch.setattr(opening, "first_proposal", lambda *_: asked.append(panel.state.case_id) or 1 / 0)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: bool(asked), timeout=WAIT)
    assert asked == [1] and panel.correct.view.current.case_id == 1
    qtbot.waitUntil(lambda: "division by zero" in panel.correct.status.text(), timeout=WAIT)

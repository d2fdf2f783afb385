"""A real window closed in each way: all is stored or rescued, the project closed cleanly, and who may lose is asked."""

import gc
import subprocess
import weakref
from threading import Event, Timer

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_medseg.app.rescue import rescue_folder
from napari_medseg.io import read_mask, write_image
from napari_medseg.project import Project
from tests.widgets.helpers import WAIT, labels_of

pytestmark = pytest.mark.gui


WAYS = {
    "close button": lambda viewer: viewer.window._qt_window.windowHandle().close(),
    "Ctrl+W": lambda viewer: viewer.window._qt_window.close(quit_app=False, confirm_need=True),
    "viewer.close": lambda viewer: viewer.close(),
    "QApplication.quit": lambda viewer: QApplication.quit(),
    "the loop ends": lambda viewer: QCoreApplication.exit(),
}


def close(way, viewer, first=lambda: None):
    """Close in this way; the last two count only while Qt's loop runs."""
    if way not in ("QApplication.quit", "the loop ends"):
        first()
        WAYS[way](viewer)
        return
    wrong = []

    def call():
        try:
            first()
            WAYS[way](viewer)
        except AssertionError as error:
            wrong.append(error)
            QCoreApplication.exit()

    QTimer.singleShot(0, call)
    application = QApplication.instance()
    application.exec()
    # the window that closed last wants it to end once more: no loop of a later test would run
    QCoreApplication.removePostedEvents(application, QEvent.Type.Quit.value)
    if wrong:
        raise wrong[0]


# these can be taken back
ASKED = ("close button", "Ctrl+W", "QApplication.quit")


@pytest.fixture
def open_panel(make_napari_viewer, qtbot):
    """A shown window with a case of a project in this folder."""
    made = []

    def make(folder):
        write_image(folder / "i.tif", np.random.default_rng(0).integers(0, 255, (200, 220), dtype=np.uint8))
        with Project.create(folder / "p") as project:
            project.add_case(folder / "i.tif", shape=(200, 220))
            project.set_proposal(1, np.eye(200, 220, dtype=np.uint8), {"network": "none"})
        viewer = make_napari_viewer(show=True)
        # napari's own fixture closes it once more
        viewer.window._qt_window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        get_settings().application.confirm_close_window = False
        _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
        panel.viewer = viewer
        made.append(panel)
        panel.correct.open_project(folder / "p")
        qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
        return panel

    yield make
    for panel in made:
        panel.shut_down()


@pytest.fixture
def answer():
    """Clicks the button of this text in each question that comes; gives what was asked."""
    timers = []

    def prepare(text):
        asked, timer = [], QTimer()
        for other in timers:
            other.stop()

        def look():
            box = QApplication.activeModalWidget()
            if isinstance(box, QMessageBox):
                asked.append(f"{box.text()} {box.informativeText()}")
                next(button for button in box.buttons() if button.text() == text).click()

        timer.timeout.connect(look)
        timer.start(20)
        timers.append(timer)
        return asked

    yield prepare
    for timer in timers:
        timer.stop()


def draw(panel):
    """So much that it needs room, and the last of it a moment before the window closes; what is seen then."""
    (mask,) = labels_of(panel)
    rng = np.random.default_rng(1)
    for _ in range(5):
        mask.data[...] = rng.integers(0, 4, mask.data.shape)
        mask.events.paint(value=[])
    return mask.data.copy()


def fill(disk):
    subprocess.run(["dd", "if=/dev/zero", f"of={disk}/rest", "bs=1k"], capture_output=True, check=False)


@pytest.mark.parametrize("way", WAYS)
def test_all_is_stored_and_the_project_closed_cleanly(open_panel, tmp_path, way):
    panel = open_panel(tmp_path)
    drawn = draw(panel)
    close(way, panel.viewer)
    with Project.open(tmp_path / "p") as project:
        assert project.recovered is None
        np.testing.assert_array_equal(project.labels(1), drawn)
    assert not rescue_folder().exists()


@pytest.mark.parametrize("way", WAYS)
def test_what_a_full_disk_does_not_take_is_asked_about_and_rescued(open_panel, qtbot, mount_small, answer, way):
    disk = mount_small(1200)
    panel = open_panel(disk)
    fill(disk)
    drawn = draw(panel)
    case = panel.correct.view.current
    qtbot.waitUntil(lambda: case.session.status.error is not None, timeout=WAIT)

    def refuse():
        if way not in ASKED:
            return
        asked = answer("Stay here")
        WAYS[way](panel.viewer)
        (question,) = asked
        assert "'i': " in question
        assert "the disk is full" in question
        assert str(rescue_folder()) in question
        assert panel.viewer.window._qt_window.isVisible()
        assert panel.correct.view.current is case
        assert not rescue_folder().exists()
        answer("Close, write them there")

    close(way, panel.viewer, refuse)
    (rescued,) = rescue_folder().iterdir()
    np.testing.assert_array_equal(read_mask(rescued), drawn)
    (disk / "rest").unlink()
    # let go of, and sound
    with Project.open(disk / "p") as project:
        assert project.verify() == []


def test_a_disk_that_came_back_read_only(open_panel, qtbot, mount_small, answer):
    disk = mount_small(3000)
    panel = open_panel(disk)
    case = panel.correct.view.current
    subprocess.run(["umount", "-l", disk], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], check=True)
    drawn = draw(panel)
    qtbot.waitUntil(lambda: case.session.status.error is not None, timeout=WAIT)
    asked = answer("Close, write them there")
    close("close button", panel.viewer)
    assert "'i': " in asked[0]
    (rescued,) = rescue_folder().iterdir()
    np.testing.assert_array_equal(read_mask(rescued), drawn)
    assert panel.state.project is None


def test_a_window_that_napari_keeps_open_goes_on_as_before(open_panel, qtbot, tmp_path, monkeypatch):
    """We agree, and then the window refuses: napari asks too where it is the window system that wants it closed."""
    panel = open_panel(tmp_path)
    monkeypatch.setattr(type(panel.viewer.window._qt_window), "closeEvent", lambda window, event: event.ignore())
    close("close button", panel.viewer)
    assert panel.viewer.window._qt_window.isVisible()
    drawn = draw(panel)
    qtbot.waitUntil(lambda: panel.correct.view.current.session.status.pending == 0, timeout=WAIT)
    np.testing.assert_array_equal(panel.state.project.labels(1), drawn)
    monkeypatch.undo()


def test_what_was_rescued_is_told_by_the_next_window(open_panel, qtbot, tmp_path):
    from napari.utils.notifications import notification_manager

    from napari_medseg.app.rescue import rescue_labels

    rescued = rescue_labels("lost", np.eye(3, dtype=np.uint8))
    open_panel(tmp_path)
    qtbot.waitUntil(lambda: any(rescued.name in n.message for n in notification_manager.records), timeout=WAIT)


@pytest.fixture
def slow_disk(monkeypatch):
    """Export waits before its second mask until it is let go; gives how many were begun."""
    from napari_medseg.app import export

    begun, go, real = [], Event(), export.export_masks

    def wait(*arguments, **more):
        begun.append(arguments[0])
        if len(begun) == 2:
            assert go.wait(WAIT / 1000)
        return real(*arguments, **more)

    monkeypatch.setattr(export, "export_masks", wait)
    yield begun, go
    go.set()


@pytest.fixture
def exporting(open_panel, qtbot, tmp_path, slow_disk):
    """A panel that writes the second of three masks."""
    panel = open_panel(tmp_path)
    project = panel.state.project
    for number in (2, 3):
        write_image(tmp_path / f"{number}.tif", np.full((20, 30), number, np.uint8))
        project.add_case(tmp_path / f"{number}.tif", shape=(20, 30))
    for number in (1, 2, 3):
        project.accept(number)
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.all.setChecked(True)
    panel.export.start()
    qtbot.waitUntil(lambda: len(slow_disk[0]) == 2, timeout=WAIT)
    return panel


def written(folder):
    """Files that are whole: what is still written has a name that begins with a dot."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("where", ["window", "project"])
def test_whoever_closes_while_masks_are_written_is_asked(exporting, slow_disk, answer, qtbot, tmp_path, where):
    panel, (_, go) = exporting, slow_disk

    def leave():
        if where == "window":
            WAYS["Ctrl+W"](panel.viewer)
        else:
            panel.correct.open_project(tmp_path / "p")

    asked = answer("Stay here")
    leave()
    assert f"Masks are being written to {tmp_path / 'out'}" in asked[0]
    assert panel.state.case_id == 1
    answer("Go on, leave out the rest")
    # the one that is at work is written whole
    Timer(0.5, go.set).start()
    leave()
    if where == "project":
        # said at once, and until an image of the other project is there
        assert "were left out" in panel.export.message.text()
        qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
        # the project is open before the mask that was at work is written
        qtbot.waitUntil(lambda: len(written(tmp_path / "out")) == 2, timeout=WAIT)
    else:
        with Project.open(tmp_path / "p") as project:
            assert project.recovered is None
    for path in written(tmp_path / "out"):
        read_mask(path)
    assert len(written(tmp_path / "out")) == 2


def test_where_nothing_can_be_asked_all_masks_are_written_before_the_end(exporting, slow_disk, tmp_path):
    Timer(0.5, slow_disk[1].set).start()
    close("viewer.close", exporting.viewer)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2_mask.tif", "3_mask.tif", "i_mask.tif"]
    with Project.open(tmp_path / "p") as project:
        assert project.recovered is None


@pytest.mark.parametrize("behind", ["compute", "export"])
def test_masks_that_wait_for_their_turn_are_written_before_the_end(open_panel, tmp_path, behind):
    panel = open_panel(tmp_path)
    panel.state.project.accept(1)
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.all.setChecked(True)
    go = Event()
    # a long proposal, or masks that were asked for before
    panel.workers.run(lambda ticket, progress: go.wait(WAIT / 1000), on_done=lambda _: None, lane=behind)
    panel.export.start()
    timer = Timer(0.5 if behind == "export" else 60, go.set)
    timer.start()
    try:
        panel.viewer.close()
    finally:
        go.set()
        timer.cancel()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["i_mask.tif"]


def test_a_closed_panel_is_freed_with_its_images(make_napari_viewer, qtbot):
    """The window stays: what nobody sees any more would fill the memory each time the panel is closed."""
    viewer = make_napari_viewer()
    gone = []

    def open_and_close():
        dock, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
        gone.append(weakref.ref(panel))
        viewer.window.remove_dock_widget(dock)

    def freed():
        gc.collect()
        return gone[0]() is None

    # what was opened last may be known to Qt until another comes
    open_and_close()
    open_and_close()
    qtbot.waitUntil(freed, timeout=WAIT)

"""Opening what one has, in a real napari window: New... in a folder of images, and drops anywhere."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QLabel, QWidget

from napari_medseg.io import write_image
from napari_medseg.project import Project
from tests.io.dicom_files import CT, write
from tests.widgets.helpers import blobs, choose

pytestmark = pytest.mark.gui
WAIT = 20_000
NONE = Qt.KeyboardModifier.NoModifier


def images(folder, count, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    return [write_image(folder / f"i{n}.tif", blobs(n)) for n in range(start, start + count)]


def canvas(panel):
    middle = panel.window().centralWidget()
    return next(part for part in middle.findChildren(QWidget) if type(part).__name__ == "QtViewer")


def drop(target, *paths, held=NONE):
    """As the system does it: first what is dragged comes over a widget."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    at, action, button = QPoint(5, 5), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(at, action, mime, button, held)
    QApplication.sendEvent(target, enter)
    event = QDropEvent(QPointF(at), action, mime, button, held, QEvent.Type.Drop)
    QApplication.sendEvent(target, event)
    return event.isAccepted()


def listed(panel):
    table = panel.correct.table
    return [table.item(row, 0).text() for row in range(table.rowCount())]


def test_new_in_a_folder_of_images_offers_them_and_three_clicks_are_enough(panel, qtbot, tmp_path):
    images(tmp_path / "study", 12)
    choose(panel)
    panel.tabs.setCurrentIndex(1)
    clicks = []

    def click(button):
        clicks.append(button.text())
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    click(panel.correct.new)
    dialog = panel.correct.findChild(QFileDialog)
    # where the person's dialog stands already: on the folder
    dialog.setDirectory(str(tmp_path))
    dialog.selectFile("study")
    clicks.append("Choose")
    dialog.accept()
    offer = panel.correct.intake
    qtbot.waitUntil(lambda: not offer.isHidden(), timeout=WAIT)
    assert offer.text.text().startswith("12 images found here.") and offer.yes.text() == "Add 12 images"
    assert panel.correct.table.rowCount() == 0
    click(offer.yes)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: len(listed(panel)) == 12, timeout=WAIT)
    assert len(clicks) <= 3
    assert offer.isHidden()


def test_what_is_declined_is_not_added(panel, qtbot, tmp_path):
    images(tmp_path / "study", 2)
    panel.correct.create(tmp_path / "study")
    panel.tabs.setCurrentIndex(1)
    offer = panel.correct.intake
    qtbot.waitUntil(lambda: not offer.isHidden(), timeout=WAIT)
    offer.no.click()
    assert offer.isHidden() and panel.state.project.cases() == []


@pytest.mark.parametrize("where", ["canvas", "list", "panel"])
def test_a_folder_that_is_dropped_becomes_a_project_without_layers_or_questions(panel, qtbot, tmp_path, where):
    images(tmp_path / "study", 3)
    choose(panel)
    panel.tabs.setCurrentIndex(1)
    target = {"canvas": canvas(panel), "list": panel.correct.table.viewport(), "panel": panel}[where]
    assert drop(target, tmp_path / "study")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: len(listed(panel)) == 3, timeout=WAIT)
    assert panel.state.project.path.name == "study"
    # the one that is open and its mask, no stack of all
    assert [layer.name for layer in panel.viewer.layers] == ["i0", "i0 mask"]


def test_what_is_dropped_is_added_to_the_open_project_and_the_first_of_it_is_shown(project_panel, qtbot, tmp_path):
    panel = project_panel
    before = len(panel.state.project.cases())
    drop(canvas(panel), *images(tmp_path / "more", 2))
    qtbot.waitUntil(lambda: panel.state.case_id == before + 1, timeout=WAIT)
    assert [case.name for case in panel.state.project.cases()][before:] == ["i0", "i1"]
    # the same again shows it, and says so once
    panel.correct.view.open_case(1)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    drop(canvas(panel), tmp_path / "more" / "i1.tif")
    qtbot.waitUntil(lambda: panel.state.case_id == before + 2, timeout=WAIT)
    assert panel.correct.status.text().startswith("Nothing new was added.")
    assert len(panel.state.project.cases()) == before + 2


def test_folders_of_patients_are_proposed_as_such_and_not_remembered(panel, qtbot, tmp_path):
    for number in range(3):
        images(tmp_path / "study" / f"patient{number}", 2, start=2 * number)
    choose(panel)
    offer, patients = panel.correct.intake, panel.correct.patients
    chosen = patients.by
    drop(canvas(panel), tmp_path / "study")
    qtbot.waitUntil(lambda: not offer.isHidden(), timeout=WAIT)
    assert patients.by == "folder" != chosen
    assert offer.text.text() == (
        "6 images found, in 3 folders. Each folder is taken for one patient; choose above if that is wrong. "
        # nobody named that place
        f"Masks are kept in the project {panel.state.project.path}."
    )
    offer.yes.click()
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert {case.group for case in panel.state.project.cases()} == {"patient0", "patient1", "patient2"}
    assert patients.by == chosen


def test_a_project_that_is_dropped_is_opened(panel, qtbot, tmp_path):
    Project.create(tmp_path / "p").close()
    drop(panel, tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    assert panel.state.project.path == tmp_path / "p"


def test_a_broken_file_is_told_and_the_others_are_added(panel, qtbot, tmp_path):
    good = images(tmp_path, 1)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    choose(panel)
    drop(canvas(panel), bad, *good)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    told = panel.correct.status.text()
    assert told.startswith("Added 1 image. ") and "bad.png is no picture" in told
    # the next drop: of the last one nothing is said any more
    panel.correct.everything._tell("3 images have a proposal.")
    drop(canvas(panel), bad)
    qtbot.waitUntil(lambda: panel.correct.status.text().startswith("Nothing new was added. "), timeout=WAIT)
    assert "bad.png is no picture" in panel.correct.status.text()
    assert "have a proposal" not in panel.correct.status.text()


@pytest.mark.parametrize("kind", ["file", "no suffix", "series", "nrrd"])
def test_every_kind_of_image_is_added_to_the_open_project(project_panel, qtbot, tmp_path, kind):
    """Known by its name or by what it holds; it never lies as a layer of its own over the image that is open."""
    panel, place = project_panel, tmp_path / "scan"
    before = len(panel.state.project.cases())
    if kind == "series":
        place.mkdir()
        shared = {f"{one}InstanceUID": f"1.2.{n}" for n, one in enumerate(("Study", "Series"))}
        shared |= {"FrameOfReferenceUID": "1.2.4", "PixelSpacing": [1.0, 1.0]}
        for n in range(3):
            where = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, 2 * n]}
            write(place / f"{n}", blobs(n), kind=CT, **shared, **where)
    elif kind == "nrrd":
        place = write_image(tmp_path / "scan.nrrd", np.stack([blobs(n) for n in range(3)]), volume=True)
    else:
        place = write(tmp_path / ("scan.dcm" if kind == "file" else "scan"), blobs())
    drop(canvas(panel), place)
    qtbot.waitUntil(lambda: panel.state.case_id == before + 1, timeout=WAIT)
    # a folder of slices may be called like a patient
    name = "CT-3slices" if kind == "series" else "scan"
    assert panel.correct.view.current.image.name == name
    assert {layer.name for layer in panel.viewer.layers} == {name, f"{name} mask"}


@pytest.mark.parametrize("name", ["notes.txt", "letter.pdf", "README"])
def test_what_nobody_reads_is_told_in_the_panel_alone(panel, tmp_path, name):
    path = tmp_path / name
    path.write_text("none")
    said = len(notification_manager.records)
    assert drop(canvas(panel), path)
    assert panel.correct.status.text().startswith(f"'{name}' is no image that MedSeg reads; expected .tif, ")
    assert len(notification_manager.records) == said and not panel.viewer.layers


def test_of_a_folder_it_is_told_how_many_files_were_left_out(panel, qtbot, tmp_path):
    images(tmp_path / "study", 1)
    for name in ("notes.txt", "letter.pdf", ".hidden"):
        (tmp_path / "study" / name).write_text("none")
    choose(panel)
    drop(canvas(panel), tmp_path / "study")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert panel.correct.status.text() == (
        f"Added 1 image. Masks are kept in the project {panel.state.project.path}. 2 files were left out: they are no "
        "images that MedSeg reads."
    )


def test_what_is_napari_s_stays_napari_s(panel, tmp_path):
    """A file of no format of ours, and whoever holds Alt or Shift to have napari open it."""
    (tmp_path / "a.csv").write_text("1")
    heard = []

    class Canvas(QLabel):
        def dragEnterEvent(self, event):  # noqa: N802
            event.accept()

        def dropEvent(self, event):  # noqa: N802
            heard.append(event.mimeData().urls()[0].fileName())

    target = Canvas(panel.window())
    target.setAcceptDrops(True)
    target.installEventFilter(panel._drops)
    (path,) = images(tmp_path, 1)
    drop(target, tmp_path / "a.csv")
    drop(target, path, held=Qt.KeyboardModifier.AltModifier)
    drop(target, path, held=Qt.KeyboardModifier.ShiftModifier)
    assert heard == ["a.csv", "i0.tif", "i0.tif"]
    # on the panel, napari has no say: what it is not is told
    drop(panel, tmp_path / "a.csv")
    assert panel.correct.status.text().startswith("'a.csv' is no image that MedSeg reads; expected .tif, ")
    assert panel.state.project is None

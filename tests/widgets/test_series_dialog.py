"""Several series: a list to choose from, by mouse and by keys, that shows no patient."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel

from napari_medseg.app.series import beside, choices_in
from napari_medseg.io import write_image
from napari_medseg.widgets.series_dialog import SeriesDialog
from napari_medseg.widgets.workers import Workers
from tests.io.dicom_files import MARKER, write_series
from tests.widgets.test_intake import WAIT, canvas, drop

pytestmark = pytest.mark.gui
DATA = (np.random.default_rng(0).integers(0, 99, (3, 40, 60)) * 10).astype(np.int16)
AXIAL = np.array([[0.5, 0, 0, -3], [0, 0.6, 0, -4], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / f"{MARKER} Jörg"
    for number, words in enumerate(("Thorax", f"of {MARKER}", "Lunge ü"), start=1):
        names = [f"{number} {n}" for n in range(3)]
        burnt = {"BurnedInAnnotation": "YES"} if number == 3 else {}
        write_series(folder, DATA, AXIAL, names=names, SeriesNumber=number, SeriesDescription=words, **burnt)
    return folder


@pytest.fixture
def dialog(study, qtbot):
    owner = QLabel()
    workers = Workers(owner, lambda error: pytest.fail(str(error)))
    dialog = SeriesDialog(choices_in(study), workers)
    # looked at after it is closed
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.open()
    yield dialog
    workers.close()


def cells(dialog):
    table = dialog.table
    return [[table.item(row, column).text() for column in range(5)] for row in range(table.rowCount())]


def test_what_it_shows_and_the_small_pictures_as_they_come(dialog, qtbot):
    rows = cells(dialog)
    assert rows[0] == ["", "CT", "Thorax", "3", "60 x 40"]
    # a description that names the patient is left out; of text that is burnt in there is no picture
    assert rows[1][2] == "Series 2"
    assert rows[2][2] == "Lunge ü\nText is burnt into it; no preview, as it may name the patient."
    qtbot.waitUntil(lambda: not dialog.table.item(1, 0).icon().isNull(), timeout=WAIT)
    assert not dialog.table.item(0, 0).icon().isNull() and dialog.table.item(2, 0).icon().isNull()
    assert dialog.why.text().startswith("3 series of images were found. All are ticked, as they are few.")
    assert MARKER not in repr(rows) + dialog.windowTitle() + dialog.why.text()


def test_space_ticks_and_enter_opens(dialog, qtbot):
    chosen = []
    dialog.chosen.connect(chosen.extend)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Down)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Space)
    assert dialog.open_button.text() == "Open 2 series"
    qtbot.keyClick(dialog.table, Qt.Key.Key_Return)
    assert [one.number for one in chosen] == [1, 3]


def test_escape_and_nothing_ticked_open_nothing(dialog, qtbot):
    chosen, left = [], []
    dialog.chosen.connect(chosen.extend)
    dialog.rejected.connect(lambda: left.append(True))
    dialog.none.click()
    assert not dialog.open_button.isEnabled()
    qtbot.keyClick(dialog.table, Qt.Key.Key_Return)
    assert dialog.isVisible()
    # a click beside the box ticks too
    dialog.table.cellClicked.emit(1, 2)
    assert [one.number for one in dialog.ticked()] == [2]
    qtbot.keyClick(dialog.table, Qt.Key.Key_Escape)
    assert chosen == [] and left == [True]


def test_of_many_none_is_ticked(study, qtbot, dialog):
    many = SeriesDialog(choices_in(study) * 3, Workers(dialog, lambda error: None), dialog)
    assert many.ticked() == [] and "None is ticked, as they are many" in many.why.text()
    many.all.click()
    assert len(many.ticked()) == 9
    many.reject()


def test_what_lies_beside_is_a_row_too(study, qtbot, dialog):
    choices = (*choices_in(study)[:1], *beside([study / "a.png", study / "b.png"]))
    other = SeriesDialog(choices, Workers(dialog, lambda error: None), dialog)
    assert cells(other)[1] == ["", "", "2 other images, each by itself", "", ""]
    assert other.why.text().startswith("Found: 1 series, and 2 images beside them. All are ticked")
    assert other.open_button.text() == "Open 1 series + 2 images"
    other.table.cellClicked.emit(0, 2)
    assert other.open_button.text() == "Open 2 images" and other.ticked() == [choices[1]]
    other.reject()


def shown_dialog():
    dialogs = (one for one in QApplication.topLevelWidgets() if isinstance(one, SeriesDialog))
    return next((one for one in dialogs if one.isVisible()), None)


def test_a_mixed_folder_that_is_dropped_asks_and_opens_what_is_chosen(panel, qtbot, study):
    # in the list with the others, and not chosen
    write_image(study.parent / "0.tif", np.zeros((20, 20), np.uint8))
    study = study.parent
    assert drop(canvas(panel), study)
    qtbot.waitUntil(lambda: shown_dialog() is not None, timeout=WAIT)
    dialog = shown_dialog()
    dialog.none.click()
    dialog.table.cellClicked.emit(0, 2)
    dialog.open_button.click()
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert [layer.name for layer in panel.viewer.layers] == ["CT-series1-3slices", "CT-series1-3slices mask"]
    assert panel.state.project.path.name == "DICOM"
    seen = [label.text() for label in panel.window().findChildren(QLabel)] + [panel.window().windowTitle()]
    assert MARKER not in " ".join(seen)
    # the same again, and Escape: nothing comes
    drop(canvas(panel), study)
    qtbot.waitUntil(lambda: shown_dialog() is not None, timeout=WAIT)
    qtbot.keyClick(shown_dialog(), Qt.Key.Key_Escape)
    assert panel.correct.status.text() == "Cancelled: nothing was opened."
    assert len(panel.state.project.cases()) == 1

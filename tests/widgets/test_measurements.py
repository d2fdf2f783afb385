"""The table of measurements in a real napari window: by mouse and by keys."""

import csv

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication

from napari_medseg.app.settings import load_settings
from napari_medseg.widgets.rings import go_to, in_view
from tests.widgets.helpers import WAIT
from tests.widgets.test_room import look
from tests.widgets.test_tools import open_case

pytestmark = pytest.mark.gui


def measured(box, qtbot):
    qtbot.waitUntil(lambda: box.save.isEnabled(), timeout=WAIT)


def drawn(case, shape=(60, 80)):
    labels = np.zeros(shape, np.uint8)
    labels[5:15, 5:25], labels[30:34, 40:44], labels[50:53, 60:70] = 1, 1, 2
    case.labels.data[...] = labels
    case.labels.refresh()
    case.compare()


@pytest.fixture
def table(panel, qtbot, tmp_path):
    """Opened by its button on an image of two classes."""
    panel.viewer.window.show()
    panel.tabs.setCurrentIndex(1)
    values = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)
    case = open_case(panel, qtbot, tmp_path, values)
    drawn(case)
    box = panel.correct.volume
    qtbot.waitUntil(lambda: not box.table.isHidden() and box.measured.text() != "", timeout=WAIT)
    qtbot.mouseClick(box.table, Qt.MouseButton.LeftButton)
    measured(box.measurements, qtbot)
    return box.measurements


def cells(table, row):
    model = table.table.lesions
    return [model.data(model.index(row, column), Qt.ItemDataRole.DisplayRole) for column in range(model.columnCount())]


def titles(table):
    model = table.table.lesions
    return [model.headerData(n, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) for n in range(8)]


def click_title(table, column, qtbot):
    header = table.table.horizontalHeader()
    at = QPoint(header.sectionViewportPosition(column) + header.sectionSize(column) // 2, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_classes_with_their_totals_then_each_lesion_in_px_where_no_size_is_known(panel, table, qtbot):
    one, two = (panel.correct.classes.name_of(label) for label in (1, 2))
    assert titles(table)[:4] == ["Class", "No.", "Area\npx", "Long axis\npx"]
    assert table.table.lesions.rowCount() == 5
    assert cells(table, 0)[:3] == [one, "all 2", "216"] and cells(table, 1)[:3] == [two, "all 1", "30"]
    assert cells(table, 2)[:5] == [one, "1", "200", "21.9", "11.0"]
    assert "The size of a pixel is not known." in table.message.text()
    # in mm as soon as the image has a size
    image = panel.correct.view.current.image
    image.scale, image.units = (0.5, 0.5), ("millimeter", "millimeter")
    qtbot.waitUntil(lambda: titles(table)[2] == "Area\nmm²" and cells(table, 0)[2] == "54.0", timeout=WAIT)


def test_a_click_on_a_title_sorts_and_the_classes_stay_on_top(table, qtbot):
    numbers = lambda: [cells(table, row)[2] for row in range(5)]  # noqa: E731
    click_title(table, 2, qtbot)
    assert numbers() == ["216", "30", "16", "30", "200"]
    click_title(table, 2, qtbot)
    assert numbers() == ["216", "30", "200", "30", "16"]


def test_arrow_keys_go_through_lesions_and_enter_goes_there_with_its_diameters(panel, table, qtbot):
    view, viewer = table.table, panel.viewer
    view.setCurrentIndex(view.lesions.index(1, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    # the line of a class is no place
    assert table.lines.lesion is None
    for _ in range(2):
        qtbot.keyClick(view, Qt.Key.Key_Down)
    assert cells(table, view.currentIndex().row())[1:3] == ["2", "16"]
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert np.allclose(viewer.scene.camera.center[-2:], (31.5, 41.5), atol=1)
    layer = viewer.layers["diameters"]
    assert table.lines.lesion is view.current() and len(layer.data) == 6
    # the mask stays what is drawn in, whatever somebody clicks on
    case = panel.correct.view.current
    viewer.layers.selection.active = layer
    assert viewer.layers.selection.active is case.labels
    # by the mouse
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(view.model().index(2, 2)).center())
    assert np.allclose(viewer.scene.camera.center[-2:], (9.5, 14.5), atol=1)
    assert table.lines.lesion.pixels == 200


def test_what_is_drawn_is_measured_after_a_rest_and_the_chosen_lesion_stays_chosen(panel, table, qtbot):
    view, case = table.table, panel.correct.view.current
    view.setCurrentIndex(view.lesions.index(3, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    case.labels.data_setitem((np.array([34]), np.array([40])), 1)
    qtbot.waitUntil(lambda: not table.save.isEnabled(), timeout=WAIT)
    measured(table, qtbot)
    assert view.current().pixels == 17 and table.lines.lesion.pixels == 17
    # the look of a mask is not its pixels
    before = table.measured
    case.labels.opacity = 0.3
    qtbot.waitUntil(lambda: not table.save.isEnabled(), timeout=WAIT)
    measured(table, qtbot)
    assert table.measured is before
    # the lesion is gone, and its lines with it
    case.labels.data[30:35, 40:44] = 0
    case.labels.refresh()
    qtbot.waitUntil(lambda: view.lesions.rowCount() == 4, timeout=WAIT)
    assert table.lines.lesion is None and view.current() is None


def test_copied_and_saved_with_the_name_of_the_image_alone(panel, table, qtbot, tmp_path):
    view = table.table
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 4 and lines[0].split("\t")[:3] == ["Class", "No.", "Area px"]
    assert lines[1].split("\t")[2] == "200"
    table.write(tmp_path / "a.csv")
    qtbot.waitUntil(lambda: table.message.text().startswith("Wrote"), timeout=WAIT)
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["pixels"] for row in rows] == ["200", "16", "30"]
    assert {row["image"] for row in rows} == {panel.correct.view.current.image.name}
    inside = np.arange(60 * 80).reshape(60, 80)[5:15, 5:25]
    assert float(rows[0]["mean (image values)"]) == pytest.approx(inside.mean())


def test_the_lines_that_are_chosen_are_copied_also_after_it_measured_again(panel, table, qtbot):
    view, no, held = table.table, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier

    def click(row, how):
        at = view.visualRect(view.lesions.index(row, 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, how, at)

    def copied():
        table.copy.click()
        return [line.split("\t")[2] for line in QGuiApplication.clipboard().text().splitlines()[1:]]

    click(3, no)
    assert copied() == ["16"] and table.message.text() == "1 line copied."
    click(4, held)
    assert copied() == ["16", "30"]
    table.measure()
    measured(table, qtbot)
    assert copied() == ["16", "30"]
    # of a class, its lesions
    click(0, no)
    assert copied() == ["200", "16"]
    click(2, no)
    click(4, Qt.KeyboardModifier.ShiftModifier)
    assert copied() == ["200", "16", "30"]
    view.clearSelection()
    assert copied() == ["200", "16", "30"]


def test_it_stays_as_it_was_left_and_measures_nothing_while_it_is_closed(panel, table, qtbot):
    assert load_settings()["measurements"] is True
    table.dock.close()
    assert load_settings()["measurements"] is False and table.measured is None
    drawn(panel.correct.view.current)
    qtbot.wait(100)
    assert not table._rest.isActive() and table._ticket is None
    # by the key, and by the button of the tab Export
    panel.viewer.window._qt_viewer._key_map_handler.press_key("Shift-M")
    measured(table, qtbot)
    panel.export.table.show_table.click()
    assert table.dock.isHidden()
    panel.export.table.show_table.click()
    measured(table, qtbot)
    with qtbot.waitSignal(table.dock.destroyed, timeout=WAIT):
        panel.shut_down()
    assert "diameters" not in panel.viewer.layers


def test_whoever_does_not_want_to_wait_gives_up(table, qtbot):
    table.measure()
    table._show_progress()
    table.cancel.click()
    assert table.message.text() == "Not measured: cancelled." and not table.save.isEnabled()
    table.again.click()
    measured(table, qtbot)
    assert table.again.isHidden()


def test_touching_objects_are_told_apart_where_that_is_wished(panel, table, qtbot):
    case = panel.correct.view.current
    y, x = np.mgrid[:60, :80]
    case.labels.data[...] = ((y - 30) ** 2 + (x - 20) ** 2 < 150) | ((y - 30) ** 2 + (x - 40) ** 2 < 150)
    case.labels.refresh()
    qtbot.waitUntil(lambda: table.table.lesions.rowCount() == 2, timeout=WAIT)
    table.apart.click()
    qtbot.waitUntil(lambda: table.table.lesions.rowCount() == 3, timeout=WAIT)
    assert load_settings()["measure_apart"] is True


def test_in_a_volume_it_goes_to_the_slice_and_the_plane_of_the_diameters(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, np.zeros((10, 40, 50), np.uint8))
    labels = np.zeros((10, 40, 50), np.uint8)
    labels[3:6, 10:14, 10:20], labels[4, 10:14, 10:30] = 1, 1
    case.labels.data[...] = labels
    case.labels.refresh()
    box = panel.correct.volume
    qtbot.waitUntil(lambda: box.measured.text() != "", timeout=WAIT)
    box.measurements.toggle()
    measured(box.measurements, qtbot)
    view = box.measurements.table
    assert [title.split("\n")[0] for title in titles(box.measurements)][2:4] == ["Volume", "Area"]
    # another plane is in the canvas
    box.next_plane()
    view.setCurrentIndex(view.lesions.index(1, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert box.sight.in_view == 0 and panel.viewer.dims.current_step[0] == 4
    lines = panel.viewer.layers["diameters"].data
    assert set(lines[:, 0, 0]) == {4.0} and not lines[:, 1, 0].any()
    # whichever plane is in view, a place is in its middle
    for axis in (1, 2, 0):
        box.sight.bring(axis)
        seen = [one for one in range(3) if one != axis]
        box.sight.go((0, 0, 0))
        assert not in_view(panel.viewer, case.labels, (4, 12, 15))
        go_to(panel.viewer, case.labels, (4, 12, 15))
        assert panel.viewer.scene.camera.center[-2:] == tuple((4, 12, 15)[one] for one in seen)
        assert in_view(panel.viewer, case.labels, (4, 12, 15))


def test_beside_the_table_the_panel_keeps_its_height_and_nothing_scrolls(project_panel, qtbot):
    panel, box = project_panel, project_panel.correct.volume
    qtbot.waitUntil(lambda: box.measured.text() != "", timeout=WAIT)
    sizes = ((1600, 1000), (1280, 720))
    without = [look(panel, qtbot, *size) for size in sizes]
    box.measurements.set_on(True)
    measured(box.measurements, qtbot)
    for size, before in zip(sizes, without, strict=True):
        found = look(panel, qtbot, *size)
        assert {tab: scrolls for tab, (scrolls, _) in found.items()} == {tab: was for tab, (was, _) in before.items()}
        assert not [words for _, cut in found.values() for words in cut if words in ("Table", "Measurements")]
        assert box.measurements.table.viewport().height() > 30


def test_an_export_of_the_project_writes_one_table(project_panel, qtbot, tmp_path):
    panel = project_panel
    panel.export.whole.setChecked(True)
    panel.export.table.tick.setChecked(True)
    panel.export.folder.setText(str(tmp_path / "out"))
    qtbot.waitUntil(lambda: panel.state.project.case(1).state != "new", timeout=WAIT)
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote" in panel.export.message.text(), timeout=WAIT)
    assert (tmp_path / "out" / "measurements.csv").exists() and load_settings()["export_table"] is True
    # of one mask beside it
    panel.export.this.setChecked(True)
    panel.export.folder.setText(str(tmp_path / "one"))
    panel.export.export.click()
    qtbot.waitUntil(lambda: list((tmp_path / "one").glob("*_measurements.csv")) != [], timeout=WAIT)

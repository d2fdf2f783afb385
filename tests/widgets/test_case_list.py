"""The list of images: what changed alone is made anew, and an image is found by its name."""

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt

from napari_medseg.widgets.case_model import STATES, CaseModel
from napari_medseg.widgets.case_table import CaseTable
from napari_medseg.widgets.find_image import LONG
from tests.listed import cases
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


@pytest.fixture
def model(qtbot):
    return CaseModel()


def texts(model):
    return [[model.index(row, column).data() for column in range(3)] for row in range(model.rowCount())]


def test_a_cell_says_what_the_case_is(model):
    model.fill([*cases(1), *cases(1, state="in progress", strokes=7, split="heldout", missing=False)])
    assert texts(model) == [["scan_1", "new", "0"], ["scan_1  (for testing)", "in progress", "7"]]
    model.fill(cases(1, missing=True))
    assert texts(model) == [["scan_1", "image missing", "0"]]
    assert set(STATES) == {"new", "proposed", "in progress", "accepted"}


@pytest.mark.parametrize(
    ("shape", "frames", "state", "text"),
    [
        ((9000, 9000), 1, "accepted", "1 frame accepted"),
        ((9000, 9000), 3, "in progress", "3 frames accepted"),
        ((9000, 9000), 0, "proposed", "proposed"),
        ((1000, 1100, 1000), 2, "accepted", "2 parts accepted"),
        ((40, 40), 0, "accepted", "accepted"),
    ],
)
def test_of_a_large_image_it_says_how_much_is_accepted(model, shape, frames, state, text):
    model.fill(cases(1, shape=shape, frames=frames, state=state))
    assert texts(model)[0][1] == text
    model.fill(cases(1, shape=shape, frames=frames, state=state, missing=True))
    assert texts(model)[0][1] == "image missing"


def test_only_what_changed_is_told(model, qtbot):
    listed = cases(2000)
    assert model.fill(listed)
    told = []
    model.dataChanged.connect(lambda first, last, roles: told.append((first.row(), last.row())))
    changed = [replace(case, state="accepted") if case.id == 7 else case for case in listed]
    assert not model.fill(changed)
    assert told == [(6, 6)]
    model.change([replace(listed[9], strokes=3)])
    assert told == [(6, 6), (9, 9)] and model.index(9, 2).data() == "3"
    # another order is another list
    with qtbot.waitSignal(model.modelReset):
        assert model.fill(changed[::-1])


def test_an_image_is_found_by_its_name_and_told_of_as_it_changes(model):
    model.fill(cases(20))
    model.find(" SCAN_1")
    names = ["scan_1", *(f"scan_{n}" for n in range(10, 20))]
    assert [row[0] for row in texts(model)] == names
    model.change([replace(model.cases[9], state="proposed"), replace(model.cases[1], state="proposed")])
    assert model.index(1, 1).data() == "proposed"
    model.find("")
    assert [row[1] for row in texts(model)].count("proposed") == 2


def test_the_open_image_stands_out_alone(model):
    def bold():
        fonts = [model.index(row, 0).data(Qt.ItemDataRole.FontRole) for row in range(model.rowCount())]
        return [row for row, font in enumerate(fonts) if font is not None and font.bold()]

    model.fill(cases())
    model.mark(2)
    assert bold() == [1]
    model.mark(4)
    assert bold() == [3]
    model.mark(None)
    assert bold() == []


def test_of_ten_thousand_cells_those_in_sight_are_made(qtbot, monkeypatch):
    table, asked = CaseTable(), []
    qtbot.addWidget(table)
    real = CaseModel._text_of
    monkeypatch.setattr(
        CaseModel, "_text_of", staticmethod(lambda case, column: asked.append(case.id) or real(case, column))
    )
    table.resize(300, 200)
    table.show()
    table.fill(cases(10_000))
    table.mark(5000)
    table.scroll_to(5000)
    qtbot.waitUntil(lambda: 5000 in asked, timeout=20_000)
    assert len(asked) < 500
    assert table.item(4999, 0).text() == "scan_5000" and table.item(10_000, 0) is None
    assert table.viewport().rect().contains(table.visualItemRect(table.item(4999, 0)).center())
    # filled anew in another order, the list stays where it was
    place = table.verticalScrollBar().value()
    table.selectRow(4999)
    table.fill(cases(10_000)[::-1])
    assert table.verticalScrollBar().value() == place and table.currentIndex().row() == 5000


def test_a_stroke_asks_for_its_image_alone(project_panel, qtbot, monkeypatch):
    panel = project_panel
    qtbot.waitUntil(lambda: not panel.workers._tickets, timeout=WAIT)
    monkeypatch.setattr(type(panel.state.project), "cases", lambda self: pytest.fail("all were asked for"))
    case = panel.correct.view.current
    labels = case.labels.data.copy()
    labels[:9, :9] = 3
    case.labels.data = labels
    qtbot.waitUntil(lambda: panel.correct.table.item(0, 1).text() == "in progress", timeout=WAIT)
    assert panel.correct.table.item(0, 2).text() == "1"


def test_a_long_list_can_be_searched_and_next_goes_through_what_was_found(project_panel, qtbot):
    panel, find = project_panel, project_panel.correct.find
    assert find.isHidden()
    find.offer(panel.state.project, LONG + 1)
    assert not find.isHidden()
    name = panel.correct.table.item(2, 0).text()
    find.setText(name.upper())
    assert [panel.correct.table.item(row, 0).text() for row in range(panel.correct.table.rowCount())] == [name]
    panel.correct.open_neighbour(1)
    qtbot.waitUntil(lambda: panel.state.case_id == panel.correct.table.case_at(0), timeout=WAIT)
    find.offer(None, 0)
    assert find.text() == "" and find.isHidden()

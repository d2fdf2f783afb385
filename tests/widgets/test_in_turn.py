"""Drawing goes on while an undo, an operation or a slow disk is being waited for, and nothing gets lost."""

import sqlite3

import numpy as np
import pytest

from napari_medseg.io import read_mask
from tests.widgets.helpers import WAIT
from tests.widgets.test_tools import circle, kinds, open_case

pytestmark = pytest.mark.gui


def paint(layer, *points):
    """One press of the button."""
    with layer.block_history():
        for point in points:
            layer.paint(point, 1)


def stored(qtbot, case):
    qtbot.waitUntil(lambda: case.session.status.pending == 0 and case._move is None, timeout=WAIT)
    case.compare()
    assert case.session.flush()


@pytest.fixture
def case(panel, qtbot, tmp_path):
    opened = open_case(panel, qtbot, tmp_path, circle()[0])
    opened.labels.brush_size = 10
    return opened


@pytest.fixture
def slow_disk(case, tmp_path):
    """Another program holds the database until it is told to let go."""
    other = sqlite3.connect(tmp_path / "p" / "project.sqlite", isolation_level=None)

    def hold():
        other.execute("BEGIN IMMEDIATE")
        return lambda: other.execute("COMMIT")

    yield hold
    other.close()


def test_a_stroke_drawn_before_an_undo_is_answered_stays_and_the_undo_counts(panel, qtbot, case, slow_disk):
    layer = case.labels
    paint(layer, (20, 20))
    stored(qtbot, case)
    let_go = slow_disk()
    panel.correct.undo.click()
    # whatever section is looked at, it says what is wrong
    panel.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: not panel.banner.isHidden(), timeout=WAIT)
    assert "Not stored yet" in panel.banner.text()
    assert "is locked by another program. Close that program" in panel.banner.text()
    assert "not stored: see above" in panel.correct.saved.text()
    # over a part of what is being taken back, and elsewhere
    paint(layer, (24, 20), (150, 150))
    panel.correct.accept.click()
    let_go()
    qtbot.waitUntil(lambda: bool(panel.state.project.revisions(1)), timeout=WAIT)
    stored(qtbot, case)
    qtbot.waitUntil(panel.banner.isHidden, timeout=WAIT)
    assert layer.data[150, 150] == 1
    assert layer.data[16, 20] == 0
    np.testing.assert_array_equal(panel.state.project.labels(1), layer.data)
    revision = panel.state.project.revisions(1)[-1]
    np.testing.assert_array_equal(panel.state.project.revision_labels(revision.id), layer.data)


def test_a_second_undo_takes_what_was_drawn_since_the_first_and_redo_brings_it_back(panel, qtbot, case, slow_disk):
    layer = case.labels
    paint(layer, (20, 20))
    paint(layer, (60, 60))
    stored(qtbot, case)
    let_go = slow_disk()
    panel.correct.undo.click()
    paint(layer, (150, 150))
    panel.correct.undo.click()
    panel.correct.redo.click()
    panel.correct.undo.click()
    let_go()

    def shown():
        return [int(layer.data[p]) for p in ((20, 20), (60, 60), (150, 150))]

    qtbot.waitUntil(lambda: kinds(panel, case)[-4:] == ["brush", "undo", "redo", "undo"], timeout=WAIT)
    stored(qtbot, case)
    assert shown() == [1, 0, 0]
    np.testing.assert_array_equal(panel.state.project.labels(1), layer.data)
    # on a busy machine the project says late that there is something
    qtbot.waitUntil(panel.correct.redo.isEnabled, timeout=WAIT)
    panel.correct.redo.click()
    stored(qtbot, case)
    qtbot.waitUntil(lambda: shown() == [1, 0, 1], timeout=WAIT)


def test_an_undo_that_is_answered_while_the_button_is_down_takes_nothing_of_the_stroke(panel, qtbot, case):
    layer = case.labels
    paint(layer, (20, 20))
    stored(qtbot, case)
    panel.correct.undo.click()
    with layer.block_history():
        layer.paint((100, 100), 1)
        qtbot.wait(400)
        layer.paint((100, 130), 1)
    qtbot.waitUntil(lambda: layer.data[20, 20] == 0, timeout=WAIT)
    stored(qtbot, case)
    assert layer.data[100, 100] == layer.data[100, 130] == 1
    np.testing.assert_array_equal(panel.state.project.labels(1), layer.data)
    assert kinds(panel, case)[-3:] == ["brush", "undo", "brush"]


def test_a_press_soon_after_another_is_one_step_of_its_own(panel, qtbot, case):
    layer = case.labels
    strokes = len(kinds(panel, case))
    paint(layer, (20, 20))
    qtbot.wait(120)
    with layer.block_history():
        layer.paint((100, 100), 1)
        qtbot.wait(300)
        layer.paint((100, 130), 1)
    stored(qtbot, case)
    assert len(kinds(panel, case)) == strokes + 2


def test_accepting_waits_for_an_operation(panel, qtbot, case):
    case.labels.data[20:60, 20:60] = 1
    case.labels.data[30:40, 30:40] = 0
    panel.correct.tools.apply("fill_holes")
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(panel.state.project.revisions(1)), timeout=WAIT)
    revision = panel.state.project.revisions(1)[-1]
    assert panel.state.project.revision_labels(revision.id)[35, 35] == 1


def test_closing_stores_what_was_drawn_while_an_undo_was_on_its_way(panel, qtbot, case):
    layer, project = case.labels, panel.state.project
    paint(layer, (20, 20))
    stored(qtbot, case)
    panel.correct.undo.click()
    paint(layer, (150, 150))
    # no event of Qt comes through until it is closed
    assert panel.correct.view.close_all()
    labels = project.labels(1)
    assert (labels[20, 20], labels[150, 150]) == (0, 1)


def test_what_a_damaged_project_cannot_take_is_written_elsewhere(panel, qtbot, case, tmp_path, monkeypatch):
    from napari_medseg.app import rescue

    monkeypatch.setattr(rescue, "user_data_path", lambda *args, **kwargs: tmp_path / "own")
    layer = case.labels
    paint(layer, (20, 20))
    paint(layer, (22, 20))
    stored(qtbot, case)
    with sqlite3.connect(tmp_path / "p" / "project.sqlite") as other:
        other.execute("UPDATE tiles SET crc = crc + 1")
    other.close()
    # what it remembers would do; without that it has to read what it cannot
    case.project._drawn.current._memory.take(case.case_id)
    panel.correct.undo.click()
    paint(layer, (24, 24))
    qtbot.waitUntil(lambda: case.session.status.lost == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: "Cannot be stored" in panel.banner.text(), timeout=WAIT)
    drawn = np.array(layer.data)
    panel.correct.view.close_all()
    assert panel.banner.isHidden()
    (rescued,) = (tmp_path / "own" / "rescued").iterdir()
    np.testing.assert_array_equal(read_mask(rescued), drawn)

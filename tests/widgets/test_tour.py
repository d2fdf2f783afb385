"""The tour: it points, it leads, it never stands in the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.widgets import tour as tours
from napari_medseg.widgets.bubble import Bubble, place
from napari_medseg.widgets.tour import STEPS, show_tour
from tests.widgets.helpers import WAIT


@given(st.integers(0, 1500), st.integers(0, 900), st.integers(1, 1600), st.integers(1, 1000), st.integers(40, 320))
def test_a_bubble_lies_in_its_window_and_beside_its_target_where_there_is_room(x, y, width, height, side):
    room, size = QRect(0, 0, 1600, 1000), QSize(320, side)
    target = QRect(x, y, width, height).intersected(room)
    corner, where = place(target, size, room)
    lies = QRect(corner, size)
    assert room.contains(lies)
    beside = any(
        (
            target.left() >= 320,
            room.right() - target.right() >= 320,
            target.top() >= side,
            room.bottom() - target.bottom() >= side,
        )
    )
    assert beside != lies.intersects(target)
    assert where in ("left", "right", "above", "below")


@given(st.integers(0, 1500), st.integers(0, 900), st.integers(1, 1600), st.integers(1, 1000), st.integers(40, 320))
def test_on_the_image_it_lies_on_the_image_and_on_nothing_beside_it(x, y, width, height, side):
    room, size = QRect(0, 0, 1600, 1000), QSize(320, side)
    target = QRect(x, y, width, height).intersected(room)
    corner, _ = place(target, size, room, inside=True)
    assert room.contains(QRect(corner, size))
    if target.width() >= 320 and target.height() >= side:
        # its middle may be half a pixel aside
        assert target.adjusted(-1, -1, 1, 1).contains(QRect(corner, size))


def bubbles(window):
    return [bubble for bubble in window.findChildren(Bubble) if bubble.isVisible()]


def points_at(panel, step):
    control = step.control(panel)
    if step.tab is not None and step.tab != panel.tabs.currentIndex():
        control = panel.tabs.tabBar()
    window, seen = panel.window(), control.visibleRegion().boundingRect()
    target = QRect(control.mapTo(window, seen.topLeft()), seen.size())
    if panel.isAncestorOf(control):
        target.setLeft(panel.mapTo(window, panel.rect().topLeft()).x())
        target.setWidth(panel.width())
    return target


@pytest.mark.gui
def test_it_comes_by_itself_once_and_takes_neither_tab_nor_keys(seen, qtbot):
    panel, window = seen, seen.window()
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=WAIT)
    before, tab = QApplication.focusWidget(), panel.tabs.currentIndex()
    qtbot.waitUntil(lambda: len(bubbles(window)) == 1, timeout=WAIT)
    assert load_settings()["toured"]
    assert QApplication.focusWidget() is before and panel.tabs.currentIndex() == tab
    (bubble,) = bubbles(window)
    # nothing of the panel lies under it, so every button can be pressed at once
    corner = panel.mapTo(window, panel.rect().topLeft())
    assert not bubble.geometry().intersects(QRect(corner, panel.size()))
    panel.tour.stop()
    # the next panel of the same person
    again = tours.Tour(panel)
    again.seen()
    assert not again._first.isActive()


@pytest.mark.gui
def test_a_window_that_is_not_seen_begins_no_tour(panel, qtbot):
    assert not panel.tour._first.isActive() and panel.tour.bubble is None
    assert "toured" not in load_settings()


@pytest.mark.gui
def test_all_five_point_at_what_they_tell_of_forth_and_back(seen, qtbot):
    save_settings(toured=True)
    panel, window = seen, seen.window()
    panel.tour.start()
    for number in (0, 1, 2, 3, 4, 3, 2, 1, 0):
        if number != panel.tour.number:
            button = panel.tour.bubble.next if number > panel.tour.number else panel.tour.bubble.back
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        (bubble,) = bubbles(window)
        assert bubble.count.text() == f"{number + 1} of 5"
        qtbot.waitUntil(lambda number=number: bubble_beside(panel, window, STEPS[number]), timeout=WAIT)
        # no line is cut
        assert bubble.text.height() >= bubble.text.heightForWidth(bubble.text.width())
    assert not bubble.back.isEnabled()
    for _ in STEPS:
        QTest.mouseClick(bubble.next, Qt.MouseButton.LeftButton)
    assert panel.tour.bubble is None and not bubbles(window)


def bubble_beside(panel, window, step):
    (bubble,) = bubbles(window)
    target, lies = points_at(panel, step), bubble.geometry()
    room = window.rect()
    near = min(
        abs(lies.right() + 1 - target.left()),
        abs(target.right() + 1 - lies.left()),
    )
    level = target.top() <= lies.bottom() and lies.top() <= target.bottom()
    return room.contains(lies) and ((near <= 2 and level) or step.control(panel) is window.centralWidget())


@pytest.mark.gui
def test_it_follows_what_moves_and_hides_with_what_goes(seen, qtbot):
    save_settings(toured=True)
    panel, window = seen, seen.window()
    panel.tour.start()
    panel.tour.go(1)
    panel.tour.go(1)
    (bubble,) = bubbles(window)
    before = bubble.pos()
    window.resize(1100, 800)
    qtbot.waitUntil(lambda: bubble.pos() != before and bubble_beside(panel, window, STEPS[2]), timeout=WAIT)
    # another tab: it points at the names of the tabs
    panel.tabs.setCurrentIndex(3)
    qtbot.waitUntil(lambda: bubble_beside(panel, window, STEPS[2]), timeout=WAIT)
    panel.tabs.setCurrentIndex(1)
    panel.correct.tools.hide()
    qtbot.waitUntil(lambda: not bubble.isVisible(), timeout=WAIT)
    panel.correct.tools.show()
    qtbot.waitUntil(bubble.isVisible, timeout=WAIT)
    # the panel in a window of its own: nothing to point at in this one
    dock = next(part for part in _above(panel) if hasattr(part, "setFloating"))
    dock.setFloating(True)
    qtbot.waitUntil(lambda: not bubble.isVisible(), timeout=WAIT)
    dock.setFloating(False)
    qtbot.waitUntil(bubble.isVisible, timeout=WAIT)


def _above(widget):
    while (widget := widget.parentWidget()) is not None:
        yield widget


@pytest.mark.gui
@pytest.mark.parametrize("how", ["skip", "escape", "panel", "window", "viewer"])
def test_it_can_be_left_at_any_moment(seen, qtbot, how):
    save_settings(toured=True)
    panel, window = seen, seen.window()
    panel.tour.start()
    panel.tour.start()
    (bubble,) = bubbles(window)
    panel.tour.go(1)
    if how == "skip":
        QTest.mouseClick(bubble.skip, Qt.MouseButton.LeftButton)
    elif how == "escape":
        # a click gives it the keys, of which it takes this one
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
        QTest.mouseClick(bubble, Qt.MouseButton.LeftButton)
        QTest.keyClick(bubble, Qt.Key.Key_A)
        assert panel.tour.bubble is bubble
        QTest.keyClick(bubble.next, Qt.Key.Key_Escape)
        # and gives them back to the image
        focus = QApplication.focusWidget()
        assert focus is not None and focus in (window.centralWidget(), *window.centralWidget().findChildren(QWidget))
    elif how == "panel":
        next(part for part in _above(panel) if hasattr(part, "destroyOnClose")).destroyOnClose()
    else:
        # napari's own fixture closes it once more
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        if how == "window":
            window.close(quit_app=False, confirm_need=False)
        else:
            panel.viewer.close()
    assert panel.tour.bubble is None
    if how not in ("window", "viewer"):
        assert not bubbles(window)


@pytest.mark.gui
def test_the_sample_project_is_one_press_away(seen, qtbot):
    save_settings(toured=True)
    panel, window = seen, seen.window()
    panel.tour.start()
    (bubble,) = bubbles(window)
    assert "samples" in bubble.text.text()
    QTest.mouseClick(bubble.samples, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.state.case_id is not None, timeout=WAIT)
    assert panel.tour.number == 1 and panel.tabs.currentIndex() == 1
    panel.tour.go(-1)
    assert not bubble.samples.isVisible() and "samples" not in bubble.text.text()


@pytest.mark.gui
def test_the_command_begins_it_in_the_window_that_is_used(seen):
    save_settings(toured=True)
    window = seen.window()
    for _ in range(2):
        show_tour()
        assert len(bubbles(window)) == 1
    assert all(button.text() for button in bubbles(window)[0].findChildren(QPushButton))

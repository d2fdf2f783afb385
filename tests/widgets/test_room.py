"""The panel is seen whole: nothing to scroll at 1000 px, no text cut, small screens filled."""

import pytest
from napari.settings import get_settings
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDockWidget,
    QGroupBox,
    QHeaderView,
    QLabel,
    QMainWindow,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QWidget,
)

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.widgets.fold import Fold
from napari_medseg.widgets.launch import ROOMY, fit_to_screen, is_small
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


def is_cut(widget):
    """Whether a widget has less room than its words need."""
    if isinstance(widget, QLabel) and widget.wordWrap():
        return widget.heightForWidth(widget.width()) > widget.height()
    if isinstance(widget, QComboBox):
        option = QStyleOptionComboBox()
        widget.initStyleOption(option)
        style = widget.style()
        kind, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(kind, option, part, widget).width()
        texts = [widget.itemText(row) for row in range(widget.count())]
        return any(widget.fontMetrics().horizontalAdvance(text) > room for text in texts)
    if isinstance(widget, QHeaderView):
        sections = range(widget.count())
        return any(widget.sectionSize(n) < widget.fontMetrics().horizontalAdvance(title(widget, n)) for n in sections)
    if isinstance(widget, QTabBar):
        return widget.sizeHint().width() > widget.width()
    if isinstance(widget, QGroupBox):
        return widget.fontMetrics().horizontalAdvance(widget.title()) > widget.width()
    return isinstance(widget, QLabel | QAbstractButton) and widget.sizeHint().width() > widget.width()


def title(header, section):
    return str(header.model().headerData(section, header.orientation()) or "")


def words(widget):
    for name in ("text", "currentText", "title"):
        if callable(getattr(widget, name, None)) and not isinstance(widget, QHeaderView):
            try:
                return getattr(widget, name)()
            except TypeError:
                continue
    return type(widget).__name__


def look(panel, qtbot, width, height):
    """By tab: how far it scrolls, and what is cut."""
    window, found = panel.window(), {}
    window.showNormal()
    window.resize(width, height)
    qtbot.waitUntil(lambda: window.size() == QSize(width, height), timeout=WAIT)
    for number in range(panel.tabs.count()):
        panel.tabs.setCurrentIndex(number)
        area = panel.tabs.currentWidget()

        def cut_ones():
            return [words(one) for one in panel.findChildren(QWidget) if one.isVisible() and is_cut(one)]

        # what a tab reads off this thread is laid out a moment after it came
        for _ in range(20):
            qtbot.wait(50)
            if not (cut := cut_ones()):
                break
        found[panel.tabs.tabText(number)] = (area.verticalScrollBar().maximum(), cut)
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_at_1000_px_nothing_scrolls_and_no_text_is_cut(project_panel, qtbot, theme):
    panel = project_panel
    panel.viewer.theme = theme
    found = look(panel, qtbot, 1600, 1000)
    assert set(map(str, found.values())) == {"(0, [])"}, found
    # whoever opens what is folded, too
    panel.correct.more.show_inside(True)
    assert set(map(str, look(panel, qtbot, 1600, 1000).values())) == {"(0, [])"}


def test_on_a_small_screen_it_is_the_same(project_panel, qtbot):
    found = look(project_panel, qtbot, 1280, 720)
    assert set(map(str, found.values())) == {"(0, [])"}, found


def test_a_fold_is_as_it_was_left(qtbot):
    inside = QLabel("a")
    fold = Fold("More", "more", inside)
    qtbot.addWidget(fold)
    assert not fold.is_open and inside.isHidden() is False
    fold.button.click()
    assert fold.is_open and load_settings()["more"] is True
    again = Fold("More", "more")
    qtbot.addWidget(again)
    assert again.is_open


@pytest.mark.parametrize(
    ("width", "height", "small"), [(1366, 768, True), (1280, 1024, True), (1920, 720, True), (1600, 1000, False)]
)
def test_small_screens_are_filled(qtbot, monkeypatch, width, height, small):
    size = QSize(width, height)
    assert is_small(size) == small
    window, dock = QMainWindow(), QDockWidget()
    qtbot.addWidget(window)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    monkeypatch.setattr("napari_medseg.widgets.launch.is_small", lambda _: small)
    window.show()
    fit_to_screen(window, dock)
    assert window.isMaximized() == small
    assert (window.size() == window.screen().availableSize()) == small


def test_the_first_window_has_room_for_image_and_panel_and_later_ones_are_as_they_were_left(qtbot, monkeypatch):
    window, dock = QMainWindow(), QDockWidget()
    qtbot.addWidget(window)
    monkeypatch.setattr("napari_medseg.widgets.launch.is_small", lambda _: False)
    window.resize(900, 500)
    room = window.screen().availableSize()
    fit_to_screen(window, dock)
    assert window.size() == ROOMY.boundedTo(room) != QSize(900, 500)
    save_settings(toured=True)
    # the last one was killed: napari remembers a window when it is closed
    window.resize(900, 500)
    monkeypatch.setattr(get_settings().application, "window_size", None)
    fit_to_screen(window, dock)
    assert window.size() == ROOMY.boundedTo(room)
    window.resize(900, 500)
    monkeypatch.setattr(get_settings().application, "window_size", (900, 500))
    fit_to_screen(window, dock)
    assert window.size() == QSize(900, 500)

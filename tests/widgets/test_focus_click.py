"""A click for the focus does not draw; a stroke always does, and so does every click where no window ever wakes."""

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.focus_click import WOKEN_SECONDS, FocusClicks

pytestmark = pytest.mark.gui
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Canvas(QOpenGLWidget):
    """Notes what reaches it."""

    def __init__(self):
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.WheelFocus)
        self.seen = []

    def event(self, event):
        if event.type().name in ("MouseButtonPress", "MouseButtonRelease", "MouseMove", "MouseButtonDblClick"):
            self.seen.append((event.type().name.removeprefix("Mouse"), event.position().toPoint().x()))
        return super().event(event)


class Window(QMainWindow):
    def __init__(self):
        super().__init__()
        self.canvas, self.panel, self.draws = Canvas(), QWidget(), True
        self.field, self.size, self.button = QLineEdit(), QSpinBox(), QPushButton()
        layout = QVBoxLayout(self.panel)
        for widget in (self.field, self.size, self.button):
            layout.addWidget(widget)
        middle = QWidget()
        QVBoxLayout(middle).addWidget(self.canvas)
        self.setCentralWidget(middle)
        self.dock = QDockWidget()
        self.dock.setWidget(self.panel)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.clicks = FocusClicks(self.panel, lambda: self.draws, but=self.size)
        self.clicks.watch()
        self.resize(500, 300)

    def press(self, x=50):
        QTest.mousePress(self.canvas, LEFT, NONE, QPoint(x, 50))

    def move(self, x):
        QTest.mouseMove(self.canvas, QPoint(x, 50))
        QApplication.processEvents()

    def release(self, x=50):
        QTest.mouseRelease(self.canvas, LEFT, NONE, QPoint(x, 50))

    def click(self):
        """What of a click reaches the canvas."""
        self.canvas.seen.clear()
        self.press()
        self.release()
        return [kind for kind, _ in self.canvas.seen if kind.startswith("Button")]


@pytest.fixture
def window(qtbot):
    window = Window()
    qtbot.addWidget(window)
    window.show()
    yield window
    window.clicks.stop()


@pytest.fixture
def awake(window, qtbot):
    with qtbot.waitActive(window):
        window.activateWindow()
    window.canvas.setFocus()
    window.clicks._woken -= WOKEN_SECONDS
    return window


BOTH = ["ButtonPress", "ButtonRelease"]


@pytest.fixture
def asleep(window):
    """The window of a program that nobody woke: Qt's own word stays "active" once a test before this one woke it."""
    window.clicks._woken -= WOKEN_SECONDS
    window.clicks.awake = lambda: False
    return window


def test_in_a_window_that_nobody_wakes_every_click_draws(asleep):
    assert asleep.click() == BOTH
    assert asleep.click() == BOTH


def test_the_click_that_wakes_the_window_does_not_draw_and_the_next_does(asleep):
    window = asleep
    window.press()
    assert not window.canvas.seen
    window.clicks.awake = lambda: True
    window.clicks._state_changed(Qt.ApplicationState.ApplicationActive)
    window.release()
    assert not window.canvas.seen
    window.clicks._woken -= WOKEN_SECONDS
    assert window.click() == BOTH


def test_where_the_system_wakes_it_just_before_the_click_it_does_not_draw_either(awake):
    awake.clicks._state_changed(Qt.ApplicationState.ApplicationActive)
    assert awake.click() == []
    # the second half of a double-click is the same wish
    QTest.mouseDClick(awake.canvas, LEFT, NONE, QPoint(50, 50))
    awake.clicks._woken -= WOKEN_SECONDS
    assert awake.click() == BOTH


def test_a_click_out_of_a_field_of_text_only_leaves_it(awake):
    awake.field.setFocus()
    assert awake.click() == []
    assert QApplication.focusWidget() is awake.canvas
    assert awake.click() == BOTH


def test_a_stroke_out_of_a_field_is_drawn_from_where_it_began(awake):
    awake.field.setFocus()
    awake.canvas.seen.clear()
    awake.press(50)
    awake.move(52)
    assert not awake.canvas.seen
    for x in (80, 90):
        awake.move(x)
    awake.release(90)
    assert awake.canvas.seen == [("ButtonPress", 50), ("Move", 80), ("Move", 90), ("ButtonRelease", 90)]


@pytest.mark.parametrize("left", ["size", "button"])
def test_a_click_after_the_brush_size_or_a_button_draws(awake, left):
    getattr(awake, left).setFocus()
    assert awake.click() == BOTH


def test_what_does_not_draw_is_never_held_back(awake):
    awake.field.setFocus()
    awake.draws = False
    assert awake.click() == BOTH


def test_the_focus_that_a_program_gives_is_no_click(awake):
    awake.field.setFocus()
    awake.canvas.setFocus()
    assert awake.click() == BOTH


def test_keys_go_to_the_image_unless_someone_writes(awake):
    awake.button.setFocus()
    awake.clicks.to_canvas()
    assert QApplication.focusWidget() is awake.canvas
    awake.field.setFocus()
    awake.clicks.to_canvas()
    assert QApplication.focusWidget() is awake.field
    # also while the panel floats
    awake.dock.setFloating(True)
    assert awake.clicks._canvases() == [awake.canvas]

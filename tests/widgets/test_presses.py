"""A press that was made before an image was shown does not count for it."""

import ctypes
import time

import numpy as np
import pytest
from PyQt6 import sip
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QPushButton, QScrollArea, QWidget

from napari_medseg.io import write_image
from napari_medseg.project import Project
from napari_medseg.widgets.keys import KEYS
from napari_medseg.widgets.one_picture import canvases_of
from napari_medseg.widgets.presses import Presses
from tests.widgets.helpers import WAIT
from tests.widgets.test_tools import circle, open_case

pytestmark = pytest.mark.gui
NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
EARLY = "was pressed before this could be seen"


def stamp(event, made):
    """PyQt gives no way to set an event's time: it is written where Qt keeps it, and read back."""
    wanted = int(made * 1000)
    ctypes.c_uint64.from_address(sip.unwrapinstance(event) + 24).value = wanted
    assert event.timestamp() == wanted
    return event


def key(window, which=Qt.Key.Key_A, *, made=None, held=False):
    """A key as it comes from the system, made at a time of this clock."""
    made = time.monotonic() if made is None else made
    text = which.name[-1].lower()
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(window.windowHandle(), stamp(QKeyEvent(kind, which, NONE, text, held), made))


def click(widget, *, made, press=True, release=True):
    """A click as it comes from the system, or a part of it."""
    window = widget.window()
    at = QPointF(widget.mapTo(window, widget.rect().center()))
    kinds = [(QEvent.Type.MouseButtonPress, LEFT)] * press
    kinds += [(QEvent.Type.MouseButtonRelease, Qt.MouseButton.NoButton)] * release
    for kind, held in kinds:
        event = QMouseEvent(kind, at, QPointF(window.mapToGlobal(at.toPoint())), LEFT, held, NONE)
        QApplication.sendEvent(window.windowHandle(), stamp(event, made))


class Place:
    """A window with a button, and what its presses did."""

    def __init__(self, qtbot):
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.window.resize(200, 100)
        self.button = QPushButton("Go", self.window)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.now, self.said, self.clicks = 100.0, [], 0
        self.presses = Presses(self.window, lambda: self.now)
        self.presses.look()
        self.presses.watch(self.button)
        self.presses.dropped.connect(self.said.append)
        self.button.clicked.connect(self.clicked)

    def clicked(self):
        self.clicks += 1

    def act(self, name, *, made, held=False):
        """Press the key of an action; whether it was done."""
        done = []
        act = self.presses.guarded({name: lambda: done.append(name)})[name]
        # what a window hands a key on to
        self.window.keyPressEvent = lambda event: act()
        key(self.window, made=made, held=held)
        return done == [name]


@pytest.fixture
def place(qtbot):
    return Place(qtbot)


@pytest.mark.parametrize("one", KEYS, ids=lambda one: one.action)
def test_what_decides_on_a_mask_needs_to_have_been_seen(place, one):
    # at once: so the clocks lie
    assert place.act(one.action, made=place.now)
    place.presses.show_case()
    # made before, in the moment, before anyone can have seen it, and after
    done = []
    for now, made in ((100.5, 99.95), (100.5, 100.0), (100.5, 100.15), (100.5, 100.3)):
        place.now = now
        done.append(place.act(one.action, made=made))
    assert done == ([False, False, False, True] if one.decides else [True] * 4)
    assert len(place.said) == done.count(False)
    # held down, it is no press
    assert place.act(one.action, made=100.4, held=True) is not one.decides


def test_a_button_counts_for_what_was_shown_when_it_was_pressed(place):
    click(place.button, made=place.now)
    place.presses.show_other()
    place.now = 100.5
    for made in (99.99, 100.1, 100.4):
        click(place.button, made=made)
    assert place.clicks == 2
    assert place.said == ["Go was pressed before this could be seen, and did nothing here. Press again."] * 2


def test_what_has_no_time_always_counts(place, qtbot):
    key(place.window, made=place.now)
    QApplication.processEvents()
    place.presses.show_case()
    place.button.click()
    # not by a window
    qtbot.mouseClick(place.button, LEFT)
    done = []
    place.presses.guarded({"accept": lambda: done.append(1)})["accept"]()
    assert place.clicks == 2 and done == [1] and not place.said


def test_the_panel_waits_for_the_picture(seen, qtbot, tmp_path):
    """Real keys by the real window: pressed twice, A accepts one image."""
    panel, window = seen, seen.window()
    panel.tabs.setCurrentIndex(1)
    accepted = lambda: [case.id for case in panel.state.project.cases() if case.state == "accepted"]  # noqa: E731
    with Project.create(tmp_path / "p") as project:
        for number in range(1, 4):
            write_image(tmp_path / f"{number}.tif", circle()[0] + number)
            project.add_case(tmp_path / f"{number}.tif", shape=circle()[0].shape)
            project.set_proposal(number, np.zeros(circle()[0].shape, np.uint8), {"network": "none"})
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    presses, first = panel.presses, panel.correct.view.current
    qtbot.waitUntil(lambda: presses.seen, timeout=WAIT)
    first.labels.paint((50, 50), 1)
    key(window)
    pressed = time.monotonic()
    qtbot.waitUntil(lambda: panel.correct.view.current not in (None, first), timeout=WAIT)
    second = panel.correct.view.current
    key(window, made=pressed)
    assert EARLY in panel.correct.status.text() and "is accepted." in panel.correct.status.text()
    key(window, held=True)
    click(panel.correct.accept, made=pressed)
    # a stroke, too, was meant for the image before
    drawn = second.labels.data.copy()
    click(canvases_of(panel)[0], made=pressed)
    assert (second.labels.data == drawn).all()
    qtbot.waitUntil(lambda: presses.seen, timeout=WAIT)
    key(window, made=pressed)
    qtbot.wait(100)
    assert accepted() == [first.case_id] and panel.correct.view.current is second
    second.labels.paint((50, 50), 1)
    key(window)
    qtbot.waitUntil(lambda: len(accepted()) == 2, timeout=WAIT)


def test_every_button_that_decides_is_watched(seen, qtbot, tmp_path):
    open_case(seen, qtbot, tmp_path, circle()[0])
    seen.tabs.setCurrentIndex(1)
    correct, presses = seen.correct, seen.presses
    correct.more.show_inside(True)
    correct.pieces.show()
    correct.tools.neighbours.show()
    buttons = correct.deciding()

    def shown():
        # what is for volumes is hidden again as the image's facts come in
        correct.tools.neighbours.show()
        for button in buttons:
            button.setEnabled(True)
            button.show()
        return presses.seen and all(button.isVisible() for button in buttons)

    qtbot.waitUntil(shown, timeout=WAIT)
    # at once: so the clocks lie
    key(seen.window(), Qt.Key.Key_F12)

    def takes(button, made):
        area = button
        while not isinstance(area, QScrollArea):
            area = area.parentWidget()
        area.ensureWidgetVisible(button)
        # the list of images may have been read anew, and greyed it
        button.setEnabled(True)
        click(button, made=made, release=False)
        down = button.isDown()
        button.setDown(False)
        click(button, made=made, press=False)
        return down

    before = time.monotonic()
    presses.show_other()
    assert not [button.text() for button in buttons if takes(button, before)]
    qtbot.waitUntil(lambda: presses.seen, timeout=WAIT)
    assert [button.text() for button in buttons if takes(button, time.monotonic())] == [b.text() for b in buttons]


def test_a_second_press_does_not_answer_a_question_that_came_meanwhile(seen, qtbot, tmp_path):
    open_case(seen, qtbot, tmp_path, circle()[0])
    panel, pieces = seen, seen.correct.pieces
    qtbot.waitUntil(lambda: panel.presses.seen, timeout=WAIT)
    panel.tabs.setCurrentIndex(1)
    layer = panel.correct.view.current.labels
    for size, point in ((40, (40, 40)), (2, (80, 80))):
        layer.brush_size = size
        layer.paint(point, 1)
    key(panel.window())
    pressed = time.monotonic()
    qtbot.waitUntil(pieces.isVisible, timeout=WAIT)
    key(panel.window(), made=pressed)
    assert pieces.isVisible() and EARLY in panel.correct.status.text()
    qtbot.waitUntil(lambda: panel.presses.seen, timeout=WAIT)
    key(panel.window())
    qtbot.waitUntil(lambda: panel.state.project.case(1).state == "accepted", timeout=WAIT)

"""The tour: five bubbles, each pointing at the real thing. It never takes the keys, and can be left at any moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import napari
from qtpy.QtCore import QEvent, QObject, QPoint, QRect, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from napari_medseg.app.demo import sample_folder
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.widgets.bubble import Bubble, place
from napari_medseg.words import mark, tr

PLUGIN, WIDGET = "napari-medseg", "MedSeg"
SAMPLES = mark("Try it on six samples of cell nuclei.")
# after the panel is first seen: the window has found its size by then
FIRST_MS = 700


@dataclass(frozen=True, slots=True)
class Step:
    """A bubble.

    Attributes
    ----------
    text : str
        Shown by tr.
    control : callable
        Takes the panel and gives the widget that it points at.
    tab : int or None
        The panel's tab in which that lies.
    """

    text: str
    control: Callable[[Any], QWidget | None]
    tab: int | None = 1


STEPS = (
    Step(
        mark(
            "Drop a folder of your images, or a slide, on the window, or press New... in the tab Correct. They "
            "stand in a project: a folder that keeps their masks and every stroke."
        ),
        lambda panel: panel.correct.table,
    ),
    Step(
        mark(
            "An image opens with a mask that a network proposed. T hides and shows it. Nothing is final until you "
            "accept. On a slide, press Propose mask in the tab Propose; then zoom in until a yellow frame opens, and "
            "work there."
        ),
        lambda panel: _canvas(panel),
        None,
    ),
    Step(
        mark(
            "Correct it: 2 is the brush, 1 the eraser; these tools follow edges and repair. Each stroke is stored at "
            "once, Ctrl+Z takes it back."
        ),
        lambda panel: panel.correct.tools,
    ),
    Step(mark("Accept: the mask is kept as you see it, and the next image opens."), lambda panel: panel.correct.accept),
    Step(
        mark(
            "With four accepted images or more, better with ten, the network learns from you, and some of them test "
            "it. Masks leave as files in the tab Export. "
            "The ? above opens the page of each tab, and this tour."
        ),
        lambda panel: panel.retrain.start,
        2,
    ),
)


class Tour(QObject):
    """Leads through a panel.

    Parameters
    ----------
    panel : MedSegPanel
        Lies in a window, now or later.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__(panel)
        self._panel, self.number = panel, 0
        self.bubble: Bubble | None = None
        self._asked_first = False
        self._first, self._settle = QTimer(self), QTimer(self)
        for timer, ms, call in ((self._first, FIRST_MS, self._begin_first), (self._settle, 0, self.settle)):
            timer.setSingleShot(True)
            timer.setInterval(ms)
            timer.timeout.connect(call)
        panel.tabs.currentChanged.connect(lambda _: self._settle.start())

    def seen(self) -> None:
        """The panel is on a screen: the very first time of all, the tour begins by itself."""
        if not self._asked_first:
            self._asked_first = True
            if not load_settings().get("toured"):
                self._first.start()

    def _begin_first(self) -> None:
        if self._panel.isVisible() and self.bubble is None:
            self.start()

    def start(self) -> None:
        """Show the first bubble; no tab is changed and the keys stay where they are."""
        self.stop()
        window = self._panel.window()
        if not isinstance(window, QMainWindow):
            return
        self.number, self.bubble = 0, Bubble(window)
        self.bubble.destroyed.connect(self._gone)
        self.bubble.next.clicked.connect(lambda: self.go(1))
        self.bubble.back.clicked.connect(lambda: self.go(-1))
        for left in (self.bubble.skip.clicked, self.bubble.escaped):
            left.connect(lambda *_: self.stop())
        self.bubble.samples.clicked.connect(self._open_samples)
        save_settings(toured=True)
        self.settle()

    def _open_samples(self) -> None:
        self._panel.correct.open_or_make_samples(sample_folder())
        self._panel.tabs.setCurrentIndex(1)
        self.go(1)

    def go(self, by: int) -> None:
        """To the next or the previous bubble, and to the tab of what it points at."""
        if not 0 <= self.number + by < len(STEPS):
            self.stop()
            return
        self.number += by
        step = STEPS[self.number]
        if step.tab is not None:
            self._panel.tabs.setCurrentIndex(step.tab)
            area, control = self._panel.tabs.currentWidget(), step.control(self._panel)
            if control is not None:
                area.ensureWidgetVisible(control)
        self.settle()

    def settle(self) -> None:
        """Put the bubble beside what it points at; hide it while that cannot be seen."""
        bubble = self.bubble
        if bubble is None:
            return
        step, window = STEPS[self.number], bubble.parentWidget()
        samples = self.number == 0 and self._no_project()
        text = f"{tr(step.text)} {tr(SAMPLES)}" if samples else tr(step.text)
        bubble.show_step(text, self.number + 1, len(STEPS), samples=samples)
        target = self._target(step, window)
        bubble.setVisible(target is not None)
        if target is not None:
            # what stands beside the image has buttons: a bubble on the image lies on it
            corner, side = place(target, bubble.size(), window.rect(), inside=step.tab is None)
            bubble.move(corner)
            bubble.point(side, target.center() - corner)
            bubble.raise_()

    def _no_project(self) -> bool:
        return self._panel.state.project is None and not self._panel.state.loading

    def _target(self, step: Step, window: QWidget) -> QRect | None:
        """Where in the window the control is; where its tab is not in view, the names of the tabs."""
        panel, control = self._panel, step.control(self._panel)
        self._watch(control, window)
        if panel.window() is not window:
            return None
        bar = panel.tabs.tabBar()
        elsewhere = step.tab is not None and step.tab != panel.tabs.currentIndex()
        part = bar if elsewhere else control
        if part is None or not part.isVisible() or (seen := part.visibleRegion().boundingRect()).isEmpty():
            return None
        there = _in(part, seen, window)
        if panel.isAncestorOf(part):
            # beside the whole panel: no button of it is ever covered
            whole = _in(panel, panel.rect(), window)
            there.setLeft(whole.left())
            there.setRight(whole.right())
        return there

    def _watch(self, control: QWidget | None, window: QWidget) -> None:
        """Hear of whatever moves the control; once more does no harm: a filter is kept once."""
        for part in (control, self._panel.tabs):
            while part is not None:
                part.installEventFilter(self)
                part = None if part is window else part.parentWidget()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Something moved."""
        moves = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.ParentChange)
        if self.bubble is not None and event is not None and event.type() in moves:
            self._settle.start()
        return False

    def stop(self) -> None:
        """No bubble any more; the keys go back to the image if the bubble had them."""
        self._first.stop()
        bubble, self.bubble = self.bubble, None
        if bubble is None:
            return
        bubble.destroyed.disconnect(self._gone)
        focus = QApplication.focusWidget()
        had_keys = focus is not None and (focus is bubble or bubble.isAncestorOf(focus))
        bubble.hide()
        bubble.deleteLater()
        canvas = _canvas(self._panel)
        if had_keys and canvas is not None:
            canvas.setFocus()

    def _gone(self, *_: Any) -> None:
        """The window went, and the bubble with it."""
        self.bubble = None


def _canvas(panel: Any) -> QWidget | None:
    window = panel.window()
    return window.centralWidget() if isinstance(window, QMainWindow) else None


def _in(widget: QWidget, part: QRect, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint(part.x(), part.y())), part.size())


def show_tour() -> None:
    """The command: the tour in the window that is used, with the panel opened where it is not."""
    viewer = napari.current_viewer() or napari.Viewer()
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    dock.show()
    dock.raise_()
    panel.tour.start()

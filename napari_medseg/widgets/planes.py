"""The planes of a volume that the main canvas does not show, beside it in a dock of their own."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QColor, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QBoxLayout, QMainWindow, QWidget

from napari_medseg.widgets.docks import Dock, dock_of
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.plane_view import PlaneView
from napari_medseg.widgets.sight import Sight
from napari_medseg.words import mark, tr

NAME = mark("Three planes")
# px, and of the window: the canvas that one draws in keeps most of the room
WIDEST, SHARE = 260, 1 / 7


class ThreePlanes(QWidget):
    """Two small canvases; what is clicked there moves all three.

    Parameters
    ----------
    viewer : napari.Viewer
    sight : Sight
    panel : QWidget
        Of the panel: the dock goes beside it.
    """

    # by the person
    closed = Signal()

    def __init__(self, viewer: Any, sight: Sight, panel: QWidget) -> None:
        super().__init__()
        self._viewer, self._sight, self._panel = viewer, sight, panel
        self.dock: Dock | None = None
        self.on = False
        # of the panel before the planes came, and of these before they went, px; 0: not seen yet
        self._beside_width = self._width = 0
        tip = tr("Click to draw in this plane; {key} goes through them", key=key_of("next_plane"))
        self.views = tuple(PlaneView(sight, self._background(), tip) for _ in range(2))
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(2, 2, 2, 2)
        for view in self.views:
            self._layout.addWidget(view, 1)
        sight.turned.connect(self.turn)
        sight.moved.connect(self._look)
        sight.drawn.connect(self._look)
        sight.lit.connect(self._redraw)
        viewer.events.theme.connect(self._themed)
        self._themed_soon = QTimer(self, singleShot=True, interval=0)
        self._themed_soon.timeout.connect(self._take_background)
        self._widen_soon = QTimer(self, singleShot=True, interval=0)
        self._widen_soon.timeout.connect(self._widen)

    def set_on(self, on: bool) -> None:
        """Show them whenever a volume is looked at."""
        self.on = on
        self.turn()

    def turn(self) -> None:
        """Show the planes that the main canvas does not; none of an image."""
        wanted = self.on and self._sight.volume
        beside = dock_of(self._panel)
        beside_width = 0 if beside is None else beside.width()
        if wanted and self.dock is None:
            self._make_dock()
        if self.dock is None:
            return
        if wanted:
            # in three dimensions, and where the canvas shows no plane straight on, the first is left out
            in_view = self._sight.in_view or 0
            for view, axis in zip(self.views, [axis for axis in range(3) if axis != in_view], strict=True):
                view.show_plane(axis)
        if self.dock.isHidden() == wanted:
            if wanted:
                self._beside_width = beside_width
            else:
                self._width = self.dock.width()
            self.dock.setVisible(wanted)
            # once the window has found its layout
            self._widen_soon.start()

    def _make_dock(self) -> None:
        window = self._panel.window()
        if not isinstance(window, QMainWindow):
            # not docked yet
            return
        self.dock = Dock(window, self, NAME, "medseg_planes")
        self.dock.closed.connect(self.closed.emit)
        beside = dock_of(self._panel)
        alone = beside is not None and not beside.isFloating() and not window.tabifiedDockWidgets(beside)
        area = window.dockWidgetArea(beside) if beside is not None and alone else Qt.DockWidgetArea.BottomDockWidgetArea
        window.addDockWidget(area, self.dock)
        if beside is not None and alone:
            window.splitDockWidget(self.dock, beside, Qt.Orientation.Horizontal)

    def _widen(self) -> None:
        beside, window = dock_of(self._panel), self._panel.window()
        if self.dock is None or beside is None or not isinstance(window, QMainWindow) or not self._beside_width:
            return
        if self.dock.isHidden():
            # as it was before
            window.resizeDocks([beside], [self._beside_width], Qt.Orientation.Horizontal)
            return
        own = self._width or min(WIDEST, round(window.width() * SHARE))
        # the panel gives what it can spare, the canvas the rest
        least = max(beside.minimumSizeHint().width(), self._beside_width - own)
        window.resizeDocks([self.dock, beside], [own, least], Qt.Orientation.Horizontal)

    def _background(self) -> QColor:
        return QColor.fromRgbF(*(float(part) for part in self._viewer.canvas.background_color[:3]))

    def _themed(self, *_: Any) -> None:
        # napari's canvas takes its colour after this
        self._themed_soon.start()

    def _take_background(self) -> None:
        for view in self.views:
            view.canvas.background = self._background()
            view.canvas.update()

    def _look(self) -> None:
        if self.isVisible() and self._sight.volume:
            for view in self.views:
                view.look()

    def _redraw(self) -> None:
        for view in self.views:
            view.canvas.forget()
        self._look()

    def showEvent(self, event: QShowEvent | None) -> None:
        """What was not computed while nobody saw it."""
        super().showEvent(event)
        self._look()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """One below the other, or side by side, as there is room."""
        super().resizeEvent(event)
        wide = self.width() > self.height()
        directions = QBoxLayout.Direction
        self._layout.setDirection(directions.LeftToRight if wide else directions.TopToBottom)

    def detach(self) -> None:
        """Be gone from the window."""
        self._viewer.events.theme.disconnect(self._themed)
        self._themed_soon.stop()
        self._widen_soon.stop()
        if self.dock is not None:
            self.dock.leave()
            self.dock = None
        else:
            self.deleteLater()

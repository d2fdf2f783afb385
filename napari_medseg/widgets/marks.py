"""Sides of the patient at a picture's edges and a crosshair in it; in the small planes and over the main canvas."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_medseg.app.planes import edge_letters
from napari_medseg.widgets.sight import Sight

LETTERS, HALO, LINE = QColor("#ffd24a"), QColor(0, 0, 0, 200), QColor(80, 200, 255, 170)
# px that stay free around the voxel, and to the edge
GAP, MARGIN = 9, 5


def paint_letters(painter: QPainter, room: QRectF, letters: tuple[str, str, str, str] | None) -> None:
    """Letters at the top, bottom, left and right of a rectangle, readable on any picture."""
    if letters is None:
        return
    font = QFont(painter.font())
    font.setPixelSize(15)
    font.setBold(True)
    painter.setFont(font)
    inside = room.adjusted(MARGIN, MARGIN - 2, -MARGIN, 2 - MARGIN)
    flags = Qt.AlignmentFlag
    places = (
        flags.AlignTop | flags.AlignHCenter,
        flags.AlignBottom | flags.AlignHCenter,
        flags.AlignLeft | flags.AlignVCenter,
        flags.AlignRight | flags.AlignVCenter,
    )
    for letter, place in zip(letters, places, strict=True):
        painter.setPen(HALO)
        for step in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            painter.drawText(inside.translated(*step), int(place), letter)
        painter.setPen(LETTERS)
        painter.drawText(inside, int(place), letter)


def paint_cross(painter: QPainter, room: QRectF, at: QPointF) -> None:
    """A cross through a point of a rectangle, open around it so that what lies there stays seen."""
    painter.setPen(QPen(LINE, 1))
    x, y = at.x(), at.y()
    if room.top() <= y <= room.bottom():
        for begin, end in _open_line(room.left(), room.right(), x):
            painter.drawLine(QPointF(begin, y), QPointF(end, y))
    if room.left() <= x <= room.right():
        for begin, end in _open_line(room.top(), room.bottom(), y):
            painter.drawLine(QPointF(x, begin), QPointF(x, end))


def _open_line(begin: float, end: float, at: float) -> list[tuple[float, float]]:
    """What is left of a line that is open around a point of it."""
    parts = ((begin, min(at - GAP, end)), (max(at + GAP, begin), end))
    return [part for part in parts if part[0] < part[1]]


class CanvasMarks(QObject):
    """Letters and crosshair over the main canvas; the patient's head is up there, as in the small planes.

    Parameters
    ----------
    viewer : napari.Viewer
    sight : Sight
    parent : QWidget
        Of the panel: the canvas is that of its window.
    """

    def __init__(self, viewer: Any, sight: Sight, parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer, self._sight, self._panel = viewer, sight, parent
        self.sheet: _Sheet | None = None
        self.cross = False
        # how the camera stood before a volume was turned
        self._before: tuple[Any, Any] | None = None
        sight.turned.connect(self.turn)
        sight.moved.connect(self.update)
        viewer.mouse_drag_callbacks.append(self._pressed)
        for name in ("center", "zoom", "orientation"):
            getattr(viewer.scene.camera.events, name).connect(self.update)

    def turn(self) -> None:
        """Stand the camera as the plane is looked at, or as it stood before."""
        sight, camera, axis = self._sight, self._viewer.scene.camera, self._sight.in_view
        if sight.letters is None or axis is None:
            if self._before is not None:
                camera.orientation2d, self._before = self._before, None
        else:
            if self._before is None:
                self._before = camera.orientation2d
            plane = sight.planes[axis]
            # rows and columns changed by napari's own button: as it lies
            straight = self._axes() == (plane.rows, plane.columns)
            up, left = plane.up and straight, plane.left and straight
            camera.orientation2d = ("up" if up else "down", "left" if left else "right")
        self.update()

    def letters(self) -> tuple[str, str, str, str] | None:
        """At the top, bottom, left and right of the main canvas; None where no sides are known."""
        if self._sight.in_view is None:
            return None
        rows, columns = self._axes()
        vertical, horizontal = self._viewer.scene.camera.orientation2d
        return edge_letters(self._sight.letters, rows, columns, up=vertical == "up", left=horizontal == "left")

    def _axes(self) -> tuple[int, int]:
        dims = self._viewer.dims
        rows, columns = (axis - dims.ndim + 3 for axis in dims.displayed)
        return rows, columns

    def at(self, sheet: QWidget) -> QPointF:
        """Where in the canvas the voxel lies that is looked at, px."""
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        rows, columns = dims.displayed
        vertical, horizontal = camera.orientation2d
        down = (dims.point[rows] - camera.center[-2]) * camera.zoom * (-1 if vertical == "up" else 1)
        right = (dims.point[columns] - camera.center[-1]) * camera.zoom * (-1 if horizontal == "left" else 1)
        return QPointF(sheet.width() / 2 + right, sheet.height() / 2 + down)

    def paint(self, painter: QPainter, sheet: QWidget) -> None:
        """All of it."""
        if self._sight.in_view is None:
            return
        room = QRectF(sheet.rect())
        if self.cross:
            paint_cross(painter, room, self.at(sheet))
        paint_letters(painter, room, self.letters())

    def update(self, *_: Any) -> None:
        """Paint again, where there is anything to paint."""
        wanted = self._sight.in_view is not None and (self.cross or self._sight.letters is not None)
        if wanted and self.sheet is None:
            canvas = _canvas_of(self._panel.window())
            if canvas is not None:
                self.sheet = _Sheet(canvas, self)
        if self.sheet is not None:
            self.sheet.setVisible(wanted)
            self.sheet.update()

    def _pressed(self, viewer: Any, event: Any) -> Any:
        """Who clicks or draws looks there: the other planes go along when the button comes up."""
        start = tuple(event.position)
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        panned = moved and bool(getattr(viewer.layers.selection.active, "mouse_pan", True))
        sight = self._sight
        if self.cross and sight.in_view is not None and sight.image is not None and not panned:
            where = event.position if moved else start
            point = sight.image.world_to_data(where)
            if all(-0.5 <= value < size - 0.5 for value, size in zip(point, sight.shape, strict=True)):
                sight.go([float(value) for value in point])

    def detach(self) -> None:
        """Let go of the viewer."""
        camera = self._viewer.scene.camera
        if self._before is not None:
            camera.orientation2d, self._before = self._before, None
        for name in ("center", "zoom", "orientation"):
            getattr(camera.events, name).disconnect(self.update)
        self._viewer.mouse_drag_callbacks.remove(self._pressed)
        if self.sheet is not None:
            self.sheet.leave()
            self.sheet = None


class _Sheet(QWidget):
    """Lies over the canvas and lets the mouse through."""

    def __init__(self, canvas: QWidget, marks: CanvasMarks) -> None:
        super().__init__(canvas)
        self._canvas, self._marks = canvas, marks
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setStyleSheet("background: transparent")
        self.setGeometry(canvas.rect())
        canvas.installEventFilter(self)
        self.show()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """As large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return False

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Letters and crosshair."""
        painter = QPainter(self)
        self._marks.paint(painter, self)
        painter.end()

    def leave(self) -> None:
        """Be gone."""
        self._canvas.removeEventFilter(self)
        self.setParent(None)
        self.deleteLater()


def _canvas_of(window: QWidget) -> QWidget | None:
    """napari's canvas in a window."""
    middle = window.centralWidget() if isinstance(window, QMainWindow) else None
    found = [] if middle is None else middle.findChildren(QOpenGLWidget)
    return found[0] if found else None

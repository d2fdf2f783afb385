"""One plane of a volume, small: the slice, its mask, the sides of the patient and a crosshair."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_medseg.app.planes import Plane, edge_letters
from napari_medseg.widgets.labels import as_tip
from napari_medseg.widgets.marks import paint_cross, paint_letters
from napari_medseg.widgets.sight import Sight
from napari_medseg.widgets.slice_picture import as_picture, slice_colours, with_mask
from napari_medseg.words import tr

WHEEL_STEP = 120


class PlaneView(QWidget):
    """A plane with its name above, which brings it into the main canvas."""

    def __init__(self, sight: Sight, background: QColor, tip: str) -> None:
        super().__init__()
        self._sight = sight
        self.axis = 0
        self.title, self.canvas = QToolButton(), _Canvas(sight, background)
        self.title.setAutoRaise(True)
        self.title.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title.setToolTip(as_tip(tip))
        self.title.clicked.connect(lambda: sight.bring(self.axis))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.title)
        layout.addWidget(self.canvas, 1)

    def show_plane(self, axis: int) -> None:
        """Show another plane, or another volume's."""
        self.axis = axis
        self.canvas.plane = self._sight.planes[axis]
        self.canvas.setToolTip(as_tip(self._sight.why_no_letters() or ""))
        self.canvas.forget()
        # of another image, perhaps: nothing is shown until this one's slice is there
        self.canvas.picture = QImage()
        self.look()

    def look(self) -> None:
        """Show the slice of the voxel that is looked at."""
        plane, sight = self.canvas.plane, self._sight
        if plane is None or not sight.volume:
            return
        # counted as napari's slider does
        self.title.setText(f"{tr(plane.name)}  {sight.index[plane.axis]} / {sight.shape[plane.axis] - 1}")
        self.canvas.look()


class _Canvas(QWidget):
    """The slice itself. Only what is seen of a volume is ever computed: one slice."""

    clicked = Signal()

    def __init__(self, sight: Sight, background: QColor) -> None:
        super().__init__()
        self._sight, self.background = sight, background
        self.plane: Plane | None = None
        self.picture = QImage()
        # the image's colours, and of which slice they are: a stroke changes the mask alone
        self._colours: tuple[int, np.ndarray] | None = None
        self._turned_wheel = 0
        self.setMinimumSize(90, 70)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def sizeHint(self) -> QSize:
        """As large as there is room."""
        return QSize(240, 240)

    def forget(self) -> None:
        """The image looks otherwise."""
        self._colours = None

    def look(self) -> None:
        """Compute the slice, and paint it soon."""
        plane, image = self.plane, self._sight.image
        if plane is None or image is None or not self.isVisible():
            return
        index = self._sight.index[plane.axis]
        if self._colours is None or self._colours[0] != index:
            self._colours = index, slice_colours(image, plane, index)
        self.picture = as_picture(with_mask(self._colours[1], self._sight.mask, plane, index))
        self.update()

    def place(self) -> QRectF:
        """Where the slice lies in here: as large as fits, its pixels in their own proportions."""
        plane, image = self.plane, self._sight.image
        if plane is None or image is None or self.picture.isNull():
            return QRectF()
        scale = np.abs(image.scale[-3:])
        height = self._sight.shape[plane.rows] * float(scale[plane.rows])
        width = self._sight.shape[plane.columns] * float(scale[plane.columns])
        factor = min(self.width() / width, self.height() / height)
        size = (width * factor, height * factor)
        return QRectF((self.width() - size[0]) / 2, (self.height() - size[1]) / 2, *size)

    def spot(self) -> QPointF:
        """Where in here the voxel lies that is looked at."""
        assert self.plane is not None
        room, shape = self.place(), self._sight.shape
        row, column = self.plane.on_screen(self._sight.point, shape)
        return QPointF(
            room.left() + (column + 0.5) / shape[self.plane.columns] * room.width(),
            room.top() + (row + 0.5) / shape[self.plane.rows] * room.height(),
        )

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The slice, the sides, the crosshair."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.background)
        plane = self.plane
        if plane is not None and self._sight.volume and not self.picture.isNull():
            room = self.place()
            painter.drawImage(room, self.picture)
            paint_cross(painter, room, self.spot())
            letters = edge_letters(self._sight.letters, plane.rows, plane.columns, up=plane.up, left=plane.left)
            paint_letters(painter, QRectF(self.rect()), letters)
        painter.end()

    def _go(self, at: QPointF) -> None:
        room, plane = self.place(), self.plane
        if plane is None or not self._sight.volume or room.isEmpty():
            return
        shape = self._sight.shape
        row = (at.y() - room.top()) / room.height() * shape[plane.rows] - 0.5
        column = (at.x() - room.left()) / room.width() * shape[plane.columns] - 0.5
        self._sight.go(plane.voxel(row, column, self._sight.point, shape))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Look there."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Look where the mouse is drawn to."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event.position())

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Page through this plane's slices."""
        if event is None or self.plane is None or not self._sight.volume:
            return
        self._turned_wheel += event.angleDelta().y()
        steps, axis = int(self._turned_wheel / WHEEL_STEP), self.plane.axis
        self._turned_wheel -= steps * WHEEL_STEP
        if steps:
            point = list(self._sight.point)
            point[axis] = min(max(round(point[axis]) + steps, 0), self._sight.shape[axis] - 1)
            self._sight.go(point)
        event.accept()

"""A small frame that points at something in its window."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.words import tr

# px: the arrow's length, around the frame on all sides; and the width of the whole
ARROW, WIDTH = 12, 300
LEFT, RIGHT, ABOVE, BELOW = "left", "right", "above", "below"
# one colour that both of napari's themes leave readable
COLOUR = "#27508f"
STYLE = f"""
#medseg_bubble {{ background: transparent; }}
QLabel {{ color: white; background: transparent; font-weight: normal; }}
QPushButton {{ color: white; background: {COLOUR}; border: 1px solid #9db4d8; border-radius: 3px; padding: 3px 10px; }}
QPushButton:hover, QPushButton:focus {{ background: #3b69b0; }}
QPushButton:disabled {{ color: #7f97bd; border-color: #4a6ea8; }}
"""


def place(target: QRect, size: QSize, room: QRect, *, inside: bool = False) -> tuple[QPoint, str]:
    """Where a bubble lies, and on which side of its target.

    Parameters
    ----------
    target, room : QRect
        In the same coordinates; the bubble stays in the room.
    size : QSize
        Of the bubble.
    inside : bool
        It lies on its target, at the lower end, wherever there is room beside that.

    Returns
    -------
    corner : QPoint
        Upper left.
    side : str
        Of its target. Where there is room only on the target itself it lies at the lower end of that, and is ``below``.
    """
    width, height = size.width(), size.height()
    x, y = target.center().x() - width // 2, target.center().y() - height // 2
    choices = (
        (LEFT, QPoint(target.left() - width, y), target.left() - room.left() >= width),
        (RIGHT, QPoint(target.right() + 1, y), room.right() - target.right() >= width),
        (BELOW, QPoint(x, target.bottom() + 1), room.bottom() - target.bottom() >= height),
        (ABOVE, QPoint(x, target.top() - height), target.top() - room.top() >= height),
    )
    within = (BELOW, QPoint(x, target.bottom() - height), True)
    side, corner, _ = within if inside else next((choice for choice in choices if choice[2]), within)
    corner.setX(max(room.left(), min(corner.x(), room.right() + 1 - width)))
    corner.setY(max(room.top(), min(corner.y(), room.bottom() + 1 - height)))
    return corner, side


class Bubble(QFrame):
    """A sentence, and buttons to go on, back and away. It takes the keys only where it is clicked.

    Parameters
    ----------
    window : QWidget
        In which it lies.
    """

    escaped = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("medseg_bubble")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setStyleSheet(STYLE)
        self.hide()
        self._tip: list[QPoint] = []
        self.text, self.count = TextLabel(), TextLabel()
        self.next, self.back, self.skip = QPushButton(tr("Next")), QPushButton(tr("Back")), QPushButton(tr("Skip"))
        self.samples = QPushButton(tr("Open the sample project"))
        self.text.setWordWrap(True)
        self.skip.setToolTip(tr("Escape"))
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        for button in (self.skip, self.back, self.next):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(ARROW + 12, ARROW + 10, ARROW + 12, ARROW + 10)
        layout.addWidget(self.text)
        layout.addWidget(self.samples)
        layout.addLayout(row)
        self.setFixedWidth(WIDTH)

    def show_step(self, text: str, number: int, of: int, *, samples: bool) -> None:
        """What is said; ``samples``: with the button that opens the sample project."""
        self.text.setText(text)
        self.count.setText(tr("{done} of {total}", done=number, total=of))
        able(self.back, None if number > 1 else tr("This is the first step."))
        self.next.setText(tr("Done") if number == of else tr("Next"))
        self.samples.setVisible(samples)
        layout = self.layout()
        if layout is not None:
            # as high as the text is in the font that it is shown in
            self.text.ensurePolished()
            edge = layout.contentsMargins()
            # a layout of its own accord gives a text two pixels less, and cuts its last line
            self.text.setMinimumHeight(self.text.heightForWidth(WIDTH - edge.left() - edge.right()))
            layout.invalidate()
            layout.activate()
            self.setFixedHeight(layout.heightForWidth(WIDTH))

    def point(self, side: str, target: QPoint) -> None:
        """Point from where it lies, which is ``side`` of a target (in its own coordinates)."""
        inner = self.rect().adjusted(ARROW, ARROW, -ARROW, -ARROW)
        half, far = 9, 20
        x = max(inner.left() + far, min(target.x(), inner.right() - far))
        y = max(inner.top() + far, min(target.y(), inner.bottom() - far))
        self._tip = {
            LEFT: [QPoint(self.width(), y), QPoint(inner.right(), y - half), QPoint(inner.right(), y + half)],
            RIGHT: [QPoint(0, y), QPoint(inner.left(), y - half), QPoint(inner.left(), y + half)],
            ABOVE: [QPoint(x, self.height()), QPoint(x - half, inner.bottom()), QPoint(x + half, inner.bottom())],
            BELOW: [QPoint(x, 0), QPoint(x - half, inner.top()), QPoint(x + half, inner.top())],
        }[side]
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The frame and its arrow."""
        path, arrow = QPainterPath(), QPainterPath()
        path.addRoundedRect(self.rect().adjusted(ARROW, ARROW, -ARROW, -ARROW).toRectF(), 6, 6)
        if self._tip:
            arrow.addPolygon(QPolygonF([point.toPointF() for point in self._tip]))
            arrow.closeSubpath()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(path.united(arrow), QColor(COLOUR))
        painter.end()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Escape leaves; every other key is someone else's."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
            event.accept()
        elif event is not None:
            event.ignore()

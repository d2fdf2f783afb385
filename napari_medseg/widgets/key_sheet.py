"""All keys over the window, in two columns; where they do not fit they scroll."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QWidget

from napari_medseg.widgets.keys import rows

# px around it
ROOM = 12


class KeySheet(QScrollArea):
    """Lies on the window, and never takes the keyboard; a click on it puts it away, as the key does.

    Parameters
    ----------
    window : QWidget
        It stays inside.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("medseg_keys")
        self.setFrameShape(QFrame.Shape.Box)
        self.setStyleSheet("#medseg_keys { border: 1px solid palette(mid); }")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAutoFillBackground(True)
        page, found = QWidget(), rows()
        layout = QHBoxLayout(page)
        half = (len(found) + 1) // 2
        for part in (found[:half], found[half:]):
            label = QLabel(_table(part))
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            layout.addWidget(label)
        self.setWidget(page)
        window.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        """Show or hide it."""
        self.setVisible(not self.isVisibleTo(self.parentWidget()))
        self._place()

    def _place(self) -> None:
        page, window = self.widget(), self.parentWidget()
        if page is None or window is None:
            return
        page.adjustSize()
        # the style's frame, whatever it is
        edge = self.size() - self.maximumViewportSize()
        wide, high = window.width() - 2 * ROOM, window.height() - 2 * ROOM
        full_wide, full_high = page.width() + edge.width(), page.height() + edge.height()
        # a bar takes room from the other side, and two that are not needed make each other needed
        bar = self.verticalScrollBar().sizeHint().width() if full_high > high else 0
        fits = full_wide + bar <= wide and not bar
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if fits else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setHorizontalScrollBarPolicy(policy)
        self.setVerticalScrollBarPolicy(policy)
        self.resize(min(full_wide + bar, wide), min(full_high, high))
        self.move((window.width() - self.width()) // 2, (window.height() - self.height()) // 2)
        self.raise_()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The window has another size."""
        if event is not None and watched is self.parentWidget() and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Away."""
        self.hide()


def new_sheet(widget: QWidget) -> KeySheet:
    """Over the main window, also where the panel with this widget floats; it goes when the widget does."""
    above = widget
    while (parent := above.parentWidget()) is not None:
        above = parent
    sheet = KeySheet(above)
    widget.destroyed.connect(sheet.deleteLater)
    return sheet


def _table(part: list[tuple[str, str]]) -> str:
    cells = (f"<tr><td><b>{escape(key)}</b>&nbsp;&nbsp;</td><td>{escape(text)}</td></tr>" for key, text in part)
    return f"<table cellspacing='2'>{''.join(cells)}</table>"

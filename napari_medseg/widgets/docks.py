"""Docks of our own beside the panel's."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Signal
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


class Dock(QDockWidget):
    """One that tells when the person closes it.

    Parameters
    ----------
    window : QMainWindow
    inside : QWidget
    title : str
    name : str
        Under which Qt knows it.
    """

    closed = Signal()

    def __init__(self, window: QMainWindow, inside: QWidget, title: str, name: str) -> None:
        super().__init__(title, window)
        self.setObjectName(name)
        self.setWidget(inside)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Closed by its button: it stays closed."""
        super().closeEvent(event)
        if event is not None and event.type() == QEvent.Type.Close:
            self.closed.emit()

    def leave(self) -> None:
        """Be gone from the window."""
        window = self.parentWidget()
        if isinstance(window, QMainWindow):
            window.removeDockWidget(self)
        self.deleteLater()


def dock_of(widget: QWidget) -> QDockWidget | None:
    """The dock that a widget is in."""
    above: QWidget | None = widget
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above

"""A click that only brings the window to the front, or leaves a field of text, does not draw."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from napari_medseg.widgets.one_picture import canvases_of

# the system may wake the program just before it hands the click on
WOKEN_SECONDS = 0.3
FIELDS = (QLineEdit, QAbstractSpinBox, QTextEdit, QPlainTextEdit)


class FocusClicks(QObject):
    """Stands before napari's canvas, and holds a press back that may be meant for the focus alone.

    Moved with the button down it is a stroke, and is handed on from where it began. Let go where it was pressed, it is
    dropped if it did wake the program or leave a field; where no window ever wakes (no desktop), it is handed on.

    Parameters
    ----------
    parent : QWidget
    draws : callable
        Whether a click would change a mask.
    but : QWidget
        A field after which a click is meant: the brush's size.
    """

    def __init__(self, parent: QWidget, draws: Callable[[], bool], *, but: QWidget) -> None:
        super().__init__(parent)
        self._draws, self._but, self._stopped = draws, but, False
        # the press that is held back; whether it left a field, and whether the program slept when it came
        self._held: Any = None
        self._sure = False
        # the focus came by the mouse, from a field
        self._by_mouse = self._left_field = False
        self._woken = -WOKEN_SECONDS
        # handing on what was held; a click was dropped, and a second one right after it is the same wish
        self._passing = self._dropped = False
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._application = application
        application.applicationStateChanged.connect(self._state_changed)
        application.focusChanged.connect(self._focus_changed)

    @staticmethod
    def awake() -> bool:
        """Whether the program is the one that is worked with."""
        return QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive

    def watch(self) -> None:
        """Stand before the canvases of the window in which the parent lies now."""
        for canvas in self._canvases():
            # once more changes nothing
            canvas.installEventFilter(self)

    def stop(self) -> None:
        """Let go of them; more calls do nothing."""
        if self._stopped:
            return
        self._stopped = True
        for canvas in self._canvases():
            canvas.removeEventFilter(self)
        self._application.applicationStateChanged.disconnect(self._state_changed)
        self._application.focusChanged.disconnect(self._focus_changed)

    def to_canvas(self) -> None:
        """Keys go to the image, so that nobody has to click it for that; not while someone writes elsewhere."""
        focus = QApplication.focusWidget()
        if not isinstance(focus, FIELDS) or focus is self._but:
            for canvas in self._canvases()[:1]:
                canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def _canvases(self) -> list[QWidget]:
        parent = self.parent()
        assert isinstance(parent, QWidget)
        return canvases_of(parent)

    def _state_changed(self, state: Qt.ApplicationState) -> None:
        if state == Qt.ApplicationState.ApplicationActive:
            self._woken = time.monotonic()

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if isinstance(new, QOpenGLWidget):
            self._left_field = self._by_mouse and isinstance(old, FIELDS) and old is not self._but
            self._by_mouse = False

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """What comes to a canvas."""
        if watched is None or event is None or self._passing:
            return False
        kind = event.type()
        if kind == QEvent.Type.FocusIn:
            self._by_mouse = event.reason() == Qt.FocusReason.MouseFocusReason
        elif kind == QEvent.Type.MouseButtonPress:
            return self._pressed(event)
        elif kind == QEvent.Type.MouseButtonDblClick:
            return self._dropped
        elif kind == QEvent.Type.MouseMove and self._held is not None:
            return self._moved(watched, event)
        elif kind == QEvent.Type.MouseButtonRelease:
            return self._released(watched)
        elif kind == QEvent.Type.Wheel:
            # it took the focus, and the next click is another one
            self._left_field = False
        return False

    def _pressed(self, event: Any) -> bool:
        left, self._left_field = self._left_field, False
        self._dropped = False
        asleep = not self.awake()
        self._sure = left or time.monotonic() - self._woken < WOKEN_SECONDS
        if event.button() != Qt.MouseButton.LeftButton or not (asleep or self._sure) or not self._draws():
            return False
        self._held = event.clone()
        return True

    def _moved(self, watched: QObject, event: Any) -> bool:
        way = event.position() - self._held.position()
        if way.manhattanLength() >= QApplication.startDragDistance():
            self._hand_on(watched)
            return False
        return True

    def _released(self, watched: QObject) -> bool:
        if self._held is None:
            dropped, self._dropped = self._dropped, False
            return dropped
        if self._sure or self.awake():
            self._held, self._dropped = None, True
            return True
        self._hand_on(watched)
        return False

    def _hand_on(self, watched: QObject) -> None:
        held, self._held = self._held, None
        self._passing = True
        try:
            QApplication.sendEvent(watched, held)
        finally:
            self._passing = False

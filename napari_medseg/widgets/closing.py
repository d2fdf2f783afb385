"""Hears of the end: of the window around the panel, however it is closed, and of the application."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt
from qtpy.QtWidgets import QMainWindow, QWidget


class Ending(QObject):
    """Asks before the window closes, and tells when it has.

    Close button, Ctrl+W, Ctrl+Q, ``viewer.close()`` and ``QApplication.quit`` all come as Qt's close event of the main
    window, which napari may refuse after we have agreed (it asks too). So the event is handed to the window here, and
    what it says decides. Who ends the event loop without closing a window is heard of by ``aboutToQuit``.

    ``viewer.close()`` has removed the layers and closed what is in the window by then: nothing can be taken back, and a
    question would run Qt's loop in a window that is half gone. Nothing is asked there.

    Parameters
    ----------
    panel : QWidget
        Lies in the window, now or later.
    may_close : callable
        Whether the window may close.
    ended : callable
        Called without arguments when it has, at least once.
    """

    def __init__(self, panel: QWidget, may_close: Callable[[], bool], ended: Callable[[], None]) -> None:
        super().__init__(panel)
        self._panel, self._may_close, self._ended = panel, may_close, ended
        self._asking = self._over = self._too_late = False
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._end)
        self.look()

    def look(self) -> None:
        """The panel, or what it lies in, got another place: listen there."""
        for above in [] if self._over else _above(self._panel):
            # once more does no harm: a filter is kept once
            above.installEventFilter(self)
            for part in _inside(above):
                part.installEventFilter(self)

    def stop(self) -> None:
        """Hear of nothing any more."""
        self._over = True

    def _end(self) -> None:
        if not self._over:
            self._ended()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """A window above the panel closes, goes, or is new."""
        if self._over or event is None or watched is None:
            return False
        if event.type() == QEvent.Type.ParentChange:
            self.look()
        elif event.type() == QEvent.Type.Close and any(watched in _inside(w) for w in _above(self._panel)):
            self._too_late = True
        # a floating panel's own window is only hidden by its Close
        elif not isinstance(watched, QMainWindow):
            return False
        elif event.type() == QEvent.Type.Close:
            return self._close(watched, event)
        elif event.type() == QEvent.Type.DeferredDelete:
            self._end()
        return False

    def _close(self, window: QMainWindow, event: QEvent) -> bool:
        if self._asking:
            # closed once more while the question is open
            event.ignore()
            return True
        self._asking = True
        try:
            agreed = self._too_late or self._may_close()
        finally:
            self._asking = False
        if not agreed:
            event.ignore()
        else:
            window.event(event)
            if event.isAccepted():
                self._end()
        return True


# nothing of napari's is kept here: it would outlive its window
def _above(panel: QWidget) -> list[QWidget]:
    """What a panel lies in, up to the main window."""
    found, above = [], panel.parentWidget()
    while above is not None:
        found.append(above)
        above = None if isinstance(above, QMainWindow) else above.parentWidget()
    return found


def _inside(window: QWidget) -> list[QWidget]:
    """What fills a main window: napari's viewer."""
    middle = window.centralWidget() if isinstance(window, QMainWindow) else None
    return [] if middle is None else middle.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)

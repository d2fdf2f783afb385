"""A press that was made before an image was shown does not count for that image."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QWindow
from qtpy.QtWidgets import QAbstractButton, QWidget

from napari_medseg.widgets.event_clock import EventClock
from napari_medseg.widgets.keys import KEYS, key_of
from napari_medseg.widgets.one_picture import canvases_of
from napari_medseg.words import tr

# nobody sees an image and acts on it within so long; s
SEEING = 0.2
# an image is taken for painted after this, also where no canvas says so; s
UNPAINTED = 1.0

_DOWN = (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
_TIMED = (*_DOWN, QEvent.Type.KeyRelease, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseMove)


class Presses(QObject):
    """Stands before keys, buttons and the canvas, and compares each press with when its image was painted.

    What is called without an event (a script, a test) always counts, and so does a press whose time is not known; while
    the image lies under a cover, no press does.

    Parameters
    ----------
    panel : QWidget
        Lies in the window, now or later.
    clock : callable
        Seconds.
    """

    # a sentence: what was pressed and did not count
    dropped = Signal(str)

    def __init__(self, panel: QWidget, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(panel)
        self._panel, self._now, self._clock = panel, clock, EventClock()
        # the last press that came to a window: its own time, and when it was made
        self._stamp = 0
        self._made: float | None = None
        # the key that is being pressed: when, and whether it is only held down
        self._key: tuple[float | None, bool] | None = None
        # since when there is another case, and another mask; when that was painted
        self._case_at = self._shown_at = -UNPAINTED
        self._painted_at: float | None = -SEEING
        # the image lies under a cover: another one comes
        self._covered = False
        self._buttons: weakref.WeakSet[QAbstractButton] = weakref.WeakSet()
        self._canvases: weakref.WeakSet[QWidget] = weakref.WeakSet()
        self._over = QTimer(self, singleShot=True, interval=0)
        self._over.timeout.connect(self._forget_key)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.focusWindowChanged.connect(self._watch_window)
        self._watch_window(application.focusWindow())

    # ---- what is shown -------------------------------------------------------------------------------------------

    def show_case(self) -> None:
        """Another case is shown from here on."""
        self._case_at = self._now()
        self.show_other()

    def show_other(self) -> None:
        """What a press decides on is another thing than before: a proposal came, or a question."""
        self._shown_at = self._now()
        self._look()
        self._painted_at = None if any(canvas.isVisible() for canvas in self._canvases) else self._shown_at

    def cover(self, covered: bool) -> None:
        """The image is out of sight from here on, or in view again: what nobody sees, nobody decides on."""
        self._covered = covered
        self.show_other()

    @property
    def seen(self) -> bool:
        """Whether a press that is made now counts."""
        return self._now() >= self._seen_from()

    def _seen_from(self) -> float:
        if self._covered:
            return math.inf
        return self._shown_at + UNPAINTED if self._painted_at is None else self._painted_at + SEEING

    def _frame(self) -> None:
        if self._painted_at is None:
            self._painted_at = self._now()

    # ---- what is pressed -----------------------------------------------------------------------------------------

    def guarded(self, actions: Mapping[str, Callable[[], None]]) -> dict[str, Callable[[], None]]:
        """The same actions, to be bound to keys: those that act on what is shown look at when their key was pressed."""
        late = {key.action for key in KEYS if key.decides}
        return {name: self._guard(name, call) if name in late else call for name, call in actions.items()}

    def watch(self, *buttons: QAbstractButton) -> None:
        """These buttons act on what is shown."""
        for button in buttons:
            self._buttons.add(button)
            button.installEventFilter(self)

    def look(self) -> None:
        """The panel lies in another window, or was shown there."""
        self._watch_window(self._panel.window().windowHandle())
        self._look()

    def _look(self) -> None:
        for canvas in canvases_of(self._panel):
            if canvas not in self._canvases:
                self._canvases.add(canvas)
                canvas.installEventFilter(self)
                canvas.frameSwapped.connect(self._frame)

    def _watch_window(self, window: QWindow | None) -> None:
        if window is not None:
            # once more changes nothing
            window.installEventFilter(self)

    def _guard(self, name: str, call: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            made, held = self._key or (None, False)
            if held:
                return
            if self._covered:
                self._tell_covered(key_of(name))
                return
            if made is not None and made < self._seen_from():
                self._tell(key_of(name))
            else:
                call()

        return act

    def _tell(self, pressed: str) -> None:
        self.dropped.emit(
            tr("{pressed} was pressed before this could be seen, and did nothing here. Press again.", pressed=pressed)
        )

    def _tell_covered(self, pressed: str) -> None:
        self.dropped.emit(tr("Another image is being opened: {pressed} did nothing. Wait, or cancel.", pressed=pressed))

    def _forget_key(self) -> None:
        self._key = None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """What comes to a window, and what it hands on to a button or a canvas."""
        if watched is None or event is None or event.type() not in _TIMED:
            return False
        if isinstance(watched, QWindow):
            self._came(event)
            return False
        return event.type() in _DOWN and self._drops(watched, event)

    def _came(self, event: Any) -> None:
        made = self._clock.made(int(event.timestamp()), self._now())
        if event.type() in _DOWN:
            self._stamp, self._made = int(event.timestamp()), made
        if event.type() == QEvent.Type.KeyPress:
            # whoever is bound to it is called before anything else happens
            self._key = (made, event.isAutoRepeat())
            self._over.start()

    def _drops(self, widget: QObject, event: Any) -> bool:
        if self._covered and isinstance(widget, QAbstractButton):
            self._tell_covered(widget.text())
            return True
        if self._made is None or int(event.timestamp()) != self._stamp:
            # it did not come by a window: of its time nothing is known
            return False
        if isinstance(widget, QAbstractButton):
            if self._made >= self._seen_from():
                return False
            self._tell(widget.text())
            return True
        # a stroke that was begun on this image is never dropped
        if event.type() == QEvent.Type.KeyPress or self._made >= self._case_at:
            return False
        self._tell(tr("The mouse"))
        return True

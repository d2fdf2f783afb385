"""What changes a mask as a whole goes one after the other; who draws never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal


class InTurn(QObject):
    """Actions that wait for one another, on the GUI thread."""

    _called = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.closed = False
        self._busy, self._waiting = False, deque[Callable[[], None]]()
        # a bound method: what is told to someone who is gone is told to nobody
        self._called.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def _call(self, call: Callable[[], None]) -> None:
        if not self.closed:
            call()

    def then(self, action: Callable[[], None]) -> None:
        """Do something as soon as what was asked for before is shown: now, if nothing is on its way."""
        self._waiting.append(action)
        self._go_on()

    def begin(self) -> None:
        """What is asked for next waits until :meth:`end`."""
        self._busy = True

    def end(self) -> None:
        """What waited goes on."""
        self._busy = False
        self._go_on()

    def ask(self, future: Future[Any], use: Callable[[Any], None], failed: Callable[[BaseException], None]) -> None:
        """In an action of :meth:`then`: use what another thread answers, before whatever waits."""

        def call() -> None:
            error = future.exception()
            try:
                if error is not None:
                    failed(error)
                else:
                    use(future.result())
            finally:
                self.end()

        self.begin()
        self.tell(future, call)

    def tell(self, future: Future[Any], call: Callable[[], None]) -> None:
        """Call when that is done; who is closed by then asks no more."""
        future.add_done_callback(lambda _: self.closed or self._called.emit(call))

    def _is_free(self) -> bool:
        return not self._busy

    def _go_on(self) -> None:
        while self._waiting and self._is_free():
            self._waiting.popleft()()

"""Work off the GUI thread, its result back on it, late results dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from qtpy.QtCore import QObject, Qt, Signal

from napari_medseg import log
from napari_medseg.errors import Cancelled, MedsegError


class Ticket:
    """Says whether a piece of work is still wanted."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Its result will be dropped."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._cancelled.is_set()


@dataclass(eq=False)
class Work:
    """Something under way that may take long, for who shows how far it is.

    Attributes
    ----------
    text : str
        What is done.
    ticket : Ticket
    share : float
        So much is done, 0 to 1; 0 also where nobody knows.
    over : bool
    """

    text: str
    ticket: Ticket
    share: float = 0.0
    over: bool = False


def stepping(ticket: Ticket, progress: Callable[[float, Any], None]) -> Callable[..., None]:
    """What a reader or a list is given to tell how far it is; it ends it as soon as nobody waits for it any more."""

    def step(share: float, told: str = "") -> None:
        if ticket.cancelled:
            raise Cancelled
        progress(share, told)

    return step


class Workers(QObject):
    """Runs functions off the GUI thread, in lanes: networks; files and the database; a trainer watched; the short steps
    that someone who draws waits for; masks on their way out; the image that is being opened; what lesions
    measure.

    Within a lane one runs after the other; a slow network never holds up a list of images.

    Parameters
    ----------
    parent : QObject
        Owner.
    on_error : callable
        Called on the GUI thread with an error that nobody else handles.
    """

    _finished = Signal(object)
    # a Work, and what is to be called where a person ends it
    began = Signal(object, object)
    # something is over, and is about to be told
    ended = Signal()

    def __init__(self, parent: QObject, on_error: Callable[[BaseException], None]) -> None:
        super().__init__(parent)
        self._lanes = {
            name: ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"medseg-{name}")
            for name in ("compute", "files", "watch", "edit", "export", "open", "measure")
        }
        self._on_error = on_error
        self._closed = False
        self._tickets: set[Ticket] = set()
        self._lock = threading.Lock()
        self._undelivered: dict[Ticket, Callable[[], None]] = {}
        # a bound method of a QObject and a queued connection: the call runs on this object's thread
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        function: Callable[[Ticket, Callable[[float, Any], None]], Any],
        *,
        on_done: Callable[[Any], None],
        on_progress: Callable[[float, Any], None] | None = None,
        on_error: Callable[[BaseException], None] | None = None,
        on_dropped: Callable[[Any], None] | None = None,
        lane: Literal["compute", "files", "watch", "edit", "export", "open", "measure"] = "compute",
        waits: str = "",
        on_cancelled: Callable[[], None] | None = None,
    ) -> Ticket:
        """Run ``function(ticket, progress)``; the callbacks run on the GUI thread unless the ticket was cancelled.

        ``waits``: what is done, in words; where it takes long the person sees them and how far it is, and may end it,
        of which ``on_cancelled`` hears.

        A result that nobody wants any more goes to ``on_dropped``, on any thread: an open file must not be left so.
        """
        ticket = Ticket()
        self._tickets.add(ticket)
        under_way = Work(waits, ticket)

        def progress(fraction: float, told: Any) -> None:
            under_way.share = fraction
            if on_progress is not None and not ticket.cancelled:
                self._finished.emit((ticket, lambda: on_progress(fraction, told), False))

        def work() -> None:
            if ticket.cancelled:
                return
            try:
                result = function(ticket, progress)
            except Cancelled:
                return
            # shown to the user, and to nobody else: a thread has no caller
            except Exception as error:  # noqa: BLE001
                log.tell(error, expected=isinstance(error, MedsegError))
                caught, handler = error, on_error or self._on_error
                self._finished.emit((ticket, lambda: handler(caught), True))
                return
            finally:
                under_way.over = True
            drop = None if on_dropped is None else lambda: on_dropped(result)
            with self._lock:
                closed = self._closed
                if drop is not None and not closed:
                    self._undelivered[ticket] = drop
            if not closed:
                self._finished.emit((ticket, lambda: on_done(result), True))
            elif drop is not None:
                drop()

        if waits:
            self.began.emit(under_way, on_cancelled or (lambda: None))
        self._lanes[lane].submit(work)
        return ticket

    def _deliver(self, item: tuple[Ticket, Callable[[], None], bool]) -> None:
        ticket, call, last = item
        drop = None
        if last:
            self._tickets.discard(ticket)
            with self._lock:
                drop = self._undelivered.pop(ticket, None)
            self.ended.emit()
        if not ticket.cancelled and not self._closed:
            call()
        elif drop is not None:
            drop()

    @property
    def closed(self) -> bool:
        """Whether nothing is run any more."""
        return self._closed

    def close(self) -> None:
        """Drop all that is under way."""
        with self._lock:
            self._closed = True
            undelivered = list(self._undelivered.values())
            self._undelivered.clear()
        for ticket in self._tickets:
            ticket.cancel()
        for drop in undelivered:
            drop()
        for executor in self._lanes.values():
            executor.shutdown(wait=False, cancel_futures=True)

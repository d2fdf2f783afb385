"""A case being corrected: strokes go to the disk one after the other, off the thread that draws."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_medseg.app.case_labels import WITHHELD, CaseLabels, case_labels, window_labels
from napari_medseg.errors import InputError, OutputError, ProjectError, sentence
from napari_medseg.project import Box, Project, Revision
from napari_medseg.project.boxes import shifted
from napari_medseg.project.history import clock_problem
from napari_medseg.words import tr

RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveStatus:
    """How the storing goes.

    Attributes
    ----------
    pending : int
        Actions not yet on the disk.
    error : str or None
        Why the first of them is not; it is tried again every two seconds. Or why others never will be, see ``lost``.
    last_saved : float or None
        Seconds since the epoch.
    warning : str or None
        Something is wrong, though all is stored.
    lost : int
        Strokes that cannot be stored at all, or a mask that cannot: they are on the screen only.
    """

    pending: int
    error: str | None
    last_saved: float | None
    warning: str | None = None
    lost: int = 0


class CorrectionSession:
    """Stores strokes, undos and accepts of one case in their order, on a thread of its own.

    What cannot be stored (a full disk) stays in memory and is tried again, so that drawing goes on. What can never be
    stored (a damaged project) is counted: whoever holds the labels has to write them somewhere else.

    Parameters
    ----------
    project : Project
    case_id : int
    on_status : callable, optional
        Called with a :class:`SaveStatus` after each change, on the writing thread.
    window : tuple of int, optional
        (y0, x0, y1, x1), px: of a large image, the part that is on the screen. All that is handed over and given back
        is in px of that part. Default: the whole.
    """

    def __init__(
        self,
        project: Project,
        case_id: int,
        on_status: Callable[[SaveStatus], None] | None = None,
        window: Box | None = None,
    ) -> None:
        self.project, self.case_id, self.window = project, case_id, window
        self._on_status = on_status
        self._queue: deque[tuple[Callable[[], Any], Future[Any], bool]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._error: str | None = None
        self._last_saved: float | None = None
        self._warning: str | None = None
        self._lost, self._why_lost = 0, ""
        # what is on the screen cannot be stored as it is, see :meth:`refuse`
        self._unfit: str | None = None
        self._thread = threading.Thread(target=self._write, name=f"medseg-case-{case_id}", daemon=True)
        self._thread.start()

    @property
    def status(self) -> SaveStatus:
        """How the storing goes right now."""
        with self._changed:
            return SaveStatus(
                pending=len(self._queue),
                error=self._error or self._unfit or self._why_lost or None,
                last_saved=self._last_saved,
                warning=self._warning,
                lost=self._lost + (self._unfit is not None),
            )

    @property
    def unfit(self) -> str | None:
        """Why what is on the screen cannot be stored as it is; None where it can."""
        return self._unfit

    def refuse(self, why: str | None) -> None:
        """Say that what is on the screen cannot be stored, and why; None: it can be again."""
        with self._changed:
            before, self._unfit = self._unfit, why
        if before != why and self._on_status is not None:
            self._on_status(self.status)

    def stroke(
        self, labels: np.ndarray, box: Box, tool: str = "brush", *, seen: np.ndarray | None = None
    ) -> Future[int | None]:
        """Store what a box holds now.

        Parameters
        ----------
        labels : np.ndarray
            (y1 - y0, x1 - x0), integer, 0 to 255; copied at once.
        box : tuple of int
            (y0, x0, y1, x1), half-open, px; rows of a volume count over its slices.
        seen : np.ndarray, optional
            In a window, whose proposal may come meanwhile: what the box showed before; copied at once.
        """
        # a napari Labels layer counts with int64 and more: clip nothing silently, let the project refuse
        part = np.array(labels)
        at = box if self.window is None else shifted(box, *self.window[:2])
        over = None if self.window is None or seen is None else np.array(seen)

        def store() -> int | None:
            return self.project.commit_stroke(self.case_id, part, box=at, tool=tool, seen=over)

        return self._enqueue(store, drawn=True)

    def undo(self, *, proposal: bool = True) -> Future[CaseLabels | None]:
        """Go back by one stroke; what its box shows after it, None where there was nothing to undo.

        Without ``proposal``, one that lies on nothing stays, and :data:`WITHHELD` says so.
        """

        def undo() -> CaseLabels | None:
            if not proposal and self.project.undoes_proposal(self.case_id):
                return WITHHELD
            took = self.project.last_kind(self.case_id)
            shown = self._moved(self.project.undo(self.case_id))
            return None if shown is None else replace(shown, took=took)

        return self._enqueue(undo)

    def redo(self) -> Future[CaseLabels | None]:
        """Take an undo back; what its box shows after it, None where there was nothing."""
        return self._enqueue(lambda: self._moved(self.project.redo(self.case_id)))

    def propose(self, labels: np.ndarray, origin: Any) -> Future[int]:
        """Store a network's proposal as an undoable stroke."""
        part = np.array(labels)
        return self._enqueue(lambda: self.project.set_proposal(self.case_id, part, origin), drawn=True)

    def set_aside(self, labels: np.ndarray, origin: Any) -> Future[None]:
        """Keep a proposal that came too late: what is shown stays, redo shows it."""
        part = np.array(labels)
        return self._enqueue(lambda: self.project.set_aside(self.case_id, part, origin))

    def accepted(self) -> Future[int | None]:
        """The revision that is shown after all that was asked before, if it is accepted."""
        return self._enqueue(lambda: self.project.accepted_revision(self.case_id))

    def reread(self, box: Box) -> Future[CaseLabels | None]:
        """What a window shows of a box (px of the whole) where a proposal came, after all that was asked before."""

        def read() -> CaseLabels:
            assert self.window is not None
            return replace(window_labels(self.project, self.case_id, self.window, box), moved=None)

        return self._enqueue(read)

    def shown(self) -> Future[CaseLabels | None]:
        """What the project holds after all that was asked before."""
        return self._enqueue(self._now)

    def withdraw(self, box: Box) -> Future[int]:
        """Take back that a box (px of the whole) of a large image was accepted, after all that was asked before."""
        return self._enqueue(lambda: self.project.withdraw(self.case_id, box))

    def unlock(self) -> Future[int]:
        """Let later proposals change what was drawn so far."""
        return self._enqueue(lambda: self.project.unlock(self.case_id))

    def accept(self, shown: np.ndarray, problem: Callable[[], str | None] = lambda: None) -> Future[Revision]:
        """Accept the labels as they are after all that was asked before; what is accepted already stays that revision.

        Parameters
        ----------
        shown : np.ndarray
            What is on the screen; copied at once. Where the project then holds anything else, the future has an
            :class:`InputError` and nothing is accepted.
        problem : callable
            Asked on the writing thread: why it cannot be accepted, None where it can.
        """
        seen = np.array(shown)

        def accept() -> Revision:
            if (wrong := problem()) is not None:
                raise InputError(tr("{wrong} Nothing was accepted.", wrong=wrong))
            held = self.project.labels(self.case_id, self.window)
            if seen.shape != held.shape or not np.array_equal(seen, held):
                name, why = self.project.case(self.case_id).name, self.status.error
                raise InputError(
                    tr(
                        "the mask of '{name}' on the screen is not the stored one; expected the same, and nothing was "
                        "accepted. {why}",
                        name=name,
                        why=why or tr("Close the image and open it again to see what is stored."),
                    )
                )
            if self.window is not None:
                there = self.project.accepted_revision(self.case_id, self.window)
                if there is not None and there == self.project.accepted_revision(self.case_id):
                    # the key was pressed twice
                    return self.project.revisions(self.case_id)[-1]
                return self.project.accept(self.case_id, box=self.window)
            if self.project.case(self.case_id).state == "accepted":
                # the key was pressed twice
                return self.project.revisions(self.case_id)[-1]
            return self.project.accept(self.case_id)

        return self._enqueue(accept)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all is stored; False where that took longer than ``timeout`` seconds."""
        end = time.monotonic() + timeout
        with self._changed:
            while self._queue:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def close(self, timeout: float = 10.0) -> bool:
        """Store what is left and stop; False where something could not be stored."""
        done = self.flush(timeout) and not self.status.lost
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return done

    def _now(self) -> CaseLabels:
        if self.window is not None:
            return window_labels(self.project, self.case_id, self.window)
        return case_labels(self.project, self.case_id)

    def _moved(self, box: Box | None) -> CaseLabels | None:
        # what was lost may be shown anywhere
        if self.window is not None and box is not None:
            shown = window_labels(self.project, self.case_id, self.window, None if self._lost else box)
            return replace(shown, moved=box)
        return None if box is None else case_labels(self.project, self.case_id, None if self._lost else box)

    def _enqueue(self, action: Callable[[], Any], *, drawn: bool = False) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if self._closing:
                # nobody would ever take it from the queue
                told = tr("This image was closed; expected an open one. Open it again from the list, and draw there.")
                if drawn:
                    self._lost, self._why_lost = self._lost + 1, told
                future.set_exception(ProjectError(told))
            else:
                self._queue.append((action, future, drawn))
                self._changed.notify_all()
        return future

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                action, future, drawn = self._queue[0]
            try:
                result = action()
            except OutputError as error:
                self._tell(error=str(error))
                with self._changed:
                    # woken early when the session closes
                    self._changed.wait_for(lambda: self._closing, RETRY_SECONDS)
                continue
            # any other would end this thread, and every stroke after it would wait for ever
            except Exception as error:  # noqa: BLE001
                # it would fail again: say so to whoever asked, and go on with the next
                if drawn:
                    self._lost, self._why_lost = self._lost + 1, sentence(error)
                self._done()
                future.set_exception(error)
                self._tell(error=sentence(error))
                continue
            # the latest time ever seen: as long as the clock is behind it, it was set back
            self._warning = clock_problem(self._last_saved)
            self._last_saved = max(time.time(), self._last_saved or 0.0)
            self._done()
            future.set_result(result)
            self._tell(error=None)

    def _done(self) -> None:
        with self._changed:
            self._queue.popleft()
            self._changed.notify_all()

    def _tell(self, *, error: str | None) -> None:
        with self._changed:
            self._error = error
        if self._on_status is not None:
            self._on_status(self.status)

"""From a row of the list to an image on the screen: at once when it is read, its first proposal with it or after it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.app.draft import Draft
from napari_medseg.inference import Prediction
from napari_medseg.project import Project
from napari_medseg.widgets import draft_text
from napari_medseg.widgets.ahead import Ahead
from napari_medseg.widgets.load import Loaded, LoadedSlide, first_proposal, read_case
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers, stepping
from napari_medseg.words import tr

# a proposal that comes within so long comes in one picture with its image
TOGETHER_MS = 500


class Opening(QObject):
    """One image at a time; what was asked before and is not shown yet is dropped.

    Parameters
    ----------
    state, workers, ahead
    show : callable
        Shows what was read, with a proposal if there is one by then; gives the case, None where it cannot be opened.
    offer : callable
        Called with a case that is shown already, and its proposal, or a draft of it.
    failed : callable
        Called with an error, and what is to be said of a draft.
    parent : QObject

    Attributes
    ----------
    case_id : int or None
        What is read, or waits a moment for its proposal: it is about to be shown.
    draft : Draft or None
        Who drafted what is shown, while another network works.
    """

    # how far it is, from 0 to 1 (below 0: nobody knows), and what is done; nothing is done any more
    progressed = Signal(float, str)
    ended = Signal()
    # a person gave it up; whether the image is shown, and what is to be said of a draft on it
    cancelled = Signal(bool, str)
    # what is to be said while a draft is shown; what once another mask has taken its place
    drafted = Signal(str)
    replaced = Signal(str)

    def __init__(
        self,
        state: PanelState,
        workers: Workers,
        ahead: Ahead,
        *,
        show: Callable[[Loaded | LoadedSlide, Prediction | None], OpenCase | None],
        offer: Callable[[OpenCase, Prediction], None],
        failed: Callable[[BaseException, str], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state, self._workers, self._ahead = state, workers, ahead
        self._show, self._offer, self._failed = show, offer, failed
        self.case_id: int | None = None
        self._ticket: Ticket | None = None
        # read, and not shown yet; shown, and not proposed on yet
        self._loaded: Loaded | None = None
        self._case: OpenCase | None = None
        self.draft: Draft | None = None
        self._together = QTimer(self, singleShot=True, interval=TOGETHER_MS)
        self._together.timeout.connect(self._show_alone)

    def open(self, project: Project, case_id: int) -> None:
        """Read a case off the GUI thread."""
        self.stop()
        self.case_id = case_id
        self.progressed.emit(-1.0, tr("Reading the image..."))
        self._ticket = self._workers.run(
            lambda ticket, progress: read_case(project, case_id, self._state, stepping(ticket, progress)),
            on_done=self._was_read,
            on_progress=lambda done, _: self.progressed.emit(done, tr("Reading the image...")),
            on_error=self._not_read,
            on_dropped=_let_go,
            lane="open",
        )

    def stop(self) -> None:
        """Give up what is under way; an image that is shown stays, without a proposal."""
        if self._ticket is not None:
            self._ticket.cancel()
        self._together.stop()
        self._ticket = self.case_id = self._loaded = self._case = None
        self.draft = None
        self.ended.emit()

    def cancel(self) -> None:
        """As :meth:`stop`, and that is told."""
        shown, draft = self._case is not None, self.draft
        self.stop()
        self.cancelled.emit(shown, "" if draft is None else draft_text.stays(draft))

    def proposes_on(self, case: OpenCase) -> bool:
        """Whether the first proposal of a case that is shown is on its way."""
        return self._case is case

    # ---- one after the other ---------------------------------------------------------------------------------------

    def _was_read(self, loaded: Loaded | LoadedSlide) -> None:
        if isinstance(loaded, LoadedSlide) or loaded.request is None:
            self.stop()
            self._show(loaded, None)
            return
        self._loaded = loaded
        if (ready := self._ahead.take(loaded.case.id, loaded.request.weights)) is not None:
            self._proposed(ready)
            return
        if loaded.image.volume:
            # its proposal takes long: the picture first, before a network takes the processor
            self._show_alone()
            if self._case is None:
                # it cannot be shown, or another one was asked for
                return
        self._ticket = self._workers.run(
            lambda ticket, progress: first_proposal(loaded, self._ahead, ticket, progress),
            on_done=self._proposed,
            on_progress=lambda done, what: self._goes_on(done, what, loaded.draft),
            on_error=self._not_proposed,
        )
        if self._loaded is not None:
            self._together.start()

    def _not_read(self, error: BaseException) -> None:
        self.stop()
        self._failed(error, "")

    def _goes_on(self, done: float, what: str | Prediction, draft: Draft | None) -> None:
        if isinstance(what, str):
            self.progressed.emit(done, tr("Proposal: {what}", what=what))
        elif draft is not None:
            self._show_draft(what, draft)

    def _show_draft(self, prediction: Prediction, draft: Draft) -> None:
        """Something to look at, and to draw on, while the network works that was asked."""
        ticket = self._ticket
        if self._loaded is not None:
            self._together.stop()
            self._show_alone(prediction)
        elif self._case is not None:
            self._offer(self._case, prediction)
        if self._case is not None and self._ticket is ticket:
            self.draft = draft
            self.drafted.emit(draft_text.works_on(draft))

    def _show_alone(self, prediction: Prediction | None = None) -> None:
        """Nobody waits for a network to see an image."""
        loaded, ticket = self._loaded, self._ticket
        assert loaded is not None
        self._loaded = self.case_id = None
        case = self._show(loaded, prediction)
        if case is None:
            self.stop()
        elif self._ticket is ticket:
            self._case = case

    def _proposed(self, prediction: Prediction) -> None:
        loaded, case, draft = self._loaded, self._case, self.draft
        self.stop()
        if draft is not None:
            # first: where it only was kept, that is said instead
            self.replaced.emit(draft_text.replaced(draft))
        if loaded is not None:
            self._show(loaded, prediction)
        elif case is not None:
            self._offer(case, prediction)

    def _not_proposed(self, error: BaseException) -> None:
        loaded, draft = self._loaded, self.draft
        self.stop()
        if loaded is not None:
            self._show(loaded, None)
        self._failed(error, "" if draft is None else draft_text.stays(draft))


def _let_go(loaded: Loaded | LoadedSlide) -> None:
    """Nobody waits for it any more."""
    if isinstance(loaded, LoadedSlide):
        loaded.opened.close()

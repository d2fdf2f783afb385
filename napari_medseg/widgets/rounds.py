"""The rounds of one panel: begun, followed each on a thread of its own, found again after a restart, seen to an end."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal

from napari_medseg.app.pictures import compared
from napari_medseg.app.round import Round
from napari_medseg.app.unfinished import Unfinished, unfinished
from napari_medseg.errors import MedsegError, sentence
from napari_medseg.widgets.curves import load_plotting
from napari_medseg.widgets.outcome import Pictured
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers


class Rounds(QObject):
    """One of them is shown; others may not be at their end yet."""

    # of a round: its state; what its trainer told; its review; why it broke
    changed = Signal(object, str)
    told = Signal(object, object)
    reviewed = Signal(object, object)
    broke = Signal(object, object)
    # another one is shown; one that was at work was found; what can be resumed was found
    taken = Signal()
    found = Signal()
    found_left = Signal(object)
    # of one that was stopped, nothing can be gone on with
    found_none = Signal()
    # something else that could not be done
    failed = Signal(object)

    def __init__(self, state: PanelState, bus: Bus, workers: Workers, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._bus, self._workers = state, bus, workers
        # the one that is shown, and all that are not at their end
        self.shown: Round | None = None
        self._all: list[Round] = []
        # what can be resumed
        self.left: Unfinished | None = None

    @property
    def at_work(self) -> bool:
        """Whether the one that is shown is."""
        return self.shown is not None and self.shown.at_work

    def prepare(self, round_: Round) -> None:
        """Begin one, and follow it."""
        self._take(round_)

        def prepare(ticket: Ticket, progress: Any) -> None:
            load_plotting()
            round_.prepare()

        def prepared(_: None) -> None:
            self._bus.cases_changed.emit()
            self._follow(round_)

        # in the lane of files: whoever closes the project comes after it
        self._workers.run(
            prepare, on_done=prepared, on_error=lambda error: self.broke.emit(round_, error), lane="files"
        )

    def _take(self, round_: Round) -> None:
        """Show this one from now on."""
        # it tells on the thread where it is at work
        round_.changed.connect(lambda state: self.changed.emit(round_, state))
        round_.told.connect(lambda event: self.told.emit(round_, event) if event["event"] != "batch" else None)
        self.shown = round_
        self._all = [*(one for one in self._all if one.pending), round_]
        self.taken.emit()

    def _follow(self, round_: Round) -> None:
        """To its end, in a lane of its own: proposals go on meanwhile."""

        def follow(ticket: Ticket, progress: Any) -> Pictured | None:
            round_.follow()
            review = round_.review
            return None if review is None else Pictured(review, [compared(row) for row in review.rows])

        self._workers.run(
            follow,
            on_done=lambda pictured: self.reviewed.emit(round_, pictured),
            on_error=lambda error: self.broke.emit(round_, error),
            lane="watch",
        )

    def stop(self) -> None:
        """Cancel within a second; the run's last epoch stays on the disk."""
        if self.shown is not None:
            self.shown.stop()
            self._end(self.shown)

    def _end(self, round_: Round) -> None:
        """See to the end of a round that was stopped."""

        def ended(_: None = None) -> None:
            if round_.project is self._state.project:
                self.look(judge=False)

        def not_ended(error: BaseException) -> None:
            self.failed.emit(error)
            # follow it, so that it can be cancelled again
            ended()

        # the lane of files notes it before it closes the round's project
        self._workers.run(lambda *_: round_.end(), on_done=ended, on_error=not_ended, lane="files")

    def adopt(self) -> None:
        """Use the new weights for proposals from now on; the old stay selectable."""
        round_ = self.shown
        if round_ is not None and round_.state == "judged":
            self._workers.run(
                lambda *_: round_.adopt(), on_done=lambda _: None, on_error=self.failed.emit, lane="files"
            )

    def keep(self) -> None:
        """Leave the weights in use as they are; the new ones stay in the run's folder."""
        if self.shown is not None:
            self.shown.keep()

    def look(self, *, judge: bool = True) -> None:
        """Is there a run that an earlier window left, that broke off, or is done and to be judged?"""
        project = self._state.project
        if project is None:
            return

        def found(left: Unfinished | None) -> None:
            if left is None and not judge and project is self._state.project and not self.at_work:
                self.found_none.emit()
            if left is None or project is not self._state.project or self.at_work:
                return
            if left.state == "broken" or (left.state == "done" and not judge):
                # also one that came to its end as it was cancelled
                self.left = left
                self.found_left.emit(left)
                return
            round_ = Round.again(project, left, device=self._state.device)
            self._take(round_)
            self.found.emit()
            self._follow(round_)

        def look(ticket: Ticket, progress: Any) -> Unfinished | None:
            left = unfinished(project)
            if left is not None:
                load_plotting()
            return left

        # the lane comes after whatever is still being noted
        self._workers.run(look, on_done=found, lane="files")

    def part(self) -> None:
        """The project closes: the round that is shown ends, or goes on alone."""
        round_, self.shown, self.left = self.shown, None, None
        if round_ is not None and round_.at_work:
            round_.part()
            self._end(round_)

    def close(self) -> None:
        """End what is at work, unless it is to finish alone."""
        for round_ in self._all:
            try:
                # also what is being cancelled: that may not have been begun, and the project closes now
                round_.close()
            except MedsegError as error:
                show_warning(sentence(error))
            round_.changed.disconnect()
            round_.told.disconnect()

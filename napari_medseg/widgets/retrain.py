"""Retrain: shows a round on the accepted corrections, and lets a person start it, cancel it, and decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_medseg.app.forecast import forecast
from napari_medseg.app.pictures import compared
from napari_medseg.app.plan_round import RetrainOptions
from napari_medseg.app.round import Round
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.app.unfinished import Unfinished, unfinished
from napari_medseg.errors import MedsegError, sentence
from napari_medseg.widgets.curves import Curves, load_plotting
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.outcome import Outcome, Pictured
from napari_medseg.widgets.run_text import (
    STATE_TEXT,
    STATE_WORD,
    cut_text,
    event_text,
    forecast_text,
    parting_text,
    progress_text,
    unfinished_text,
    verdict_text,
    version_name,
)
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.versions import VersionList
from napari_medseg.widgets.workers import Ticket, Workers


class RetrainSection(QWidget):
    """A view of a :class:`Round`, which alone knows how it stands."""

    # a round tells on the thread where it is at work
    _changed = Signal(object, str)
    _told = Signal(object, object)

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._state, self._bus, self._workers = state, bus, workers
        # the one that is shown, and all that are not at their end
        self._round: Round | None = None
        self._rounds: list[Round] = []
        # what can be resumed
        self._left: Unfinished | None = None
        # of a round whose project was closed, until another one is open
        self._parting = ""
        self.epochs, self.minutes = QSpinBox(), QSpinBox()
        self.start, self.cancel = QPushButton("Retrain"), QPushButton("Cancel")
        self.resume = QPushButton("Resume")
        self.progress, self.curves, self.message = QProgressBar(), Curves(), TextLabel()
        # what would happen if it was pressed now
        self.ahead, self._asked = TextLabel(), object()
        self.outcome = Outcome()
        self.versions = VersionList(state, bus, workers, self.message.setText)
        self._build()
        self._changed.connect(self._show_state)
        self._told.connect(self._show_event)
        state.events.project.connect(self._project_changed)
        bus.cases_changed.connect(self.look_ahead)
        state.events.weights.connect(self.look_ahead)
        for box in (self.epochs, self.minutes):
            box.valueChanged.connect(self.look_ahead)

    def _build(self) -> None:
        stored = load_settings()
        self.epochs.setRange(1, 1000)
        self.epochs.setValue(int(stored.get("epochs", 30)))
        self.minutes.setRange(0, 600)
        self.minutes.setSpecialValueText("no limit")
        self.minutes.setValue(int(stored.get("minutes", 5)))
        self.minutes.setSuffix(" min")
        self.minutes.setToolTip("As many epochs as fit into this; the learning rate comes down by the last one.")
        form = QFormLayout()
        form.addRow("Epochs", self.epochs)
        form.addRow("At most", self.minutes)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.resume)
        buttons.addWidget(self.cancel)
        self.message.setWordWrap(True)
        self.ahead.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.ahead)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        # once there is an outcome, it is what one wants to see
        layout.addWidget(self.outcome)
        layout.addWidget(self.curves)
        layout.addWidget(self.versions)
        layout.addStretch()
        self.progress.setRange(0, 100)
        self._bar("")
        self.start.clicked.connect(self.begin)
        self.cancel.clicked.connect(self.stop)
        self.resume.clicked.connect(self.resume_run)
        self.outcome.adopt_wanted.connect(self.adopt_new)
        self.outcome.keep_wanted.connect(self.keep_old)
        self._enable()

    def _enable(self) -> None:
        at_work = self._round is not None and self._round.at_work
        self.start.setEnabled(not at_work)
        self.cancel.setEnabled(at_work)
        self.ahead.setVisible(not at_work)
        self.resume.setVisible(self._left is not None and not at_work)

    def _options(self) -> RetrainOptions:
        return RetrainOptions(
            network=self._state.network,
            weights=self._state.weights,
            task=self._state.task,
            epochs=self.epochs.value(),
            minutes=self.minutes.value() or None,
            device=self._state.device,
        )

    def _bar(self, word: str, share: float | None = None) -> None:
        """A word on the bar; without one it is out of the way."""
        self.progress.setVisible(bool(word))
        self.progress.setFormat(word)
        if share is not None:
            self.progress.setValue(round(100 * share))

    # ---- what would happen ---------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent | None) -> None:
        """Whoever looks reads what is true now."""
        super().showEvent(event)
        self.look_ahead()

    def look_ahead(self, *_: Any) -> None:
        """Say what Retrain would do now, where anybody looks."""
        project, options = self._state.project, self._options()
        at_work = self._round is not None and self._round.at_work
        if project is None or not options.weights or not self.isVisible() or at_work:
            return
        self._asked = asked = object()

        def show(text: str) -> None:
            if asked is self._asked and project is self._state.project:
                self.ahead.setText(text)

        self._workers.run(
            lambda *_: forecast_text(forecast(project, options), epochs=options.epochs, minutes=options.minutes),
            on_done=show,
            on_error=lambda error: show(sentence(error)),
            lane="files",
        )

    # ---- a round -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new round, with what is chosen now."""
        project = self._state.project
        if project is None:
            self.message.setText("Open a project first and accept at least two images, in the section Correct.")
            return
        options = self._options()
        save_settings(epochs=self.epochs.value(), minutes=self.minutes.value())
        self.curves.clear()
        self._bar("", 0)
        self._prepare(Round.new(project, options))

    def resume_run(self) -> None:
        """Go on from the last whole epoch of a run that broke off, or judge one that is trained."""
        if self._left is not None and self._state.project is not None:
            self._prepare(Round.again(self._state.project, self._left, device=self._state.device))

    def _prepare(self, round_: Round) -> None:
        self._take(round_)
        self.outcome.clear()
        self.message.setText("Preparing...")
        self._bar(STATE_WORD["preparing"])

        def prepare(ticket: Ticket, progress: Any) -> None:
            load_plotting()
            round_.prepare()

        def prepared(_: None) -> None:
            self._bus.cases_changed.emit()
            self._follow(round_)

        # in the lane of files: whoever closes the project comes after it
        self._workers.run(
            prepare, on_done=prepared, on_error=lambda error: self._show_error(round_, error), lane="files"
        )

    def _take(self, round_: Round) -> None:
        """Show this one from now on."""
        round_.changed.connect(lambda state: self._changed.emit(round_, state))
        round_.told.connect(lambda event: self._told.emit(round_, event) if event["event"] != "batch" else None)
        self._round = round_
        self._rounds = [*(one for one in self._rounds if one.pending), round_]
        self._enable()

    def _follow(self, round_: Round) -> None:
        """To its end, in a lane of its own: proposals go on meanwhile."""

        def follow(ticket: Ticket, progress: Any) -> Pictured | None:
            round_.follow()
            review = round_.review
            return None if review is None else Pictured(review, [compared(row) for row in review.rows])

        self._workers.run(
            follow,
            on_done=lambda pictured: self._show_review(round_, pictured),
            on_error=lambda error: self._show_error(round_, error),
            lane="watch",
        )

    def stop(self) -> None:
        """Cancel within a second; the run's last epoch stays on the disk."""
        if self._round is not None:
            self._round.stop()
            self._end(self._round)

    def _end(self, round_: Round) -> None:
        """See to the end of a round that was stopped."""

        def ended(_: None = None) -> None:
            if round_.project is self._state.project:
                self._look_for_run(judge=False)

        def not_ended(error: BaseException) -> None:
            self.message.setText(sentence(error))
            show_warning(sentence(error))
            # follow it, so that it can be cancelled again
            ended()

        # the lane of files notes it before it closes the round's project
        self._workers.run(lambda *_: round_.end(), on_done=ended, on_error=not_ended, lane="files")

    def adopt_new(self) -> None:
        """Use the new weights for proposals from now on; the old stay selectable."""
        round_ = self._round
        if round_ is None or round_.state != "judged":
            return

        def failed(error: BaseException) -> None:
            self.message.setText(sentence(error))
            show_warning(sentence(error))

        self._workers.run(lambda *_: round_.adopt(), on_done=lambda _: None, on_error=failed, lane="files")

    def keep_old(self) -> None:
        """Leave the weights in use as they are; the new ones stay in the run's folder."""
        if self._round is not None:
            self._round.keep()

    # ---- what is shown -------------------------------------------------------------------------------------------

    def _show_state(self, round_: Round, state: str) -> None:
        if round_ is not self._round or state != round_.state:
            # another one is shown, or it has gone on
            return
        if state == "running":
            self._left = None
        self._enable()
        if state in ("adopted", "kept"):
            self.outcome.decided()
        if state in STATE_TEXT:
            self.message.setText(STATE_TEXT[state])
        if state in STATE_WORD:
            self._bar(STATE_WORD[state])
        if state == "adopted" and round_.weights is not None:
            self._bus.weights_changed.emit()
            self.versions.refresh()
            cut = cut_text(round_.review, round_.spec) if round_.review is not None and round_.spec is not None else ""
            name = version_name(str(round_.weights), first=False)
            self.message.set_bold(f"{name} is in use.", f"{cut} Any earlier one can be used again below.")
            show_info("The new network is in use.")
        if not round_.at_work:
            self.look_ahead()

    def _show_event(self, round_: Round, event: dict[str, Any]) -> None:
        if round_ is not self._round or round_.state != "running" or round_.spec is None:
            return
        if event["event"] == "epoch":
            self._bar(progress_text(event), event["epoch"] / event["epochs"])
            self.curves.add(event["epoch"], event.get("loss"), event.get("val_dice"), epochs=event["epochs"])
        text = event_text(event, round_.spec)
        if text is not None:
            self.message.setText(text)

    def _show_error(self, round_: Round, error: BaseException) -> None:
        """Why it broke; and the offer to go on."""
        if round_ is self._round and round_.state == "broken":
            self.message.setText(sentence(error))
            show_warning(sentence(error))
            if round_.run_id is not None:
                self._look_for_run(judge=False)

    def _show_review(self, round_: Round, pictured: Pictured | None) -> None:
        if round_ is not self._round or round_.state != "judged" or pictured is None:
            return
        self._bar("Done", 1)
        self.outcome.show_review(pictured)
        if pictured.review.verdict.adopt:
            self.adopt_new()
        elif round_.spec is not None:
            self.message.set_bold(*verdict_text(pictured.review, round_.spec))

    # ---- other rounds, and the end -------------------------------------------------------------------------------

    def _look_for_run(self, *, judge: bool = True) -> None:
        """Is there a run that an earlier window left, that broke off, or is done and to be judged?"""
        project = self._state.project
        if project is None:
            return

        def found(left: Unfinished | None) -> None:
            busy = self._round is not None and self._round.at_work
            if left is None or project is not self._state.project or busy:
                return
            told = self.message.text()
            if left.state == "broken" or (left.state == "done" and not judge):
                # also one that came to its end as it was cancelled
                self._left = left
                self._enable()
                self.message.setText(f"{told} {unfinished_text(left)}".strip())
                return
            round_ = Round.again(project, left, device=self._state.device)
            self._take(round_)
            self.message.setText(f"{told} A round that was left at work was found.".strip())
            self._follow(round_)

        def look(ticket: Ticket, progress: Any) -> Unfinished | None:
            left = unfinished(project)
            if left is not None:
                load_plotting()
            return left

        # the lane comes after whatever is still being noted
        self._workers.run(look, on_done=found, lane="files")

    def may_close(self, ask: Callable[[str], str], what: str = "the window is closed") -> bool:
        """Before the window, the panel or the project closes: is the run to finish alone?

        Parameters
        ----------
        ask : callable
            Shows a question; its answer is ``finish``, ``cancel`` (the run) or ``stay`` (nothing is closed).
        what : str
            After which it would be alone.
        """
        round_ = self._round
        if round_ is None or round_.state != "running":
            return True
        answer = ask(f"Training is at work. Let it finish after {what}?")
        # the trainer may have ended while the question was read
        if answer != "stay" and round_.state == "running":
            # napari may ask too, and not close: until it does, the run is followed and can be cancelled
            round_.stay(answer == "finish")
            if answer == "cancel":
                self.stop()
        return answer != "stay"

    def _project_changed(self, *_: Any) -> None:
        round_, self._round, self._left = self._round, None, None
        if round_ is not None and round_.at_work:
            self._parting = parting_text(round_)
            if self._parting:
                show_info(self._parting)
            round_.part()
            self._end(round_)
        self._enable()
        self.outcome.clear()
        self.message.setText(self._parting)
        if self._state.project is not None:
            self._parting = ""
        self.curves.clear()
        self._bar("", 0)
        self.ahead.setText("")
        self.versions.refresh()
        self._look_for_run()
        self.look_ahead()

    def close_section(self) -> None:
        """End what is at work, unless it is to finish alone."""
        for round_ in self._rounds:
            try:
                # also what is being cancelled: that may not have been begun, and the project closes now
                round_.close()
            except MedsegError as error:
                show_warning(sentence(error))
            round_.changed.disconnect()
            round_.told.disconnect()

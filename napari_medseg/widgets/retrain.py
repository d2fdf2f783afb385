"""Retrain: shows a round on the accepted corrections, and lets a person start it, cancel it, and decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_medseg.app.forecast import forecast
from napari_medseg.app.plan_round import RetrainOptions
from napari_medseg.app.round import Round
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.app.unfinished import Unfinished
from napari_medseg.errors import sentence
from napari_medseg.widgets.curves import Curves
from napari_medseg.widgets.greyed import AT_WORK, NOTHING_RUNS, able
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.once import warn_unseen
from napari_medseg.widgets.outcome import Outcome, Pictured
from napari_medseg.widgets.rounds import Rounds
from napari_medseg.widgets.run_text import (
    STATE_WORD,
    cut_text,
    event_text,
    forecast_text,
    parting_text,
    progress_text,
    state_text,
    unfinished_text,
    verdict_text,
    version_name,
)
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.versions import VersionList
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr


class RetrainSection(QWidget):
    """A view of a :class:`Round`, which alone knows how it stands."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._state, self._bus, self._workers = state, bus, workers
        self.rounds = Rounds(state, bus, workers, self)
        # of a round whose project was closed, until another one is open
        self._parting = ""
        self.epochs, self.minutes = QSpinBox(), QSpinBox()
        self.start, self.cancel = QPushButton(tr("Retrain")), QPushButton(tr("Cancel"))
        self.resume = QPushButton(tr("Resume"))
        self.progress, self.curves, self.message = QProgressBar(), Curves(), Message(Of.PROJECT)
        # why the last one could not begin
        self._refused = ""
        # what would happen if it was pressed now
        self.ahead, self._asked = TextLabel(), object()
        self.outcome = Outcome()
        self.versions = VersionList(state, bus, workers, self.message.setText)
        self._build()
        self.rounds.changed.connect(self._show_state)
        self.rounds.told.connect(self._show_event)
        self.rounds.reviewed.connect(self._show_review)
        self.rounds.broke.connect(self._show_error)
        self.rounds.taken.connect(self._enable)
        self.rounds.found.connect(self._show_found)
        self.rounds.found_left.connect(self._show_left)
        self.rounds.found_none.connect(
            lambda: self._add_to_message(tr("It ended before its first epoch was done: Retrain starts anew."))
        )
        self.rounds.failed.connect(self._failed)
        state.events.project.connect(self._project_changed)
        bus.cases_changed.connect(self.look_ahead)
        bus.case_changed.connect(self.look_ahead)
        state.events.weights.connect(self.look_ahead)
        for box in (self.epochs, self.minutes):
            box.valueChanged.connect(self.look_ahead)

    def _build(self) -> None:
        stored = load_settings()
        self.epochs.setRange(1, 1000)
        self.epochs.setValue(int(stored.get("epochs", 30)))
        self.minutes.setRange(0, 600)
        self.minutes.setSpecialValueText(tr("no limit"))
        self.minutes.setValue(int(stored.get("minutes", 5)))
        self.minutes.setSuffix(tr(" min"))
        self.minutes.setToolTip(tr("Only so many epochs are planned as fit into this; none is cut off in the middle."))
        form = QFormLayout()
        form.addRow(tr("Epochs"), self.epochs)
        form.addRow(tr("At most"), self.minutes)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.resume)
        buttons.addWidget(self.cancel)
        self.ahead.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.ahead)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
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
        at_work = self.rounds.at_work
        able(self.start, tr(AT_WORK) if at_work else None)
        able(self.cancel, None if at_work else tr(NOTHING_RUNS))
        self.ahead.setVisible(not at_work)
        self.resume.setVisible(self.rounds.left is not None and not at_work)

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
        if project is None or not options.weights or not self.isVisible() or self.rounds.at_work:
            return
        self._asked = asked = object()

        def show(text: str) -> None:
            if asked is self._asked and project is self._state.project:
                if self.message.text() == self._refused != text:
                    # what stood in the way is out of it
                    self.message.setText("")
                # said once
                self.ahead.setText("" if text == self.message.text() else text)

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
            self.message.setText(tr("Open a project first and accept at least two images, in the section Correct."))
            return
        options = self._options()
        save_settings(epochs=self.epochs.value(), minutes=self.minutes.value())
        self.curves.clear()
        self._bar("", 0)
        self._prepare(Round.new(project, options))

    def resume_run(self) -> None:
        """Go on from the last whole epoch of a run that broke off, or judge one that is trained."""
        left, project = self.rounds.left, self._state.project
        if left is not None and project is not None:
            self._prepare(Round.again(project, left, device=self._state.device))

    def _prepare(self, round_: Round) -> None:
        self.rounds.prepare(round_)
        self.outcome.clear()
        self.message.setText(tr("Preparing..."))
        self._bar(tr(STATE_WORD["preparing"]))

    def stop(self) -> None:
        """Cancel within a second; the run's last epoch stays on the disk."""
        self.rounds.stop()

    def adopt_new(self) -> None:
        """Use the new weights for proposals from now on; the old stay selectable."""
        self.rounds.adopt()

    def keep_old(self) -> None:
        """Leave the weights in use as they are; the new ones stay in the run's folder."""
        self.rounds.keep()

    @property
    def _round(self) -> Round | None:
        return self.rounds.shown

    # ---- what is shown -------------------------------------------------------------------------------------------

    def _show_state(self, round_: Round, state: str) -> None:
        if round_ is not self._round or state != round_.state:
            # another one is shown, or it has gone on
            return
        if state == "running":
            self.rounds.left = None
        self._enable()
        if state in ("adopted", "kept"):
            self.outcome.decided()
        if text := state_text(state, round_.spec):
            self.message.setText(text)
        if state == "broken" and round_.run_id is None:
            # nothing ran
            self._bar("")
        elif state in STATE_WORD:
            self._bar(tr(STATE_WORD[state]))
        if state == "adopted" and round_.weights is not None:
            self._bus.weights_changed.emit()
            self.versions.refresh()
            cut = cut_text(round_.review, round_.spec) if round_.review is not None and round_.spec is not None else ""
            name = version_name(str(round_.weights), first=False)
            self.message.set_bold(
                tr("{name} is in use.", name=name), f"{cut} {tr('Any earlier one can be used again below.')}"
            )
            show_info(tr("The new network is in use."))
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
            self._failed(error)
            if round_.run_id is None:
                self._refused = self.message.text()
            else:
                self.rounds.look(judge=False)

    def _show_review(self, round_: Round, pictured: Pictured | None) -> None:
        if round_ is not self._round or round_.state != "judged" or pictured is None:
            return
        self._bar(tr("Done"), 1)
        self.outcome.show_review(pictured)
        if pictured.review.verdict.adopt:
            self.adopt_new()
        elif round_.spec is not None:
            self.message.set_bold(*verdict_text(pictured.review, round_.spec))

    # ---- other rounds, and the end -------------------------------------------------------------------------------

    def _show_left(self, left: Unfinished) -> None:
        """What broke off can be resumed."""
        self._enable()
        self._add_to_message(unfinished_text(left))

    def _show_found(self) -> None:
        """One that was left at work: how far it is comes with its next epoch."""
        self._add_to_message(tr("A round that was left at work was found."))
        self._bar(tr("At work: how far it is comes with its next epoch"), 0)

    def _add_to_message(self, text: str) -> None:
        self.message.setText(f"{self.message.text()} {text}".strip())

    def _failed(self, error: BaseException) -> None:
        why = sentence(error)
        self.message.setText(why)
        if self.ahead.text() == why:
            self.ahead.setText("")
        warn_unseen(self, why)

    def may_close(self, ask: Callable[[str], str], what: str = "") -> bool:
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
        answer = ask(tr("Training is at work. Let it finish after {what}?", what=what or tr("the window is closed")))
        # the trainer may have ended while the question was read
        if answer != "stay" and round_.state == "running":
            # napari may ask too, and not close: until it does, the run is followed and can be cancelled
            round_.stay(answer == "finish")
            if answer == "cancel":
                self.stop()
        return answer != "stay"

    def _project_changed(self, *_: Any) -> None:
        round_ = self.rounds.shown
        if round_ is not None and round_.at_work:
            self._parting = parting_text(round_)
            if self._parting:
                show_info(self._parting)
        self.rounds.part()
        self._enable()
        self.outcome.clear()
        self.message.setText(self._parting)
        if self._state.project is not None:
            self._parting = ""
        self.curves.clear()
        self._bar("", 0)
        self.ahead.setText("")
        self.versions.refresh()
        self.rounds.look()
        self.look_ahead()

    def close_section(self) -> None:
        """End what is at work, unless it is to finish alone."""
        self.rounds.close()

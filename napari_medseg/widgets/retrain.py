"""Retrain: fine-tune on the accepted corrections in a process of its own, and look before adopting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_medseg.app.pictures import before_and_after
from napari_medseg.app.process import RunProcess
from napari_medseg.app.review import review_run
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.app.train import RetrainOptions, adopt_run, plan_retrain
from napari_medseg.app.unfinished import Unfinished, end_run, go_on, unfinished
from napari_medseg.errors import MedsegError, sentence
from napari_medseg.project import Project
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import WEIGHTS_FILE
from napari_medseg.widgets.curves import Curves, load_plotting
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.outcome import Outcome, Pictured
from napari_medseg.widgets.run_text import broken_text, event_text, left_text
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.versions import VersionList
from napari_medseg.widgets.workers import Ticket, Workers

Run = tuple[Project, int, RunSpec, Path]


class RetrainSection(QWidget):
    """Starts a run, watches it, shows what it changed."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._state, self._bus, self._workers = state, bus, workers
        self._process: RunProcess | None = None
        self._ticket: Ticket | None = None
        self._run: Run | None = None
        self._preparing = self._unwanted = False
        # cancelled, and not at its end yet
        self._ending: tuple[RunProcess, Run] | None = None
        # it is to finish alone, whatever becomes of this window or its project
        self._alone = False
        self._parting = ""
        self.epochs, self.minutes = QSpinBox(), QSpinBox()
        self.start, self.cancel = QPushButton("Retrain"), QPushButton("Cancel")
        self.resume = QPushButton("Resume")
        self._broken: Unfinished | None = None
        self.progress, self.curves, self.message = QProgressBar(), Curves(), TextLabel()
        self.outcome = Outcome()
        self.versions = VersionList(state, bus, workers, self.message.setText)
        self._build()
        state.events.project.connect(self._project_changed)

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
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addWidget(self.curves)
        layout.addWidget(self.outcome)
        layout.addWidget(self.versions)
        layout.addStretch()
        self.progress.setRange(0, 100)
        self.start.clicked.connect(self.begin)
        self.cancel.clicked.connect(self.stop)
        self.resume.clicked.connect(self.resume_run)
        self.outcome.adopt_wanted.connect(self.adopt_new)
        self.outcome.keep_wanted.connect(self.keep_old)
        self._enable()

    def _enable(self, *, running: bool = False) -> None:
        self.start.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.resume.setVisible(self._broken is not None and not running)

    # ---- a run ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Write the run's folder off the GUI thread, then start the trainer."""
        project = self._state.project
        if project is None:
            self.message.setText("Open a project first and accept at least two images, in the section Correct.")
            return
        options = RetrainOptions(
            network=self._state.network,
            weights=self._state.weights,
            epochs=self.epochs.value(),
            minutes=self.minutes.value() or None,
            device=self._state.device,
        )
        save_settings(epochs=self.epochs.value(), minutes=self.minutes.value())
        self.outcome.clear()
        self._enable(running=True)
        self.curves.clear()
        self.progress.setValue(0)
        self.message.setText("Preparing...")

        def prepare(ticket: Ticket, progress: Any) -> tuple[RunProcess, Run]:
            load_plotting()
            spec, folder = plan_retrain(project, options)
            run = project.add_run(spec.to_json(), folder.relative_to(project.path))
            return RunProcess(folder), (project, run, spec, folder)

        self._broken = None
        self._start(prepare)

    def _start(self, prepare: Callable[[Ticket, Any], tuple[RunProcess, Run]]) -> None:
        self._preparing, self._unwanted = True, False
        self._enable(running=True)
        self._workers.run(
            prepare,
            on_done=lambda found: self._prepared(*found),
            on_error=self._not_prepared,
            on_dropped=lambda found: found[0].cancel(),
            lane="files",
        )

    def _not_prepared(self, error: BaseException) -> None:
        self._preparing = False
        self._failed(error)

    def _prepared(self, process: RunProcess, run: Run) -> None:
        self._preparing = False
        self._process, self._run = process, run
        self._bus.cases_changed.emit()
        if self._unwanted:
            self.stop()
            return
        self.message.setText("Starting the trainer...")
        self._follow(process, run)

    def _follow(self, process: RunProcess, run: Run) -> None:
        self._alone = False

        def follow(ticket: Ticket, tell: Callable[[float, Any], None]) -> None:
            for event in process.follow(lambda: ticket.cancelled):
                tell(0.0, event)

        self._ticket = self._workers.run(
            follow,
            on_done=lambda _: self._trained(run),
            on_progress=lambda _, event: self._show_event(event),
            on_error=self._died,
            lane="watch",
        )

    def _died(self, error: BaseException) -> None:
        """The trainer died alone: say why, and offer to go on."""
        self._note("failed")
        self._process = None
        self._failed(error)
        self._look_for_run()

    # ---- a run that was left -------------------------------------------------------------------------------------

    def _look_for_run(self, *, judge: bool = True) -> None:
        """Is there a run that an earlier window left, that broke off, or is done and to be judged?"""
        project = self._state.project
        if project is None:
            return

        def found(left: Unfinished | None) -> None:
            if left is None or project is not self._state.project or self._run is not None or self._preparing:
                return
            if left.state == "done" and not judge:
                # it came to its end as it was cancelled
                return
            run = (project, left.run_id, left.spec, left.folder)
            told = self.message.text()
            if left.state == "broken":
                self._broken = left
                self._enable()
                self.message.setText(f"{told} {broken_text(left)}".strip())
                return
            self._process, self._run = RunProcess.attach(left.folder), run
            self._enable(running=True)
            self.message.setText(f"{told} A run that was left at work was found.".strip())
            self._follow(self._process, run)

        def look(ticket: Ticket, progress: Any) -> Unfinished | None:
            left = unfinished(project)
            if left is not None:
                load_plotting()
            return left

        # the lane comes after whatever is still being noted
        self._workers.run(look, on_done=found, lane="files")

    def resume_run(self) -> None:
        """Go on from the last whole epoch of a run that broke off."""
        left, project, device = self._broken, self._state.project, self._state.device
        if left is None or project is None:
            return
        self._broken = None
        self.outcome.clear()
        self.message.setText("Preparing...")

        def prepare(ticket: Ticket, progress: Any) -> tuple[RunProcess, Run]:
            load_plotting()
            spec = go_on(left, device)
            project.set_run(left.run_id, "running")
            return RunProcess(left.folder), (project, left.run_id, spec, left.folder)

        self._start(prepare)

    def may_close(self, ask: Callable[[str], str], what: str = "the window is closed") -> bool:
        """Before the window, the panel or the project closes: is the run to finish alone?

        Parameters
        ----------
        ask : callable
            Shows a question; its answer is ``finish``, ``cancel`` (the run) or ``stay`` (nothing is closed).
        what : str
            After which it would be alone.
        """
        if self._process is None or self._run is None:
            return True
        answer = ask(f"Training is at work. Let it finish after {what}?")
        # the trainer may have ended while the question was read
        if self._process is not None and answer != "stay":
            self._alone = answer == "finish"
            # napari may ask too, and not close: until it does, the run is followed and can be cancelled
            self._process.stay(self._alone)
            if answer == "cancel":
                self.stop()
        return answer != "stay"

    def _leave(self) -> None:
        """What follows is the trainer's own affair."""
        if self._ticket is not None:
            self._ticket.cancel()
        if self._process is not None:
            self._process.leave()
        self._process = self._run = self._ticket = None

    def _trained(self, run: Run) -> None:
        self._process = None
        self.message.setText("Comparing before and after on the held-out images...")
        device = self._state.device
        self._ticket = self._workers.run(
            lambda ticket, progress: self._review(*run, device), on_done=self._show_review, on_error=self._failed
        )

    @staticmethod
    def _review(project: Project, run: int, spec: RunSpec, folder: Path, device: str) -> Pictured:
        review = review_run(project, run, spec, folder, device=device)
        return Pictured(review, [before_and_after(row) for row in review.rows])

    def _show_event(self, event: dict[str, Any]) -> None:
        if self._run is None:
            return
        if event["event"] == "epoch":
            self.progress.setValue(round(100 * event["epoch"] / event["epochs"]))
            self.curves.add(event["epoch"], event.get("loss"), event.get("val_dice"))
        text = event_text(event, self._run[2])
        if text is not None:
            self.message.setText(text)

    def stop(self) -> None:
        """Cancel within a second; the run's last epoch stays on the disk."""
        if self._preparing:
            # it is ended as soon as it has begun: what is dropped half way would be a trainer that nobody holds
            self._unwanted = True
            self.message.setText("Cancelling...")
            return
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        process, run = self._process, self._run
        self._process = self._run = None
        self._enable()
        self.message.setText("Cancelled. The weights in use are as they were.")
        if process is None or run is None:
            return

        self._ending = process, run
        end = partial(end_run, process, run[0], run[1])
        self._workers.run(lambda *_: end(), on_done=lambda _: self._ended(), on_error=self._not_ended, lane="files")

    def _ended(self) -> None:
        self._ending = None
        self._look_for_run(judge=False)

    def _not_ended(self, error: BaseException) -> None:
        self.message.setText(sentence(error))
        show_warning(sentence(error))
        # follow it, so that it can be cancelled again
        self._ended()

    def _note(self, state: str) -> None:
        """Write a run's state down, off the GUI thread."""
        if self._run is not None:
            project, run = self._run[:2]
            self._workers.run(
                lambda ticket, progress: project.set_run(run, state),
                on_done=lambda _: None,
                on_error=lambda error: show_warning(sentence(error)),
                lane="files",
            )

    def _failed(self, error: BaseException) -> None:
        self._run = self._ticket = None
        self._enable()
        self.message.setText(sentence(error))
        show_warning(sentence(error))

    # ---- the outcome ---------------------------------------------------------------------------------------------

    def _show_review(self, pictured: Pictured) -> None:
        self._ticket = None
        self._enable()
        self.progress.setValue(100)
        self.outcome.show_review(pictured)
        verdict = pictured.review.verdict
        if verdict.adopt:
            self.adopt_new()
        else:
            self.message.set_bold("The old weights stay.", f" {verdict.reason}")

    def adopt_new(self) -> None:
        """Use the new weights for proposals from now on; the old stay selectable."""
        if self._run is None:
            return
        project, run, _, folder = self._run
        self._workers.run(
            lambda ticket, progress: adopt_run(project, run, folder / WEIGHTS_FILE),
            on_done=self._adopted,
            on_error=self._failed,
            lane="files",
        )

    def _adopted(self, path: Path) -> None:
        self._run = None
        self.outcome.decided()
        self._bus.weights_changed.emit()
        self.versions.refresh()
        self.message.set_bold(f"Adopted as {path.stem}.", " Any earlier version can be used again below.")
        show_info("The new weights are in use.")

    def keep_old(self) -> None:
        """Leave the weights in use as they are; the new ones stay in the run's folder."""
        if self._run is None:
            return
        self._note("kept")
        self._run = None
        self.outcome.decided()
        self.message.setText("Kept the old weights.")

    def _project_changed(self, *_: Any) -> None:
        if self._process is not None and self._run is not None and self._alone:
            self._parting = left_text(self._run[0].path.name)
            show_info(self._parting)
            self._leave()
        elif self._run is not None or self._ticket is not None or self._preparing:
            if self._preparing:
                self._parting = "The training that was being prepared was cancelled."
                show_info(self._parting)
            # the files lane notes the run's end before it closes the run's project
            self.stop()
        self._run = self._broken = None
        self._enable()
        self.outcome.clear()
        self.message.setText(self._parting)
        if self._state.project is not None:
            self._parting = ""
        self.curves.clear()
        self.versions.refresh()
        self._look_for_run()

    def close_section(self) -> None:
        """End a run that is at work, unless it is to finish alone."""
        if self._alone:
            self._leave()
        process, run, self._process, self._run = self._process, self._run, None, None
        left = self._ending if process is None or run is None else (process, run)
        if left is not None:
            try:
                # also what is being cancelled: that may not have been begun, and the project closes now
                end_run(left[0], *left[1][:2])
            except MedsegError as error:
                show_warning(sentence(error))

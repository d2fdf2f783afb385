"""Retrain: fine-tune on the accepted corrections in a process of its own, and look before adopting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_info, show_warning
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.pictures import before_and_after
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.app.train import (
    Comparison,
    RetrainOptions,
    RunProcess,
    adopt_run,
    compare,
    comparison_json,
    plan_retrain,
)
from napari_medseg.project import Project
from napari_medseg.project.runs import WEIGHTS_FILE, RunSpec
from napari_medseg.widgets.curves import Curves, load_plotting
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers, sentence

Pictured = tuple[Comparison, np.ndarray]
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
        self.epochs, self.minutes = QSpinBox(), QSpinBox()
        self.start, self.cancel = QPushButton("Retrain"), QPushButton("Cancel")
        self.progress, self.curves, self.message = QProgressBar(), Curves(), QLabel()
        self.table, self.picture = QTableWidget(0, 3), QLabel()
        self.adopt, self.keep = QPushButton("Adopt new"), QPushButton("Keep old")
        self._rows: list[Pictured] = []
        self._build()
        state.events.project.connect(self._project_changed)

    def _build(self) -> None:
        stored = load_settings()
        self.epochs.setRange(1, 1000)
        self.epochs.setValue(int(stored.get("epochs", 30)))
        self.minutes.setRange(0, 600)
        self.minutes.setSpecialValueText("no limit")
        self.minutes.setValue(int(stored.get("minutes", 3)))
        self.minutes.setSuffix(" min")
        form = QFormLayout()
        form.addRow("Epochs", self.epochs)
        form.addRow("At most", self.minutes)
        buttons, verdict = QHBoxLayout(), QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.cancel)
        verdict.addWidget(self.adopt)
        verdict.addWidget(self.keep)
        self.message.setWordWrap(True)
        self.table.setHorizontalHeaderLabels(["Held-out image", "Before", "After"])
        self.table.verticalHeader().setVisible(False)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            self.table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setMaximumHeight(130)
        self.table.currentCellChanged.connect(lambda row, *_: self._show_picture(row))
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addWidget(self.curves)
        layout.addWidget(self.table)
        layout.addWidget(self.picture)
        layout.addLayout(verdict)
        layout.addStretch()
        self.progress.setRange(0, 100)
        self.start.clicked.connect(self.begin)
        self.cancel.clicked.connect(self.stop)
        self.adopt.clicked.connect(self.adopt_new)
        self.keep.clicked.connect(self.keep_old)
        self._enable()

    def _enable(self, *, running: bool = False, decide: bool = False) -> None:
        self.start.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.adopt.setEnabled(decide)
        self.keep.setEnabled(decide)
        self.table.setVisible(bool(self._rows))
        self.picture.setVisible(bool(self._rows))

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
        self._rows = []
        self._enable(running=True)
        self.curves.clear()
        self.progress.setValue(0)
        self.message.setText("Preparing...")

        def prepare(ticket: Ticket, progress: Any) -> tuple[RunProcess, Run]:
            load_plotting()
            spec, folder = plan_retrain(project, options)
            run = project.add_run(spec.to_json(), folder.relative_to(project.path))
            return RunProcess(folder), (project, run, spec, folder)

        self._preparing, self._unwanted = True, False
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
        self._note("failed")
        self._process = None
        self._failed(error)

    def _trained(self, run: Run) -> None:
        self._process = None
        self.message.setText("Comparing before and after on the held-out images...")
        device = self._state.device
        self._ticket = self._workers.run(
            lambda ticket, progress: self._compare(*run, device), on_done=self._show_comparison, on_error=self._failed
        )

    @staticmethod
    def _compare(project: Project, run: int, spec: RunSpec, folder: Path, device: str) -> list[Pictured]:
        rows = compare(spec, folder, device=device)
        project.set_run(run, "done", weights=folder / WEIGHTS_FILE, result=comparison_json(rows))
        return [(row, before_and_after(row)) for row in rows]

    def _show_event(self, event: dict[str, Any]) -> None:
        if event["event"] == "start":
            self.message.setText(
                f"Training on {event['train']} image(s), {event['val']} held out, on the {event['device'].upper()}."
            )
        elif event["event"] == "epoch":
            self.progress.setValue(round(100 * event["epoch"] / event["epochs"]))
            self.curves.add(event["epoch"], event.get("loss"), event.get("val_dice"))
            left = event.get("seconds_left")
            if left is not None:
                clock = f"{int(left) // 60}:{int(left) % 60:02d}"
                self.message.setText(f"Epoch {event['epoch']} of {event['epochs']}, about {clock} left.")

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
        process, self._process = self._process, None
        if process is not None:
            self._note("cancelled")
            self._workers.run(lambda ticket, progress: process.cancel(), on_done=lambda _: None, lane="files")
        self._run = None
        self._enable()
        self.message.setText("Cancelled. The weights in use are as they were.")

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

    def _show_comparison(self, pictured: list[Pictured]) -> None:
        self._rows, self._ticket = pictured, None
        rows = [row for row, _ in pictured]
        self._enable(decide=True)
        self.progress.setValue(100)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate((row.name, f"{row.dice_before:.3f}", f"{row.dice_after:.3f}")):
                self.table.setItem(number, column, QTableWidgetItem(text))
        if not rows:
            self.message.setText(
                "Done. No image is held out, so nobody can say whether it got better: accept at least four images."
            )
            return
        change = sum(row.dice_after - row.dice_before for row in rows) / len(rows)
        word = "better" if change > 0 else "no better"
        self.message.setText(
            f"Done. On {len(rows)} held-out image(s) the new weights are {word}: mean Dice {change:+.3f}. "
            "Green: your mask; orange: the network's, before (left) and after."
        )
        self.table.setCurrentCell(0, 0)
        self._show_picture(0)

    def _show_picture(self, row: int) -> None:
        if 0 <= row < len(self._rows):
            picture = self._rows[row][1]
            height, width, _ = picture.shape
            image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            self.picture.setPixmap(QPixmap.fromImage(image.copy()))

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
        self._run, self._rows = None, []
        self._enable()
        self._bus.weights_changed.emit()
        self.message.setText(f"Adopted as {path.stem}. Earlier versions stay selectable under Propose.")
        show_info("The new weights are in use.")

    def keep_old(self) -> None:
        """Leave the weights in use as they are; the new ones stay in the run's folder."""
        if self._run is None:
            return
        self._note("kept")
        self._run, self._rows = None, []
        self._enable()
        self.message.setText("Kept the old weights.")

    def _project_changed(self, *_: Any) -> None:
        # the files lane notes the run's end before it closes the run's project
        if self._run is not None or self._ticket is not None or self._preparing:
            self.stop()
        self._run, self._rows = None, []
        self._enable()
        self.message.setText("")
        self.curves.clear()

    def close_section(self) -> None:
        """End a run that is at work."""
        process, self._process = self._process, None
        if process is not None and self._run is not None:
            process.cancel()
            self._run[0].set_run(self._run[1], "cancelled")
        self._run = None

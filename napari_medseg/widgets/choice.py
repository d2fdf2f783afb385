"""Which weights: a task, then a network, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox

from napari_medseg.app.predict import takes
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.networks import get_spec
from napari_medseg.weights import WeightsEntry
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.weights_text import nothing_fits, weights_facts, weights_title


def _first(rows: Iterable[int]) -> int:
    """The first row that there is; -1: none."""
    return next((row for row in rows if row >= 0), -1)


class WeightsChoice(QObject):
    """Two lists that show only what fits the image, and a text; what is chosen goes into the panel's state."""

    chosen = Signal()

    def __init__(self, state: PanelState) -> None:
        super().__init__()
        self._state = state
        self._known: list[tuple[str, WeightsEntry]] = []
        self._fits = {"volume": False, "boxes": False}
        self.task, self.weights, self.about = QComboBox(), QComboBox(), TextLabel()
        self.about.setWordWrap(True)
        self.task.currentTextChanged.connect(self._task_picked)
        self._adopted: str | None = None
        self._filled = ""
        # by task: what a person picked, not what is first in the list
        picked = load_settings().get("picked")
        self._person: dict[str, str] = dict(picked) if isinstance(picked, dict) else {}
        self.weights.currentIndexChanged.connect(self._picked)

    def fill(self, *, volume: bool, boxes: bool) -> None:
        """List what takes images or volumes, and boxes if wanted; the choice is kept where it still fits.

        Where a project has adopted weights of its own, they are chosen.
        """
        self._fits = {"volume": volume, "boxes": boxes}
        self._known = [
            (identity, entry)
            for identity, entry in self._state.selectable_weights()
            if takes(entry.network, volume=volume) and (not boxes or get_spec(entry.network).capabilities.box_prompt)
        ]
        self._adopted = self._state.project.adopted() if self._state.project is not None else None
        of_adopted = next((entry.task for identity, entry in self._known if identity == self._adopted), None)
        wanted = (of_adopted, self.task.currentText(), load_settings().get("task"))
        self.task.blockSignals(True)
        self.task.clear()
        self.task.addItems(sorted({task for _, entry in self._known for task in entry.tasks}))
        self.task.setCurrentIndex(max(0, _first(self.task.findText(str(text)) for text in wanted if text)))
        self.task.blockSignals(False)
        self._fill_networks()

    def _fill_networks(self, *_: Any) -> None:
        task = self.task.currentText()
        # what is shown stays where only the list was made anew; another task begins with its best
        before, self._filled = self.weights.currentData() if task == self._filled else None, task
        # a person's own first, then the most accurate: the first of a task is what is chosen unless someone chooses
        self._known.sort(key=lambda known: (known[0] == known[1].id, -(known[1].dice_on(task) or 0)))
        self.weights.blockSignals(True)
        self.weights.clear()
        for identity, entry in self._known:
            if task in entry.tasks:
                own = identity != entry.id
                self.weights.addItem(weights_title(entry, task) + (" (retrained)" if own else ""), identity)
        wanted = (self._adopted, self._person.get(task), before)
        self.weights.setCurrentIndex(max(0, _first(self.weights.findData(data) for data in wanted if data)))
        self.weights.blockSignals(False)
        self._choose()

    def _task_picked(self, task: str) -> None:
        save_settings(task=task)
        self._fill_networks()

    def _picked(self, *_: Any) -> None:
        self._person[self.task.currentText()] = self.weights.currentData()
        save_settings(task=self.task.currentText(), picked=self._person)
        self._choose()

    def _choose(self, *_: Any) -> None:
        identity = self.weights.currentData()
        entry = next((e for i, e in self._known if i == identity), None)
        if entry is None:
            self.about.setText(nothing_fits(**self._fits) + self._unusable())
        else:
            self._state.network, self._state.weights = entry.network, identity
            bold, text = weights_facts(entry, self.task.currentText())
            self.about.set_bold(bold, text + self._unusable())
        self.chosen.emit()

    def choose(self, task: str, weights: str) -> None:
        """As a person would who picks both in the lists."""
        self.task.setCurrentText(task)
        self.weights.setCurrentIndex(max(0, self.weights.findData(weights)))
        self._picked()

    def suggest(self, kind: str) -> None:
        """Begin with the task of the first image, where nobody ever chose one."""
        untouched = self._adopted is None and load_settings().get("task") is None
        if untouched and self.task.findText(kind) >= 0:
            self.task.blockSignals(True)
            self.task.setCurrentText(kind)
            self.task.blockSignals(False)
            self._fill_networks()

    def _unusable(self) -> str:
        """What of the project's own weights, or of installed ones, cannot be chosen, to be told beside what can."""
        bad = self._state.unusable
        if not bad:
            return ""
        return f" {len(bad)} weights file(s) cannot be used; the first: {bad[0]}"

    def others(self) -> list[tuple[str, WeightsEntry]]:
        """What could be asked beside the choice: (id or path, entry)."""
        return [(i, e) for i, e in self._known if i != self.weights.currentData()]

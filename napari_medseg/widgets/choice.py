"""Which weights: what is on the images, then a network, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox

from napari_medseg.app.choosing import Known, for_boxes, in_order, offered, only_task, ranked, tasks_of
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import ProjectError
from napari_medseg.project import Project
from napari_medseg.tasks import task_words
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.weights_text import listed_title, next_text, nothing_fits, weights_facts
from napari_medseg.words import mark, tr, trn

# short enough to be read in a narrow panel
ASK = mark("What is on your images?")
UNASKED = mark("What is on your images decides which network proposes. Choose it in the list Task.")


def _first(rows: Iterable[int]) -> int:
    """The first row that there is; -1: none."""
    return next((row for row in rows if row >= 0), -1)


class TaskList(QComboBox):
    """Tasks in words; each can be chosen by its id too."""

    def setCurrentText(self, text: str | None) -> None:
        """By the words, or by the id."""
        self.setCurrentIndex(max(0, _first((self.findData(text), self.findText(text or "")))))


class WeightsChoice(QObject):
    """Two lists that show only what fits the image, and a text; what is chosen goes into the panel's state.

    What a person chose in a project is theirs in that project: see :attr:`decided`.
    """

    chosen = Signal()
    decided = Signal(str, str)
    """A person chose: task, and id or path of the weights. To be remembered in the project."""

    def __init__(self, state: PanelState) -> None:
        super().__init__()
        self._state = state
        self._known: list[Known] = []
        self._volume = False
        self.task, self.weights, self.about = TaskList(), QComboBox(), TextLabel()
        self.about.setWordWrap(True)
        self._project: Project | None = None
        self._adopted: str | None = None
        # what a person decided in the project that is open: task, and weights
        self._mine = ("", "")
        self._kind, self._filled = "", ""
        # by task: what a person picked, not what is first in the list
        picked = load_settings().get("picked")
        self._person: dict[str, str] = dict(picked) if isinstance(picked, dict) else {}
        self.task.currentIndexChanged.connect(self._task_picked)
        self.weights.currentIndexChanged.connect(self._picked)

    def fill(self, *, volume: bool) -> None:
        """List what takes images or volumes; the choice is kept where it still fits.

        Where a project has adopted weights of its own, they are chosen, unless a person chose others since.
        """
        self._volume = volume
        self._known = offered(self._state.selectable_weights(), volume=volume)
        before = "" if self._state.loading else self.task.currentData()
        self._remember()
        of_adopted = next((entry.task for identity, entry in self._known if identity == self._adopted), None)
        mine = (self._mine[0], of_adopted) if self._mine[1] else (of_adopted, self._mine[0])
        tasks = tasks_of(self._known, volume=volume)
        wanted = (*mine, before, load_settings().get("task"), self._kind, only_task(self._known, volume=volume))
        self.task.blockSignals(True)
        self.task.clear()
        if len(tasks) != 1:
            self.task.addItem(tr(ASK), "")
        for task in sorted(tasks, key=task_words):
            self.task.addItem(task_words(task), task)
        self.task.setCurrentIndex(max(0, _first(self.task.findData(task) for task in wanted if task)))
        self.task.blockSignals(False)
        self._fill_networks()

    def _remember(self) -> None:
        """What was chosen in the project that is open now, and which weights it adopted."""
        project = self._state.project
        adopted = project.adopted() if project is not None else None
        if project is not self._project:
            self._project = project
            try:
                found = project.chosen() if project is not None else ("", "")
            except ProjectError:
                # of a damaged row, the audit tells
                found = ("", "")
            if any(found) or self._state.loading:
                self._mine = found
            elif project is not None and self._mine[0]:
                # a project that was made for what the person works on: they chose already
                self.decided.emit(*self._mine)
        elif adopted != self._adopted:
            # what was adopted since is what is meant
            self._mine = (self._mine[0], "")
        self._adopted = adopted

    def _fill_networks(self) -> None:
        task = self.task.currentData() or ""
        # what is shown stays where only the list was made anew; another task begins with its best
        before, self._filled = self.weights.currentData() if task == self._filled else None, task
        mine = self._mine[1] if self._mine[0] == task else None
        self.weights.blockSignals(True)
        self.weights.clear()
        for identity, entry in ranked(self._known, task, self._state.worse):
            own, title = identity != entry.id, listed_title(entry, task)
            if own:
                worse = identity in self._state.worse
                title = (
                    tr("{title} (retrained, worse)", title=title) if worse else tr("{title} (retrained)", title=title)
                )
            self.weights.addItem(title, identity)
        wanted = (mine, self._adopted, self._person.get(task), before)
        self.weights.setCurrentIndex(max(0, _first(self.weights.findData(data) for data in wanted if data)))
        able(self.weights, None if self.weights.count() else tr(UNASKED) if self._known else self._none_fits())
        self.weights.blockSignals(False)
        self._choose()

    def _task_picked(self, _: int = 0) -> None:
        task = self.task.currentData()
        if task:
            save_settings(task=task)
            # what was decided of another task says nothing of this one
            self._mine = (task, "")
        self._fill_networks()
        self._decide()

    def _picked(self, _: int = 0) -> None:
        self._person[self.task.currentData()] = self.weights.currentData()
        save_settings(task=self.task.currentData(), picked=self._person)
        self._choose()
        self._decide()

    def _decide(self) -> None:
        task, weights = self.task.currentData(), self.weights.currentData()
        if task and weights:
            self._mine = (task, weights)
            self.decided.emit(task, weights)

    def _choose(self) -> None:
        identity, task = self.weights.currentData(), self.task.currentData() or ""
        entry = next((e for i, e in self._known if i == identity), None)
        self._state.task = task
        # what an image said itself holds for that image
        self._state.suggested = bool(task) and task == self._kind and self._untouched()
        if entry is None:
            self._state.weights = ""
            self.about.setText((tr(UNASKED) if self._known else self._none_fits()) + self._unusable())
        else:
            self._state.network, self._state.weights = entry.network, identity
            bold, text = weights_facts(entry, task)
            self.about.set_bold(bold, text + self._unusable())
        self.chosen.emit()

    def _none_fits(self) -> str:
        return nothing_fits(volume=self._volume)

    @property
    def unasked(self) -> bool:
        """Nobody knows yet what is on the images."""
        return bool(self._known) and not self.task.currentData()

    def choose(self, task: str, weights: str) -> None:
        """As a person would who picks both in the lists."""
        self.task.setCurrentText(task)
        self.weights.setCurrentIndex(max(0, self.weights.findData(weights)))
        self._picked()

    def suggest(self, kind: str) -> None:
        """Begin with what the first image shows, where nobody ever chose."""
        if self._untouched() and kind and self.task.findData(kind) >= 0:
            self._kind = kind
            self.task.blockSignals(True)
            self.task.setCurrentText(kind)
            self.task.blockSignals(False)
            self._fill_networks()

    def _untouched(self) -> bool:
        return self._adopted is None and not self._mine[0] and load_settings().get("task") is None

    def boxed(self) -> tuple[str, str] | None:
        """Network and weights that segment inside boxes; None: none at hand do."""
        found = for_boxes(self._known, self.weights.currentData() or "", self.task.currentData() or "")
        return None if found is None else (found[1].network, found[0])

    def next_text(self) -> str:
        """What will propose next, in words."""
        boxed = self._state.boxed
        identity = self._state.weights if boxed is None else boxed[1]
        entry = next((e for i, e in self._known if i == identity), None)
        if entry is None:
            return (
                tr("Next proposal (G): none before you say what is on your images, in the tab Propose.")
                if self.unasked
                else ""
            )
        return next_text(entry, self.task.currentData() or "", boxes=boxed is not None)

    def _unusable(self) -> str:
        """What of the project's own weights, or of installed ones, cannot be chosen, to be told beside what can."""
        bad = self._state.unusable
        if not bad:
            return ""
        told = trn(
            "{n} file of weights cannot be used: {bad}",
            "{n} files of weights cannot be used; the first: {bad}",
            len(bad),
            bad=bad[0],
        )
        return f" {told}"

    def others(self) -> list[Known]:
        """What could be asked beside the choice: (id or path, entry)."""
        others = [known for known in self._known if known[0] != self.weights.currentData()]
        return in_order(others, self.task.currentData())

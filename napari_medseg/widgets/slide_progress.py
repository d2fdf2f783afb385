"""In the foot of Correct: how far the proposal on the slide is, while it works too, and a button to go on with it."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from napari_medseg.widgets.slide_runs import SlideRuns
from napari_medseg.words import tr


class SlideProgress(QWidget):
    """One line; hidden where no proposal is on its way, and none is left to go on with."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: SlideRuns | None = None
        self.bar, self.button = QProgressBar(), QPushButton(tr("Go on"))
        self.bar.setRange(0, 100)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.button)
        self.button.clicked.connect(self._pressed)
        self.hide()

    def use(self, runs: SlideRuns) -> None:
        """Who runs proposals on slides."""
        self._runs = runs
        runs.waits.connect(self._waits)
        runs.progressed.connect(lambda share, told: self._show(share, told, tr("Cancel")))

    def _waits(self, share: float, told: str) -> None:
        """A proposal is not done and nobody works on it; without words there is none."""
        if told:
            self._show(share, told, tr("Go on"))
        else:
            self.hide()

    def _show(self, share: float, told: str, button: str) -> None:
        self.bar.setValue(round(100 * max(0.0, share)))
        self.bar.setFormat(tr("Proposal: {told}", told=told))
        self.button.setText(button)
        self.show()

    def _pressed(self) -> None:
        if self._runs is None:
            return
        if self._runs.running:
            self._runs.stop()
        else:
            self._runs.start()

"""Beside the tools: how far the proposal on the slide is, the bar while it works, and a button to go on with it."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.labels import SPACING, TextLabel
from napari_medseg.widgets.slide_runs import SlideRuns
from napari_medseg.words import tr


class SlideProgress(QWidget):
    """Hidden where no proposal is on its way, and none is left to go on with."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: SlideRuns | None = None
        self.text, self.bar, self.button = TextLabel(), QProgressBar(), QPushButton(tr("Go on"))
        self.text.setWordWrap(True)
        self.bar.setRange(0, 100)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.button.clicked.connect(self._pressed)
        self.hide()

    def use(self, runs: SlideRuns) -> None:
        """Who runs proposals on slides."""
        self._runs = runs
        runs.waits.connect(self._waits)
        runs.progressed.connect(self._progressed)

    def _waits(self, share: float, told: str) -> None:
        """A proposal is not done and nobody works on it; without words there is none."""
        self.setVisible(bool(told))
        if told:
            self._show(share, tr("The proposal on this slide: {told}", told=told), tr("Go on"))
            self.bar.setFormat("%p%")

    def _progressed(self, share: float, told: str) -> None:
        self.show()
        self._show(share, tr("The proposal on this slide is on its way."), tr("Cancel"))
        self.bar.setFormat(told)

    def _show(self, share: float, told: str, button: str) -> None:
        self.text.setText(told)
        self.bar.setValue(round(100 * max(0.0, share)))
        self.button.setText(button)

    def _pressed(self) -> None:
        if self._runs is None:
            return
        if self._runs.running:
            self._runs.stop()
        else:
            self._runs.start()

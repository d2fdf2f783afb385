"""Of Propose, what concerns slides: how large a pixel the network sees, what will happen, and that it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.layer_keys import SLIDE_KEY
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.slide_work import Asked
from napari_medseg.widgets.greyed import AT_WORK, able
from napari_medseg.widgets.labels import TextLabel, as_tip
from napari_medseg.widgets.slide_runs import SlideRuns
from napari_medseg.words import tr


class ProposeSlide(QWidget):
    """A row with the pixel size; hidden where no slide is chosen.

    Parameters
    ----------
    told : TextLabel
        Says what will happen, or why it cannot.
    run, cancel : QPushButton
    progressed : callable
        Called with how far it is, 0 to 1, and words.
    """

    # another pixel size was chosen, or another slide is open; how a proposal ended
    changed = Signal()
    ended = Signal(str)
    # task and weights of a proposal that was not done
    chosen = Signal(str, str)

    def __init__(
        self, told: TextLabel, run: QPushButton, cancel: QPushButton, progressed: Callable[[float, str], None]
    ) -> None:
        super().__init__()
        self._told, self._run, self._cancel, self._progress = told, run, cancel, progressed
        self._runs: SlideRuns | None = None
        self._take: Callable[[Sequence[Path]], None] = lambda paths: None
        # a slide that is to be proposed on as soon as it is open in the project
        self._pending: Path | None = None
        self.pixel = QDoubleSpinBox()
        self.pixel.setRange(0.0, 20.0)
        self.pixel.setSingleStep(0.05)
        self.pixel.setDecimals(3)
        self.pixel.setKeyboardTracking(False)
        self.pixel.setSuffix(tr(" um/px"))
        self.pixel.setSpecialValueText(tr("as the network was trained"))
        self.pixel.setToolTip(
            as_tip(tr("How large a pixel is that the network sees: smaller sees more detail, and takes longer"))
        )
        row, rows = QHBoxLayout(), QVBoxLayout(self)
        for layout in (row, rows):
            layout.setContentsMargins(0, 0, 0, 0)
        row.addWidget(TextLabel(tr("Pixel size")))
        row.addWidget(self.pixel, 1)
        self.legend = TextLabel(tr("On the slide: green tiles are done, amber ones wait."))
        self.legend.setWordWrap(True)
        self.legend.hide()
        rows.addLayout(row)
        rows.addWidget(self.legend)
        self.pixel.valueChanged.connect(lambda _: self.changed.emit())
        self.hide()

    def use(self, runs: SlideRuns, take: Callable[[Sequence[Path]], None]) -> None:
        """Who runs proposals on slides, and who takes a slide into a project."""
        self._runs, self._take = runs, take
        runs.planned.connect(self._planned)
        runs.progressed.connect(self._progressed)
        runs.ended.connect(self.ended)
        runs.turned.connect(self.changed)
        runs.resumes.connect(self._resume)
        runs.mapped.connect(self.legend.setVisible)

    @property
    def running(self) -> bool:
        """Whether a proposal on a slide is on its way."""
        return self._runs is not None and self._runs.running

    def plan(self, layer: Image, request: PredictRequest, task: str) -> None:
        """Tell what a request will do with a slide, in words."""
        if self._runs is None or not self._runs.shows(layer):
            able(self.pixel, tr("It is asked once the slide is in a project: press Propose."))
            told = tr("A slide. Propose takes it into a project first, where what is found and drawn is kept.")
            self._tell(told, True)
            return
        able(self.pixel, tr(AT_WORK) if self.running else None)
        self._runs.ask(replace(request, pixel_um=self.pixel.value() or None), task)

    def start(self, layer: Image) -> None:
        """Propose, or go on; a slide that is in no project is taken into one before."""
        if self._runs is not None and self._runs.shows(layer):
            self._runs.start()
            able(self.pixel, tr(AT_WORK) if self.running else None)
        else:
            self._pending = Path(layer.metadata[SLIDE_KEY])
            self._take([self._pending])

    def stop(self) -> None:
        """Cancel; what is finished stays."""
        if self._runs is not None:
            self._runs.stop()

    def _tell(self, told: str, can: bool) -> None:
        # asked for a slide, and another image is chosen by now
        if not self.isHidden():
            self._told.setText(told)
            able(self._run, tr(AT_WORK) if self.running else None if can else told)

    def _progressed(self, share: float, told: str) -> None:
        self._progress(share, told)
        able(self._run, tr(AT_WORK))
        able(self._cancel, None)

    def _resume(self, asked: Asked) -> None:
        self.pixel.setValue(asked.pixel_um or 0.0)
        self.chosen.emit(asked.task, asked.weights)

    def _planned(self, told: str, can: bool) -> None:
        self._tell(told, can)
        if can and self._pending is not None and self._runs is not None:
            pending, self._pending = self._pending, None
            if self._runs.is_of(pending):
                self._runs.start()

"""How far the opening of an image is, and Cancel; there once it takes longer than a moment, or a draft is shown."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.opening import Opening
from napari_medseg.words import tr

PATIENCE_MS = 1000


class OpeningBar(QWidget):
    """Hidden, unless someone waits; ``draft``, of which is said who works on another mask, stands in the foot."""

    def __init__(self, opening: Opening) -> None:
        super().__init__()
        self._opening = opening
        self.draft, self.progress, self.cancel = TextLabel(), QProgressBar(), QPushButton(tr("Cancel"))
        self.draft.setWordWrap(True)
        self.draft.hide()
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        row = QHBoxLayout(self)
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel)
        row.setContentsMargins(0, 0, 0, 0)
        self._patience.timeout.connect(self.show)
        opening.progressed.connect(self._progressed)
        opening.drafted.connect(self._drafted)
        opening.ended.connect(self._ended)
        self.cancel.clicked.connect(opening.cancel)
        self.hide()

    def _progressed(self, fraction: float, text: str) -> None:
        self.progress.setRange(0, 0 if fraction < 0 else 100)
        self.progress.setValue(round(100 * fraction))
        self.progress.setFormat(text)
        if self.isHidden() and not self._patience.isActive():
            self._patience.start()

    def _drafted(self, text: str) -> None:
        self._patience.stop()
        self.draft.setText(text)
        self.draft.show()
        self.show()

    def _ended(self) -> None:
        self._patience.stop()
        self.draft.hide()
        self.hide()

"""Said beside the choice of a network: that it does not know such images, and which one does."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.familiar import Advice, across_of, advise, kind_of, look
from napari_medseg.app.layer_keys import MODALITY_KEY
from napari_medseg.tasks import task_words
from napari_medseg.weights import list_weights
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.layers import lie_of_layer, plain_image
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr


class FamiliarNote(QWidget):
    """Looks at each image that is chosen, off the GUI thread, and speaks only where there is something to say."""

    wanted = Signal(str, str)
    """Task, and the id of the weights that know such images: the person asked for them."""
    seen = Signal(str)
    """Kind of an image that was just looked at; empty: none that the bundled weights know."""
    told = Signal()
    """There is something to say, or no longer."""

    def __init__(self, state: PanelState, workers: Workers) -> None:
        super().__init__()
        self._state, self._workers = state, workers
        self._ticket: Ticket | None = None
        self._data: np.ndarray | None = None
        self._description: np.ndarray | None = None
        self._advice: Advice | None = None
        self.text, self.use = TextLabel(), QPushButton()
        self.text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addWidget(self.use)
        self.use.clicked.connect(self._use)
        self.hide()

    def ask(self, layer: Image | None) -> None:
        """Does the chosen network know the image of a layer?"""
        data = None if layer is None else plain_image(layer)
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        if layer is None or data is None:
            self._data = self._description = None
            self._show(None)
            return
        if data is not self._data:
            self._show(None)
        chosen = (self._state.network, self._state.weights)
        lie, modality = lie_of_layer(layer), str(layer.metadata.get(MODALITY_KEY, ""))
        before = self._description if data is self._data else None

        def work(ticket: Ticket, progress: Any) -> tuple[np.ndarray | None, str, Advice | None]:
            description = before
            if before is None:
                description = look(data, volume=lie["volume"], across=across_of(lie), window=lie.get("window"))
            # a project's own were trained on its images, and are no answer to one that is unlike them
            offered = [(entry.id, entry) for entry in list_weights()]
            kind = "" if description is None else kind_of(description)
            return description, kind, advise(description, chosen, offered, task_words, modality=modality)

        self._ticket = self._workers.run(work, on_done=lambda found: self._looked(data, *found), lane="edit")

    def _looked(self, data: np.ndarray, description: np.ndarray | None, kind: str, advice: Advice | None) -> None:
        new = data is not self._data
        self._ticket, self._data, self._description = None, data, description
        self._show(advice)
        if new:
            self.seen.emit(kind)

    def _show(self, advice: Advice | None) -> None:
        changed, self._advice = advice != self._advice, advice
        self.setVisible(advice is not None)
        if advice is not None:
            self.text.set_bold(tr("Look twice."), f" {advice.text}")
            self.use.setText(tr("Use what knows: {kind}", kind=task_words(advice.kind)))
            self.use.setVisible(bool(advice.weights))
        if changed:
            self.told.emit()

    @property
    def warning(self) -> str:
        """What is said, for who looks elsewhere; empty: nothing."""
        return "" if self._advice is None else f"{tr('Look twice.')} {self._advice.text}"

    def _use(self) -> None:
        if self._advice is not None and self._advice.weights:
            self.wanted.emit(self._advice.kind, self._advice.weights)

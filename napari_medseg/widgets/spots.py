"""Error spotlights: a list of what is probably wrong, worst first; N and P go through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QListWidget, QPushButton, QVBoxLayout

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.spots import opinions_request, spots_of
from napari_medseg.editing.spots import Spot
from napari_medseg.errors import sentence
from napari_medseg.inference import Prediction
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.layers import plain_image, spacing_of
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers

# so much of the image is seen around a spot, px
AROUND = 96


@dataclass(eq=False)
class _Found:
    """What is known of one case."""

    case: OpenCase
    request: PredictRequest
    opinion: Prediction
    spots: list[Spot]


class SpotList(QGroupBox):
    """Doubtful places of the open case."""

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, workers: Workers) -> None:
        super().__init__("Probably wrong")
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self._found: _Found | None = None
        self._ticket: Ticket | None = None
        self.list, self.message = QListWidget(), TextLabel()
        self.previous, self.next = QPushButton("Previous"), QPushButton("Next worst")
        self.previous.setToolTip(key_of("previous_spot"))
        self.next.setToolTip(key_of("next_spot"))
        self.list.setMaximumHeight(90)
        self.message.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.previous)
        buttons.addWidget(self.next)
        layout = QVBoxLayout(self)
        layout.addLayout(buttons)
        layout.addWidget(self.list)
        layout.addWidget(self.message)
        self.next.clicked.connect(lambda: self.step(1))
        self.previous.clicked.connect(lambda: self.step(-1))
        self.list.itemClicked.connect(lambda _: self._go())
        self.enable()

    def enable(self) -> None:
        """Forget the spots of a case that is no longer open."""
        case = self._view.current
        if self._found is not None and self._found.case is not case:
            self._found = None
            self.list.clear()
            self.message.setText("")
        for button in (self.previous, self.next):
            button.setEnabled(case is not None)
        self.list.setVisible(self.list.count() > 0)

    def step(self, by: int) -> None:
        """Go to the next or the previous spot; the first time, look for them."""
        case = self._view.current
        if case is None or self._ticket is not None:
            return
        request = self._state.opinions_for(volume=case.labels.ndim == 3)
        if self._found is None or self._found.request != request:
            # others are to be asked than before
            self._look(case, request, by)
        else:
            self._renew(self._found, by)

    def _look(self, case: OpenCase, request: PredictRequest | None, by: int) -> None:
        """Ask networks and mirrored copies, off the GUI thread."""
        data = plain_image(case.image)
        if data is None or request is None:
            self.message.setText("No weights at hand take this image.")
            return
        spacing = spacing_of(case.image) if case.labels.ndim == 3 else None
        self.message.setText("Asking for more opinions...")

        def work(ticket: Ticket, progress: Any) -> Prediction:
            asked, edges = opinions_request(request)
            return predict_array(data, asked, edges=edges, spacing=spacing, cancelled=lambda: ticket.cancelled)

        def done(opinion: Prediction) -> None:
            self._ticket = None
            if opinion.edges is not None:
                case.edges.setdefault((), opinion.edges)
            if self._view.current is case:
                self._renew(_Found(case, request, opinion, []), by)

        self._ticket = self._workers.run(work, on_done=done, on_error=self._failed)

    def _failed(self, error: BaseException) -> None:
        self._ticket = None
        self.message.setText(sentence(error))

    def _renew(self, found: _Found, by: int) -> None:
        """Where someone drew meanwhile, nothing is doubtful any more."""
        case = found.case
        labels, touched = np.array(case.labels.data), case.touched()
        before = found.spots[self.list.currentRow()] if self.list.currentRow() >= 0 and found.spots else None

        def done(spots: list[Spot]) -> None:
            if self._view.current is case:
                self._show(_Found(case, found.request, found.opinion, spots), before, by)

        self._workers.run(
            lambda ticket, progress: spots_of(found.opinion, labels, touched),
            on_done=done,
            on_error=self._failed,
            lane="edit",
        )

    def _show(self, found: _Found, before: Spot | None, by: int) -> None:
        self._found = found
        self.list.clear()
        for spot in found.spots:
            self.list.addItem(f"{spot.pixels} px at {', '.join(map(str, spot.point))}")
        self.list.setVisible(bool(found.spots))
        if not found.spots:
            self.message.setText("Nothing doubtful is left on this image.")
            return
        if before is None:
            row = 0 if by > 0 else len(found.spots) - 1
        else:
            places = [spot.point for spot in found.spots]
            # a spot that is done is followed by the worst that is not
            row = (places.index(before.point) + by) % len(places) if before.point in places else 0
        self.list.setCurrentRow(row)
        self._go()

    def _go(self) -> None:
        """Show the chosen spot."""
        if self._found is None or not 0 <= self.list.currentRow() < len(self._found.spots):
            return
        row, spots = self.list.currentRow(), self._found.spots
        layer, point = self._found.case.labels, spots[row].point
        self.message.setText(f"{row + 1} of {len(spots)}, worst first.")
        world = np.asarray(layer.data_to_world(point))
        if layer.ndim == 3:
            self._viewer.dims.set_point(range(len(world)), world)
        camera = self._viewer.scene.camera
        camera.center = (*camera.center[:-2], *world[-2:])
        camera.zoom = max(camera.zoom, min(self._viewer.canvas.size) / (2 * AROUND * float(layer.scale[-1])))

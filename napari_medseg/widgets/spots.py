"""Error spotlights: a list of what is probably wrong, worst first; N and P go through it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QListWidget,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.spots import opinions_request, spots_of
from napari_medseg.editing.spots import Spot
from napari_medseg.errors import sentence
from napari_medseg.inference import Prediction
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import MARGINS, SPACING, TextLabel
from napari_medseg.widgets.layers import lie_of_layer, plain_image
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.rings import Place, Rings, go_to
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr

# of the list, px
HEIGHT = 64
# whoever waits longer is offered to give up, ms
PATIENCE_MS = 1000
# a ring leaves so much room around a spot, were it round
ROOM = 1.5


@dataclass(eq=False)
class _Found:
    """What is known of one case."""

    case: OpenCase
    request: PredictRequest
    opinion: Prediction
    spots: list[Spot]


class SpotList(QGroupBox):
    """Doubtful places of the open case."""

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, workers: Workers, rings: Rings) -> None:
        super().__init__(tr("Check these"))
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self._found: _Found | None = None
        self._ticket: Ticket | None = None
        self._case: OpenCase | None = None
        self.rings = rings
        self.list, self.message = QListWidget(), TextLabel()
        self.progress, self.cancel = QProgressBar(), QPushButton(tr("Cancel"))
        self._patience = QTimer(self)
        self.previous, self.next = QPushButton(tr("Previous")), QPushButton(tr("Next"))
        self.previous.setToolTip(key_of("previous_spot"))
        self.next.setToolTip(key_of("next_spot"))
        self.list.setFixedHeight(HEIGHT)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.message.setWordWrap(True)
        self.progress.setRange(0, 100)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self.cancel.show)
        buttons = QHBoxLayout()
        buttons.addWidget(self.previous)
        buttons.addWidget(self.next)
        buttons.addWidget(self.message, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*MARGINS)
        layout.setSpacing(SPACING)
        looking = QHBoxLayout()
        looking.addWidget(self.progress, 1)
        looking.addWidget(self.cancel)
        layout.addLayout(buttons)
        layout.addLayout(looking)
        layout.addWidget(self.list)
        self.cancel.clicked.connect(self.give_up)
        self.next.clicked.connect(lambda: self.step(1))
        self.previous.clicked.connect(lambda: self.step(-1))
        self.list.itemClicked.connect(lambda _: self._go())
        self._looking(False)
        self.enable()

    def enable(self) -> None:
        """Forget the spots of a case that is no longer open."""
        case = self._view.current
        if case is not self._case:
            if self._ticket is not None:
                self._ticket.cancel()
                self._looking(False)
            self._case, self._found = case, None
            self.rings.hide()
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
            self.message.setText(tr("No network at hand takes this image."))
            return
        lie = lie_of_layer(case.image)
        self.message.setText(tr("Asking for more opinions..."))
        self._looking(True)

        def work(ticket: Ticket, progress: Any) -> Prediction:
            asked, edges = opinions_request(request)
            # of a volume, SGD-Net's map of every slice would take longer than the opinions themselves
            edges = edges and case.labels.ndim == 2
            return predict_array(data, asked, edges=edges, progress=progress, cancelled=lambda: ticket.cancelled, **lie)

        def done(opinion: Prediction) -> None:
            self._looking(False)
            if opinion.edges is not None:
                case.edges.setdefault((), opinion.edges)
            if self._view.current is case:
                self._renew(_Found(case, request, opinion, []), by)

        self._ticket = self._workers.run(work, on_done=done, on_progress=self._progressed, on_error=self._failed)

    def _looking(self, busy: bool) -> None:
        """How far it is, beside the list; after a while, a button to give up."""
        self.progress.setValue(0)
        self.progress.setFormat("")
        self.progress.setVisible(busy)
        self.cancel.hide()
        if busy:
            self._patience.start()
            self._into_view()
        else:
            self._ticket = None
            self._patience.stop()

    def _progressed(self, fraction: float, text: str) -> None:
        self.progress.setValue(round(100 * fraction))
        self.progress.setFormat(text)

    def give_up(self) -> None:
        """Look no further."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._looking(False)
            self.message.setText(tr("Cancelled."))

    def _into_view(self) -> None:
        """The panel shows this box, wherever it was scrolled to."""
        area: QWidget | None = self
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            # what has just been shown has its place a moment later
            QTimer.singleShot(0, partial(area.ensureWidgetVisible, self))

    def _failed(self, error: BaseException) -> None:
        self._looking(False)
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
            self.list.addItem(tr("{n} px at {place}", n=spot.pixels, place=", ".join(map(str, spot.point))))
        self.list.setVisible(bool(found.spots))
        if not found.spots:
            self.rings.hide()
            self.message.setText(tr("Nothing doubtful is left on this image."))
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
        row, spots, case = self.list.currentRow(), self._found.spots, self._found.case
        spot = spots[row]
        self.message.setText(tr("{n} of {total}, worst first.", n=row + 1, total=len(spots)))
        self.list.scrollToItem(self.list.item(row))
        self._into_view()
        go_to(self._viewer, case.labels, spot.point)
        self.rings.show(case, [Place(spot.point, ROOM * (spot.pixels / math.pi) ** 0.5)])

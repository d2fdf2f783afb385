"""Error spotlights: a list of what is probably wrong, worst first; N and P go through it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QWidget,
)

from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.spots import opinions, spots_of
from napari_medseg.editing.spots import Spot, after_seen
from napari_medseg.errors import sentence
from napari_medseg.inference import Prediction
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.greyed import NO_IMAGE, able
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.layers import lie_of_layer, plain_image
from napari_medseg.widgets.message import Message
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.rings import Place, Rings, go_to
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr

# of the list, px: a row, beside the buttons that go through it
HEIGHT = 28
# of how far it is, px
WIDTH = 60
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
    # those that were looked at, in that order; those among them that a better opinion came after
    seen: list[Spot] = field(default_factory=list)
    kept: list[Spot] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """Of which case, whom, and whether for the first spot or the last."""

    case: OpenCase
    request: PredictRequest
    by: int


class SpotList(QWidget):
    """Doubtful places of the open case."""

    def __init__(
        self, viewer: Any, state: PanelState, view: CaseView, workers: Workers, rings: Rings, message: Message
    ) -> None:
        super().__init__()
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self._found: _Found | None = None
        self._ticket: Ticket | None = None
        # who is asked, or was asked last
        self._request: PredictRequest | None = None
        self._case: OpenCase | None = None
        self.rings = rings
        self.list, self.message = QListWidget(), message
        self.progress, self.cancel = QProgressBar(), QPushButton(tr("Cancel"))
        self._patience = QTimer(self)
        self.previous, self.next = QPushButton(tr("Previous")), QPushButton(tr("Next"))
        self.previous.setToolTip(key_of("previous_spot"))
        self.next.setToolTip(key_of("next_spot"))
        self.list.setFixedHeight(HEIGHT)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.progress.setMaximumWidth(WIDTH)
        self.progress.setTextVisible(False)
        self.list.setToolTip(tr("Doubtful places, worst first: Next looks for them, and goes to each"))
        self.progress.setRange(0, 100)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self.cancel.show)
        buttons = QHBoxLayout(self)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(SPACING)
        buttons.addWidget(TextLabel(tr("Check these:")))
        buttons.addWidget(self.previous)
        buttons.addWidget(self.next)
        buttons.addWidget(self.list, 1)
        buttons.addWidget(self.progress)
        buttons.addWidget(self.cancel)
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
        for button in (self.previous, self.next):
            able(button, tr(NO_IMAGE) if case is None else None)

    def step(self, by: int) -> None:
        """Go to the next or the previous spot; the first time, look for them."""
        case = self._view.current
        if case is None:
            return
        request = self._state.opinions_for(volume=case.labels.ndim == 3)
        if self._found is not None and self._found.request == request:
            self._renew(self._found, by)
        elif self._ticket is None or request != self._request:
            # nobody was asked yet, or others than now
            self._look(case, request, by)

    def _look(self, case: OpenCase, request: PredictRequest | None, by: int) -> None:
        """Ask networks and mirrored copies, off the GUI thread; go to a spot as soon as there is a first opinion."""
        data = plain_image(case.image)
        if data is None or request is None:
            self.message.setText(tr("No network at hand takes this image."))
            return
        lie, said = lie_of_layer(case.image), case.said
        self.message.setText(tr("Asking for more opinions..."))
        if self._ticket is not None:
            self._ticket.cancel()
        self._looking(True)
        self._request = request
        asked = _Asked(case, request, by)

        def work(ticket: Ticket, progress: Any) -> None:
            # of a volume, SGD-Net's map of every slice would take longer than the opinions themselves
            options = {"said": said, "edges": case.labels.ndim == 2, **lie}
            told = opinions(data, request, progress=progress, cancelled=lambda: ticket.cancelled, **options)
            for number, opinion in enumerate(told):
                progress(-1, (number, opinion))

        def told(share: float, what: Any) -> None:
            if share >= 0:
                self._progressed(share, what)
            else:
                self._opined(asked, *what)

        def done(_: None) -> None:
            self._looking(False)
            # behind the last opinion's spots
            self._workers.run(lambda *_: None, on_done=lambda _: self._tell_none(case), lane="edit")

        self._ticket = self._workers.run(work, on_done=done, on_progress=told, on_error=self._failed)

    def _opined(self, asked: _Asked, number: int, opinion: Prediction) -> None:
        """The first opinion leads to a spot; with a better one, what is looked at stays where it is."""
        case = asked.case
        if opinion.edges is not None:
            case.edges.setdefault((), opinion.edges)
        if self._view.current is case:
            found = _Found(case, asked.request, opinion, [])
            if number == 0:
                self._renew(found, asked.by)
            else:
                self._find(found, lambda spots: self._refine(found, spots, asked.by))

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
        self.progress.setToolTip(as_tip(text))

    def give_up(self) -> None:
        """Look no further."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._looking(False)
            if self._looked_at() is None:
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

    def _find(self, found: _Found, use: Callable[[list[Spot]], None]) -> None:
        """Where the mask is doubtful as it is now, off the GUI thread: where someone drew, nothing is any more."""
        case = found.case
        labels, touched = np.array(case.labels.data), case.touched()

        def done(spots: list[Spot]) -> None:
            if self._view.current is case:
                use(spots)

        self._workers.run(
            lambda ticket, progress: spots_of(found.opinion, labels, touched),
            on_done=done,
            on_error=self._failed,
            lane="edit",
        )

    def _renew(self, found: _Found, by: int) -> None:
        """Go on from the spot that is looked at."""
        before = self._looked_at()

        def use(spots: list[Spot]) -> None:
            newer = self._found
            if newer is not None and newer is not found and (newer.case, newer.request) == (found.case, found.request):
                # a better opinion came meanwhile
                self._renew(newer, by)
            else:
                self._show(found, after_seen(spots, found.kept), before, by)

        self._find(found, use)

    def _looked_at(self) -> Spot | None:
        row = self.list.currentRow()
        return self._found.spots[row] if self._found is not None and 0 <= row < len(self._found.spots) else None

    def _refine(self, found: _Found, spots: list[Spot], by: int) -> None:
        """What is looked at stays; those that were are listed before it, and what is new behind it, worst first."""
        before, now = self._found, self._looked_at()
        if before is None or now is None:
            # nobody is at a spot yet
            self._show(found, spots, None, by)
            return
        seen = [one for one in before.seen if one.point != now.point] + [now]
        found.spots = after_seen(spots, seen, stays=now)
        points = {one.point for one in seen}
        found.seen = found.kept = [one for one in found.spots if one.point in points]
        self._found = found
        self._fill()
        self.list.setCurrentRow([one.point for one in found.spots].index(now.point))
        self._tell_place()

    def _fill(self) -> None:
        spots = [] if self._found is None else self._found.spots
        self.list.clear()
        for spot in spots:
            self.list.addItem(tr("{n} px at {place}", n=spot.pixels, place=", ".join(map(str, spot.point))))

    def _show(self, found: _Found, spots: list[Spot], before: Spot | None, by: int) -> None:
        found.spots, self._found = spots, found
        self._fill()
        if not spots:
            self.rings.hide()
            if self._ticket is None:
                self._tell_none(found.case)
            return
        places, kept = [spot.point for spot in spots], {spot.point for spot in found.kept}
        if before is None:
            row = 0 if by > 0 else len(spots) - 1
        elif before.point in places:
            row = (places.index(before.point) + by) % len(places)
        else:
            # a spot that is done is followed by the worst that is not
            row = next((row for row, place in enumerate(places) if place not in kept), 0)
        self.list.setCurrentRow(row)
        self._go()

    def _tell_none(self, case: OpenCase) -> None:
        """Only once nobody is asked any more."""
        if self._found is not None and self._found.case is case is self._view.current and not self._found.spots:
            self.message.setText(tr("Nothing doubtful is left on this image."))

    def _tell_place(self) -> None:
        assert self._found is not None
        row, total = self.list.currentRow(), len(self._found.spots)
        self.message.setText(tr("{n} of {total}, worst first.", n=row + 1, total=total))
        self.list.scrollToItem(self.list.item(row))

    def _go(self) -> None:
        """Show the chosen spot."""
        if self._found is None or not 0 <= self.list.currentRow() < len(self._found.spots):
            return
        spot, case = self._found.spots[self.list.currentRow()], self._found.case
        if spot not in self._found.seen:
            self._found.seen.append(spot)
        self._tell_place()
        self._into_view()
        go_to(self._viewer, case.labels, spot.point)
        self.rings.show(case, [Place(spot.point, ROOM * (spot.pixels / math.pi) ** 0.5)])

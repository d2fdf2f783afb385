"""Proposals that were asked for a while ago: shown, unless the mask was accepted since; kept in any case."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from napari_medseg.app.correct import CorrectionSession
from napari_medseg.errors import MedsegError
from napari_medseg.inference import Prediction
from napari_medseg.widgets.in_turn import InTurn

Failed = Callable[[BaseException], None]


class _Offer(NamedTuple):
    prediction: Prediction
    over: int | None
    late: Callable[[bool], None]
    failed: Failed


class Offers:
    """Those on one case.

    Parameters
    ----------
    turns : InTurn
        What was asked for before, an accept above all, comes first.
    session : CorrectionSession
    show : callable
        Shows a proposal, now; called with it and with whom to tell an error.
    """

    def __init__(self, turns: InTurn, session: CorrectionSession, show: Callable[[Prediction, Failed], None]) -> None:
        self._turns, self._session, self._show = turns, session, show
        self._waiting: list[_Offer] = []

    def add(self, prediction: Prediction, *, over: int | None, late: Callable[[bool], None], failed: Failed) -> None:
        """Show a proposal in its turn, save where someone drew.

        Parameters
        ----------
        over : int or None
            The accepted mask that it was asked to replace.
        late : callable
            Called where the proposal is only kept, redo shows it; with whether the image was closed first.
        failed : callable
            Called with an error where it is neither.
        """
        offer = _Offer(prediction, over, late, failed)
        self._waiting.append(offer)
        self._turns.then(lambda: self._look(offer))

    def close(self, *, tell: bool) -> None:
        """Keep what waits: what is shown stays as it was left."""
        for offer in self._waiting:
            self._keep(offer)
            if tell:
                offer.late(True)
        self._waiting.clear()

    def _look(self, offer: _Offer) -> None:
        if self._session.status.pending:
            # an accept may be among that
            self._turns.ask(self._session.accepted(), lambda accepted: self._decide(offer, accepted), offer.failed)
            return
        try:
            accepted = self._session.project.accepted_revision(self._session.case_id)
        except MedsegError as error:
            offer.failed(error)
            return
        self._decide(offer, accepted)

    def _decide(self, offer: _Offer, accepted: int | None) -> None:
        self._waiting = [one for one in self._waiting if one is not offer]
        if accepted in (None, offer.over):
            self._show(offer.prediction, offer.failed)
        else:
            self._turns.tell(self._keep(offer), lambda: offer.late(False))

    def _keep(self, offer: _Offer) -> Future[None]:
        return self._session.set_aside(offer.prediction.labels, offer.prediction.kept_origin)

"""The next case's proposal, made while the person corrects this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_medseg.app.kinds import lie_of
from napari_medseg.app.predict import predict_array
from napari_medseg.inference import Prediction
from napari_medseg.io import read_image
from napari_medseg.kept import Kept
from napari_medseg.project import Case, Project
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers

# proposals that nobody took, as the person went elsewhere
MOST, MOST_BYTES = 4, 256_000_000


class Ahead:
    """Computes one proposal ahead and keeps what was computed.

    Parameters
    ----------
    state : PanelState
    workers : Workers
    next_of : callable
        Gives what finds the case that will come after one.

    Attributes
    ----------
    ready : mapping
        Proposals by number of the case and weights; the last few.
    """

    def __init__(
        self, state: PanelState, workers: Workers, next_of: Callable[[Project, int], Callable[[Ticket], Case | None]]
    ) -> None:
        self._state, self._workers, self.next_of = state, workers, next_of
        self.ready: Kept[tuple[int, str], Prediction] = Kept(
            MOST, most_bytes=MOST_BYTES, size_of=lambda prediction: prediction.bytes
        )
        # what is computed now, and for which case
        self._ticket: Ticket | None = None
        self._case: int | None = None

    def make_way(self, case_id: int) -> None:
        """This case is to be opened: nobody waits while another one's proposal is made."""
        if self._ticket is not None and self._case != case_id:
            self._ticket.cancel()

    def take(self, case_id: int, weights: str) -> Prediction | None:
        """What was computed of a case by these weights; None where nothing was."""
        return self.ready.pop((case_id, weights), None)

    def compute(self, project: Project, after: int) -> None:
        """Begin with the case after this one."""
        state, known, find = self._state, set(self.ready), self.next_of(project, after)

        def work(ticket: Ticket, progress: Any) -> None:
            case = find(ticket)
            self._case = None if case is None else case.id
            if case is None or case.state != "new" or case.large:
                return
            image = read_image(case.image)
            request = state.unasked_for(image)
            if request is None or (case.id, request.weights) in known:
                return
            prediction = predict_array(image.data, request, cancelled=lambda: ticket.cancelled, **lie_of(image))
            if state.project is project:
                # at once: who waits for it comes next in this lane
                self.ready[case.id, request.weights] = prediction

        self._case = None
        # an error is told when the case is opened
        self._ticket = self._workers.run(work, on_done=lambda _: None, on_error=lambda error: None)

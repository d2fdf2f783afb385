"""What a person asked of a network, and its answer; a draft before that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image

from napari_medseg.app.draft import Draft, predict_drafted, shows_proposal
from napari_medseg.app.layer_keys import number_of
from napari_medseg.app.picture import picture_of
from napari_medseg.app.predict import PredictRequest
from napari_medseg.inference import Prediction
from napari_medseg.project import Project
from napari_medseg.widgets.ask_again import AcceptedError, accepted_now
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket


class Found(NamedTuple):
    """A network's word on an image.

    Parameters
    ----------
    prediction : Prediction
    picture : tuple
        Of the image, as :func:`napari_medseg.app.picture.picture_of` tells it.
    over : int or None
        The accepted mask that it was asked to replace.
    """

    prediction: Prediction
    picture: tuple
    over: int | None


class Drafted(NamedTuple):
    """A draft that is to be shown, and who made it."""

    found: Found
    draft: Draft


@dataclass(eq=False)
class Asked:
    """What a proposal was asked for.

    Attributes
    ----------
    layer : Image
    data : np.ndarray
        (Y, X), (Y, X, C) or (Z, Y, X).
    project : Project or None
    case_id : int or None
        None: the image is no case, or not yet.
    boxes : np.ndarray or None
        (N, 4: y0, x0, y1, x1), px.
    request : PredictRequest
    edges : bool
        An edge map is wanted, too.
    volume : bool
    lie : dict
        As :func:`napari_medseg.widgets.layers.lie_of_layer` gives it.
    draft : Draft or None
        Who drafted what is shown, while the networks that were asked work.
    """

    layer: Image
    data: np.ndarray
    project: Project | None
    case_id: int | None
    boxes: np.ndarray | None
    request: PredictRequest
    edges: bool
    volume: bool
    lie: dict[str, Any]
    draft: Draft | None = None

    def __post_init__(self) -> None:
        # what the layer shows now: it may be filled with another image meanwhile
        self.number = number_of(self.layer)

    def is_on(self, layer: Image | None) -> bool:
        """Whether it was asked on what a layer shows now."""
        return layer is not None and layer == self.layer and number_of(layer) == self.number

    def is_of(self, project: Project, case_id: int) -> bool:
        """Whether it was asked for this case."""
        return self.project is project and self.case_id == case_id

    def answer(
        self, state: PanelState, ticket: Ticket, progress: Callable[[float, Any], None], *, again: bool
    ) -> Found:
        """Ask; off the GUI thread. ``progress`` is told words, or given what was :class:`Drafted`.

        Raises
        ------
        AcceptedError
            If the mask is accepted, and it is not asked ``again``.
        MedsegError
            As :func:`napari_medseg.app.predict.predict_array`.
        """
        over = accepted_now(self.project, self.case_id)
        if over is not None and not again:
            raise AcceptedError
        picture = picture_of(self.data)
        draft = None if over is not None else self._draft(state)

        def drafted(found: Prediction) -> None:
            assert draft is not None
            progress(0.0, Drafted(Found(found, picture, over), draft))

        prediction = predict_drafted(
            self.data,
            self.request,
            draft,
            drafted,
            boxes=self.boxes,
            edges=self.edges,
            progress=progress,
            cancelled=lambda: ticket.cancelled,
            **self.lie,
        )
        return Found(prediction, picture, over)

    def _draft(self, state: PanelState) -> Draft | None:
        """Who drafts: nobody in boxes, which is another question, nor where a network's mask is shown already."""
        if self.boxes is not None or shows_proposal(self.project, self.case_id):
            return None
        return state.draft_for(self.request, self.data, volume=self.volume)

"""A case read for the viewer, off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from napari_medseg.app.case_labels import CaseLabels, case_labels
from napari_medseg.app.draft import Draft, left_as_draft, predict_drafted
from napari_medseg.app.greys import Greys, greys_of
from napari_medseg.app.kinds import lie_of
from napari_medseg.app.picture import picture_of
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.slide_windows import mask_tiles
from napari_medseg.app.tile_cache import TileCache
from napari_medseg.inference import Prediction
from napari_medseg.io import Grid, read_image
from napari_medseg.io.image import Image
from napari_medseg.io.large import large_shape
from napari_medseg.project import Case, Project
from napari_medseg.project.grids import case_grid
from napari_medseg.widgets.ahead import Ahead
from napari_medseg.widgets.slide_layers import OpenedSlide
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket


class Loaded(NamedTuple):
    """What is shown of a case."""

    case: Case
    image: Image
    stored: CaseLabels
    picture: tuple
    # whom to ask for its first proposal; None: it had one, or nobody takes it
    request: PredictRequest | None
    # who drafts meanwhile
    draft: Draft | None = None


class LoadedSlide(NamedTuple):
    """What is shown of a case that is read in parts: nothing of it but its coarsest level was read."""

    case: Case
    opened: OpenedSlide
    mask: TileCache
    # values that are black and white for networks
    greys: Greys
    # of so many pixels nobody proposes unasked
    request: None = None


def read_case(
    project: Project, case_id: int, state: PanelState, step: Callable[[float], None] | None = None
) -> Loaded | LoadedSlide:
    """Read a case; of one that nobody saw yet, or that has a draft alone, with whom to ask."""
    case = project.case(case_id)
    if large_shape(case.shape):
        opened = OpenedSlide(case.image)
        try:
            return LoadedSlide(case, opened, mask_tiles(project, case), greys_of(opened.large))
        except BaseException:
            opened.close()
            raise
    image = read_image(case.image, step)
    stored = case_labels(project, case_id)
    request, draft = state.unasked_for(image), None
    if request is not None and case.state == "new":
        draft = state.draft_for(request, image.data, volume=image.volume)
    elif request is not None and not left_as_draft(project, case, request):
        request = None
    return Loaded(case, image, stored, picture_of(image.data), request, draft)


def first_proposal(loaded: Loaded, ahead: Ahead, ticket: Ticket, progress: Callable[[float, Any], None]) -> Prediction:
    """A proposal on a case that nobody saw yet, made now or ahead; ``progress`` is told words, or given a draft."""
    image, request = loaded.image, loaded.request
    assert request is not None
    return ahead.take(loaded.case.id, request.weights) or predict_drafted(
        image.data,
        request,
        loaded.draft,
        lambda found: progress(0.0, found),
        progress=progress,
        cancelled=lambda: ticket.cancelled,
        **lie_of(image),
    )


def kept_grid(case: Case) -> Grid | None:
    """The grid that the project keeps of a case; None of a volume that an earlier version added: its file says it."""
    return None if case.grid is None and len(case.shape) == 3 else case_grid(case)

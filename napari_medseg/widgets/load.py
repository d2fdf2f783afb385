"""A case read for the viewer, off the GUI thread."""

from __future__ import annotations

from typing import NamedTuple

from napari_medseg.app.correct import CaseLabels, case_labels
from napari_medseg.app.picture import picture_of
from napari_medseg.app.predict import predict_array
from napari_medseg.inference import Prediction
from napari_medseg.io import Grid, read_image
from napari_medseg.io.format import Progress
from napari_medseg.io.image import Image
from napari_medseg.project import Case, Project
from napari_medseg.project.grids import case_grid
from napari_medseg.widgets.ahead import Ahead
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket


class Loaded(NamedTuple):
    """What is shown of a case."""

    case: Case
    image: Image
    stored: CaseLabels
    prediction: Prediction | None
    picture: tuple


def load_case(
    project: Project, case_id: int, state: PanelState, ahead: Ahead, ticket: Ticket, step: Progress | None = None
) -> Loaded:
    """Read a case; of one that nobody saw yet, with a proposal, made now or ahead."""
    case = project.case(case_id)
    image = read_image(case.image, step)
    stored = case_labels(project, case_id)
    request, prediction = state.unasked_for(image), None
    if case.state == "new" and request is not None:
        prediction = ahead.take(case_id, request.weights) or predict_array(
            image.data, request, spacing=image.spacing, cancelled=lambda: ticket.cancelled
        )
    return Loaded(case, image, stored, prediction, picture_of(image.data))


def kept_grid(case: Case) -> Grid | None:
    """The grid that the project keeps of a case; None of a volume that an earlier version added: its file says it."""
    return None if case.grid is None and len(case.shape) == 3 else case_grid(case)

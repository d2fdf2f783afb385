"""A draft: what the smallest network says at once, while a slow one works. Decision 65."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medseg import log
from napari_medseg.app.choosing import Known, ranked
from napari_medseg.app.predict import PredictRequest, Progress, predict_array
from napari_medseg.app.waits import is_slow, known_wait, note_wait
from napari_medseg.errors import Cancelled, MedsegError
from napari_medseg.project import Case, Project

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction

# who drafts
SMALL = "cmunext-xxs"
# a draft takes at most this of what it bridges: by so much the other mask comes later
SHARE = 0.2
# in the origin of a draft: the weights that were still at work
DRAFT_KEY = "draft_for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Who drafts, and for whom.

    Attributes
    ----------
    request : PredictRequest
    by : str
        Network that drafts, in words.
    waits_for : tuple of str
        Networks that are still at work, in words.
    """

    request: PredictRequest
    by: str
    waits_for: tuple[str, ...]


def draft_for(
    request: PredictRequest, shape: Sequence[int], known: Sequence[Known], task: str, *, worse: Collection[str] = ()
) -> Draft | None:
    """Who drafts while a request is worked on; None: nobody, as it is quick, or as no small network would do.

    Parameters
    ----------
    request : PredictRequest
        Without boxes.
    shape : tuple of int
        (Y, X) or (Y, X, C) of an image.
    known : sequence of (id or path, entry)
        What is at hand for images.
    task : str
        What is on the image.
    worse : collection of str
        As :func:`napari_medseg.app.choosing.ranked` takes it.
    """
    from napari_medseg.networks import get_spec

    if request.network == SMALL or not is_slow(request, shape):
        return None
    labels = next((entry.labels for identity, entry in known if identity == request.weights), None)
    # of the same classes, by their numbers
    able = [one for one in ranked(known, task, worse) if one[1].network == SMALL and one[1].labels == labels]
    if not able:
        return None
    small = replace(request, network=SMALL, weights=able[0][0], size=None, mirrored=False, also=())
    taken, wait = known_wait(small, shape, here=True), known_wait(request, shape)
    if taken is not None and wait is not None and taken > SHARE * wait:
        # a large image takes its time with any network
        return None

    def title(network: str) -> str:
        return get_spec(network).title.partition(" (")[0]

    members = (request.network, *(network for network, _ in request.also))
    return Draft(request=small, by=title(SMALL), waits_for=tuple(map(title, members)))


def shows_proposal(project: Project | None, case_id: int | None) -> bool:
    """Whether a case shows a network's mask: a draft would be a step back."""
    return project is not None and case_id is not None and project.proposal_origin(case_id) is not None


def left_as_draft(project: Project, case: Case, request: PredictRequest) -> bool:
    """Whether a case shows a draft that nobody drew in or accepted, and a request would say more."""
    if case.state != "proposed" or request.network == SMALL:
        return False
    return DRAFT_KEY in (project.proposal_origin(case.id) or {})


def predict_drafted(
    image: np.ndarray,
    request: PredictRequest,
    draft: Draft | None,
    drafted: Callable[[Prediction], None],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    **how: Any,
) -> Prediction:
    """As :func:`napari_medseg.app.predict.predict_array`, with a draft before it.

    Parameters
    ----------
    image : np.ndarray
    request : PredictRequest
    draft : Draft or None
    drafted : callable
        Called with the draft as soon as it is there.
    how
        As ``predict_array`` takes it; the draft gets the spacing and the axes alone.

    Raises
    ------
    InputError, DeviceError, Cancelled
        As ``predict_array``; a draft that cannot be made is left out, as nobody asked for it.
    """
    if draft is not None:
        lie = {name: how[name] for name in ("spacing", "volume", "axis") if name in how}
        try:
            found = predict_array(image, draft.request, cancelled=cancelled, **lie)
        except Cancelled:
            raise
        except MedsegError as error:
            log.tell(error, expected=True)
        else:
            note_wait(draft.request, image.shape, found.origin["seconds"])
            drafted(replace(found, origin={**found.origin, DRAFT_KEY: request.weights}))
    found = predict_array(image, request, progress=progress, cancelled=cancelled, **how)
    # in boxes it is another question
    if how.get("boxes") is None:
        note_wait(request, image.shape, found.origin["seconds"])
    return found

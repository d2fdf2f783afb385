"""A proposal for every image of a project that nobody accepted yet, one after the other, and how doubtful each is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from napari_medseg.app.batch import Batch
from napari_medseg.app.familiar import looks_like_another
from napari_medseg.app.kinds import lie_of
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.queue import DOUBT_KEY, opinion_of
from napari_medseg.errors import Cancelled, InputError
from napari_medseg.io import Image, read_image
from napari_medseg.project import Case, Project
from napari_medseg.words import tr, trn

# in a proposal's origin: what was asked
REQUEST_KEY = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One image is done.

    Attributes
    ----------
    case : Case
        As it was before.
    doubt : float or None
        As :class:`napari_medseg.app.queue.Opinion` has it; None where it was passed over, or cannot be proposed on.
    done, of : int
        So many of so many images.
    unlike : bool
        It was passed over, as the network that was to be asked knows no such images.
    """

    case: Case
    doubt: float | None
    done: int
    of: int
    unlike: bool = False


def propose_all(
    project: Project,
    request_for: Callable[[Image], PredictRequest | None],
    *,
    drawn: bool = False,
    unlike: bool = False,
    open_now: Callable[[], Collection[int]] = tuple,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Propose on each image without an accepted mask, and store that as one stroke, which can be undone.

    Images are passed over that someone drew on, that are open, that look like something else than the network knows,
    and that have a proposal of just this request by an earlier call. What one image cannot be done for holds up no
    other.

    Parameters
    ----------
    project : Project
    request_for : callable
        Whom to ask about an image, or a volume, as it was read; None: nobody takes it, or nobody knows what is on it.
    drawn : bool
        Also where someone drew: their pixels stay as they are.
    unlike : bool
        Also where bundled weights know no such images, see :func:`napari_medseg.app.familiar.looks_like_another`.
    open_now : callable
        Numbers of the cases that a window shows, or is about to; asked before each image and before it is stored.
    cancelled : callable
        Asked before each image and by the networks.

    Yields
    ------
    Step
        After each image.

    Raises
    ------
    Cancelled
        What was stored until then stays.
    PartlyDoneError
        At the end, if some of several images got none; a sentence for each.
    InputError, OperationError
        Where what is wrong for one is wrong for all, or there is one image only.
    """
    wanted = [case.id for case in project.cases() if not project.revisions(case.id)]
    batch = Batch(len(wanted), _got_none)
    for number, case_id in enumerate(wanted, start=1):
        if cancelled():
            raise Cancelled
        # as it is now: a person goes on meanwhile
        case = project.case(case_id)
        doubt, other = None, False

        def left_alone(case: Case = case) -> bool:
            now = project.case(case.id)
            accepted = now.state == "accepted" or bool(project.revisions(case.id))
            return accepted or case.id in open_now() or (now.strokes > 0 and not drawn)

        with batch.item(case.name):
            if not left_alone():
                found = _propose(project, case, request_for, left_alone, cancelled, unlike)
                doubt, other = (None, True) if isinstance(found, _Unlike) else (found, False)
        yield Step(case=case, doubt=doubt, done=number, of=len(wanted), unlike=other)
    batch.end()


def _got_none(count: int) -> str:
    return trn("{n} image got no proposal", "{n} images got no proposal", count)


class _Unlike:
    """The network that was to be asked knows no such images."""


def _propose(
    project: Project,
    case: Case,
    request_for: Callable[[Image], PredictRequest | None],
    left_alone: Callable[[], bool],
    cancelled: Callable[[], bool],
    unlike: bool,
) -> float | _Unlike | None:
    if case.large:
        told = tr("'{name}' is too large for this list: it takes minutes. Open it, and press Propose.", name=case.name)
        raise InputError(told)
    image = read_image(case.image)
    request = request_for(image)
    if request is None:
        raise InputError(
            tr(
                "'{name}': no network that is known to fit is chosen or at hand. Choose one in the tab Propose.",
                name=case.name,
            )
        )
    # on another device it is the same
    asked = repr(replace(request, device="auto"))
    there = project.proposal_origin(case.id) or {}
    if there.get(REQUEST_KEY) == asked and DOUBT_KEY in there:
        return float(there[DOUBT_KEY])
    if not unlike and looks_like_another(image, request.network, request.weights):
        return _Unlike()
    prediction = predict_array(image.data, request, **lie_of(image), cancelled=cancelled)
    doubt = opinion_of(prediction).doubt
    if left_alone():
        return None
    facts = {**prediction.kept_origin, REQUEST_KEY: asked, DOUBT_KEY: doubt}
    return doubt if project.offer_proposal(case.id, prediction.labels, facts) else None

"""Which image comes next: as listed, at random, or the one that teaches most."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.app.doubt import doubt_of
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.errors import MedsegError
from napari_medseg.io import read_image
from napari_medseg.kept import Kept

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction
    from napari_medseg.project import Case, Project

LISTED, RANDOM, DOUBTFUL, WORST = "listed", "random", "doubtful", "worst"
# in a proposal's origin: the doubt about it
DOUBT_KEY = "doubt"
# of the images that are left, so many are looked at, and no longer than so many seconds; of the accepted ones, so many
LOOKED_AT, PATIENCE, KNOWN = 16, 5.0, 64
# of an image, about so many pixels tell how bright it is
PIXELS = 65_536
# what was said of images, and how bright they are: some numbers each
MOST_OPINIONS = 20_000


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a network makes of an image.

    Attributes
    ----------
    doubt : float
        In [0, 1]: one minus the Dice that is to be expected of its mask.
    foreground : bool
        Whether it finds anything.
    """

    doubt: float
    foreground: bool


def opinion_of(prediction: Prediction) -> Opinion:
    """Doubt about a prediction, see :func:`~napari_medseg.app.doubt.doubt_of`."""
    p, mask = prediction.probabilities.sum(axis=0).clip(0, 1), prediction.labels > 0
    return Opinion(doubt_of(p, mask), bool(mask.any()))


def shades(image: np.ndarray) -> np.ndarray:
    """How bright an image (Y, X) or (Y, X, C) is: (8,), mean and spread of each quarter of its sorted greys."""
    grey = np.nan_to_num(image.astype(np.float32))
    grey = grey[..., :3].mean(axis=-1) if grey.ndim == 3 else grey
    some = np.sort(grey.ravel()[:: max(1, grey.size // PIXELS)])
    return np.array([f(part) for part in np.array_split(some, 4) for f in (np.mean, np.std)])


def most_useful(doubts: Sequence[float], candidates: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> int:
    """Index of the candidate with much doubt that is little like what is known already.

    Parameters
    ----------
    doubts : sequence of float
        Of the candidates; at least one.
    candidates, known : sequence of np.ndarray
        Shades, of the candidates and of the images whose masks are accepted.
    """
    if not known:
        return int(np.argmax(doubts))
    looks = np.stack([*candidates, *known])
    looks = (looks - looks.mean(axis=0)) / np.maximum(looks.std(axis=0), 1e-9)
    far = np.linalg.norm(looks[: len(candidates), None] - looks[None, len(candidates) :], axis=-1).min(axis=1)
    return int((np.asarray(doubts) * (far + 1e-9)).argmax())


class Queue:
    """Chooses a project's next image; what was read and said is remembered.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._said: Kept[tuple[int, PredictRequest], Opinion | None] = Kept(MOST_OPINIONS)
        self._shades: Kept[int, np.ndarray | None] = Kept(MOST_OPINIONS)
        self._doubts: dict[int, float | None] = {}

    def note(self, case_id: int, doubt: float | None) -> None:
        """How doubtful a case's newest proposal is; None: nobody said."""
        self._doubts[case_id] = doubt

    def doubt_of(self, case_id: int) -> float | None:
        """How doubtful the proposal is that was stored with such a word; read once."""
        if case_id not in self._doubts:
            told = (self._project.proposal_origin(case_id) or {}).get(DOUBT_KEY)
            self._doubts[case_id] = float(told) if isinstance(told, int | float) else None
        return self._doubts[case_id]

    def worst_first(self, cases: Sequence[Case]) -> list[Case]:
        """Cases with much doubt first, then those of which nobody knows, the accepted ones last."""

        def rank(case: Case) -> tuple[int, float]:
            # of a new one there is no proposal to ask about
            doubt = None if case.state in ("new", "accepted") else self.doubt_of(case.id)
            return (2 if case.state == "accepted" else 1 if doubt is None else 0, -(doubt or 0.0))

        return sorted(cases, key=rank)

    def next(
        self,
        order: str,
        request: PredictRequest | None,
        *,
        after: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Case | None:
        """The next case that is not accepted; None when all are.

        Parameters
        ----------
        order : str
            ``listed``; ``random``, the same order each time, images on which the network finds nothing at the end; or
            ``doubtful``, much doubt and little like the accepted images first; or ``worst``, by the doubt that was
            stored with the proposals, which asks nobody.
        request : PredictRequest or None
            Whom to ask; nobody: a drawn order, whatever was wished. Volumes are not asked about: it would take long.
        after : int, optional
            The case that was open.
        cancelled : callable, optional
            Asked between images; then no more are looked at.
        """
        cases = self._project.cases()
        left = [case for case in cases if case.state != "accepted" and not case.missing and case.id != after]
        if order == LISTED or len(left) < 2:
            return self._project.next_case(after=after)
        if order == WORST:
            return self.worst_first(left)[0]
        left.sort(key=lambda case: hashlib.sha256(f"{case.id}".encode()).digest())
        if request is None:
            return left[0]
        # where mirrored copies disagree there is doubt; whether there is anything, one look tells
        request = replace(request, mirrored=order == DOUBTFUL or bool(request.mirrored))
        doubts: list[tuple[Case, float]] = []
        started, asked = time.monotonic(), False
        for case in left[:LOOKED_AT]:
            if cancelled():
                return left[0]
            new = (case.id, request) not in self._said
            # the others are asked about next time: what was said is remembered
            if new and asked and time.monotonic() - started > PATIENCE:
                continue
            asked = asked or new
            said = self._ask(case, request)
            if said is not None and order == RANDOM and said.foreground:
                return case
            if said is not None:
                doubts.append((case, said.doubt))
        seen = [(case, doubt, look) for case, doubt in doubts if (look := self._look(case)) is not None]
        if order == RANDOM or not seen:
            return left[0]
        done = [case for case in cases if case.state == "accepted" and not (case.missing or case.large)][-KNOWN:]
        known = [look for case in done if (look := self._look(case)) is not None]
        return seen[most_useful([d for _, d, _ in seen], [look for *_, look in seen], known)][0]

    def _ask(self, case: Case, request: PredictRequest) -> Opinion | None:
        key = case.id, request
        if key in self._said:
            return self._said[key]
        said = self._said[key] = _opinion(case, request)
        return said

    def _look(self, case: Case) -> np.ndarray | None:
        if case.id in self._shades:
            return self._shades[case.id]
        image = _read(case)
        look = self._shades[case.id] = None if image is None else shades(image)
        return look


def _opinion(case: Case, request: PredictRequest) -> Opinion | None:
    """What a network says; None where it does not take the image."""
    image = _read(case)
    try:
        return None if image is None else opinion_of(predict_array(image, request))
    except MedsegError:
        return None


def _read(case: Case) -> np.ndarray | None:
    """The image; None of a volume and a large one, or where it cannot be read: opening it will say why."""
    if len(case.shape) != 2 or case.large:
        return None
    try:
        return read_image(case.image).data
    except MedsegError:
        return None

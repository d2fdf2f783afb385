"""Corrected slices of a volume to their neighbours: which ones a person corrected, and what is said of the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.app.planes import runs_text
from napari_medseg.editing.propagate import FAR, Propagation, propagate
from napari_medseg.errors import InputError
from napari_medseg.project import Project
from napari_medseg.words import mark, tr, trn

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction

WHY = {
    "empty": mark("the object ends there"),
    "edge": mark("its edge is lost there"),
    "unlike": mark("the image looks otherwise there"),
    "network": mark("the network says otherwise there"),
    "far": mark("that is far from the slice you corrected"),
}
# a proposal without its probabilities: its rim is so wide, px
RIM = 1.0


@dataclass(frozen=True, slots=True)
class Carried:
    """What the mask of a volume would be.

    Attributes
    ----------
    before, after : np.ndarray
        (Z, Y, X), integer.
    filled : tuple of int
        Slices that are filled.
    text : str
        Which slices, and where it stopped and why.
    """

    before: np.ndarray
    after: np.ndarray
    filled: tuple[int, ...]
    text: str


def said_by(prediction: Prediction) -> dict[int, np.ndarray] | None:
    """What a network says of a volume's classes: float16, in [0, 1]; None of an image."""
    if prediction.labels.ndim != 3:
        return None
    return {n: part.astype(np.float16) for n, part in zip(prediction.classes, prediction.probabilities, strict=True)}


def carry(
    project: Project,
    case_id: int,
    image: np.ndarray,
    labels: np.ndarray,
    *,
    axis: int = 0,
    said: Mapping[int, np.ndarray] | None = None,
    step: Callable[[int], None] = lambda number: None,
) -> Carried:
    """Carry the slices that a person corrected on to their neighbours; nothing is stored.

    Parameters
    ----------
    project : Project
        In which all strokes are stored.
    case_id : int
        A volume.
    image : np.ndarray
        (Z, Y, X), any real dtype.
    labels : np.ndarray
        (Z, Y, X), integer: its mask as it is now. All its labels on corrected slices are carried on.
    axis : int
        Across which the corrected slices lie.
    said : mapping of int to np.ndarray, optional
        As :func:`said_by` gives it; default: what was proposed, where anything was.
    step : callable
        Told each slice before it is looked at; may raise to cancel.

    Raises
    ------
    InputError
        If no slice across this axis is corrected, or there is nothing on any.
    ProjectError
        If a tile is damaged.
    """
    hand = project.by_hand(case_id)
    sources = hand.slices[axis]
    if not sources:
        raise InputError(
            tr(
                "no slice of this plane is corrected yet; expected at least one that you drew in. Draw or correct one, "
                "then press it again."
            )
        )
    on_them = np.moveaxis(labels, axis, 0)[list(sources)]
    numbers = [int(number) for number in np.unique(on_them) if number]
    if not numbers:
        raise InputError(
            tr(
                "nothing is drawn on the slices that you corrected ({slices}); expected an object on at least one. "
                "Draw it, then press it again.",
                slices=runs_text(sources),
            )
        )
    if said is None:
        said = _proposed(project, case_id, sources, numbers, axis)
    found = propagate(
        image, labels, sources, numbers, axis=axis, fixed=hand.pixels, probabilities=said or None, step=step
    )
    return Carried(labels, found.labels, found.filled, carried_text(found, labels.shape[axis] - 1))


def _proposed(
    project: Project, case_id: int, sources: tuple[int, ...], numbers: list[int], axis: int
) -> dict[int, np.ndarray] | None:
    """The newest proposal, as if its network were sure but for its rim; None where it found none of these."""
    from scipy import ndimage

    proposed = project.proposed(case_id)
    if proposed is None or not np.isin(proposed, numbers).any():
        return None
    near = slice(max(0, sources[0] - FAR), sources[-1] + FAR + 1)
    width = [RIM] * 3
    width[axis] = 0
    found = {}
    for number in numbers:
        said = np.zeros(proposed.shape, np.float16)
        there = tuple(near if one == axis else slice(None) for one in range(3))
        said[there] = ndimage.gaussian_filter((proposed[there] == number).astype(np.float32), width)
        found[number] = said
    return found


def carried_text(found: Propagation, last: int) -> str:
    """Which slices were filled, of slices 0 to ``last``, and where and why it went no farther."""
    told = []
    if found.filled:
        fields = {"slices": runs_text(found.filled), "last": last}
        told.append(trn("Slice {slices} of {last}.", "Slices {slices} of {last}.", len(found.filled), **fields))
    else:
        told.append(tr("No other slice can be filled."))
    for stop in sorted(found.stops, key=lambda one: one.at):
        if stop.why not in WHY:
            continue
        fields = {"source": stop.source, "last": stop.last, "at": stop.at, "why": tr(WHY[stop.why])}
        told.append(
            tr("Stopped right beside slice {source}, at {at}: {why}.", **fields)
            if stop.last == stop.source
            else tr("From slice {source} to {last}; stopped at {at}: {why}.", **fields)
        )
    return " ".join(told)

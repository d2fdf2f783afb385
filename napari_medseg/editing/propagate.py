"""From the slices of a volume that a person corrected to their neighbours, along the edges of the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from napari_medseg.editing.stack import Stack

# slices beyond the last corrected one, at most
FAR = 12

ENDED, FAR_ENOUGH = "end", "far"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where carrying on beyond a corrected slice came to an end.

    Attributes
    ----------
    source : int
        The corrected slice.
    last : int
        The last slice that was filled; the source itself where none was.
    at : int
        The slice that was not filled.
    why : {'empty', 'edge', 'unlike', 'network', 'end', 'far'}
        The object ends; its edge is lost; the image looks otherwise; the network says otherwise; so does the volume;
        it is far enough.
    """

    source: int
    last: int
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class Propagation:
    """What was carried on.

    Attributes
    ----------
    labels : np.ndarray
        As the labels that were given: a copy.
    filled : tuple of int
        Slices that were filled, ascending.
    stops : tuple of Stop
        One towards lower numbers, one towards higher, where there was anything to carry on.
    """

    labels: np.ndarray
    filled: tuple[int, ...] = ()
    stops: tuple[Stop, ...] = field(default=())


def propagate(
    image: np.ndarray,
    labels: np.ndarray,
    sources: Sequence[int],
    numbers: Sequence[int],
    *,
    axis: int = 0,
    fixed: np.ndarray | None = None,
    probabilities: Mapping[int, np.ndarray] | None = None,
    step: Callable[[int], None] = lambda number: None,
) -> Propagation:
    """Carry labels from corrected slices on: to all slices between two of them, and beyond as far as they are followed.

    Each slice between two gets the shape half way (as :func:`~napari_medseg.editing.operations.interpolate` gives it),
    moved to where the image looks as it does on the corrected slices. Beyond the outermost it goes on slice by slice,
    until the object ends, its edge is lost, or image or network say otherwise.

    Parameters
    ----------
    image : np.ndarray
        (Z, Y, X), any real dtype.
    labels : np.ndarray
        (Z, Y, X), integer. On other slices, what has one of ``numbers`` is replaced; other labels are never painted
        over.
    sources : sequence of int
        Corrected slices: they stay as they are.
    numbers : sequence of int
        Labels to carry on.
    axis : int
        Across which the slices lie.
    fixed : np.ndarray, optional
        (Z, Y, X), bool: stays as it is.
    probabilities : mapping of int to np.ndarray, optional
        (Z, Y, X), in [0, 1], of any of these labels: what a network says.
    step : callable
        Told each slice before it is looked at; may raise to cancel.

    Returns
    -------
    Propagation
    """
    out = labels.copy()
    stack = Stack(image, labels, sources, numbers, axis, probabilities)
    if not stack.sources:
        return Propagation(out)
    told, kept = np.moveaxis(out, axis, 0), None if fixed is None else np.moveaxis(fixed, axis, 0)
    filled: list[int] = []

    def put(number: int, depths: np.ndarray) -> None:
        told[number] = stack.painted(told[number], depths, None if kept is None else kept[number])
        filled.append(number)

    for low, high in pairwise(stack.sources):
        if stack.empty(low) and stack.empty(high):
            continue
        for number in range(low + 1, high):
            step(number)
            put(number, stack.between(low, high, number))
    stops = []
    for source, way in ((stack.sources[0], -1), (stack.sources[-1], 1)):
        if not stack.empty(source):
            stops.append(_beyond(stack, source, way, put, step))
    return Propagation(out, tuple(sorted(filled)), tuple(stops))


def _beyond(
    stack: Stack, source: int, way: int, put: Callable[[int, np.ndarray], None], step: Callable[[int], None]
) -> Stop:
    depths, last = stack.depths[source], source
    while True:
        at = last + way
        if not 0 <= at < stack.count:
            return Stop(source, last, at, ENDED)
        if abs(at - source) > FAR:
            return Stop(source, last, at, FAR_ENOUGH)
        step(at)
        depths, changed = stack.next(source, last, at, depths)
        if (why := stack.doubt(source, at, depths, changed)) is not None:
            return Stop(source, last, at, why)
        put(at, depths)
        last = at

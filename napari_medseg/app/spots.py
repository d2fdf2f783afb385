"""Which opinions tell where a mask is probably wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medseg.app.predict import PredictRequest, Progress, edges_request, predict_array
from napari_medseg.editing.spots import Spot, doubt_map, find_spots
from napari_medseg.errors import InputError

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction


def opinions_request(request: PredictRequest) -> tuple[PredictRequest, bool]:
    """The request with mirrored copies, and whether there is an edge map to hold against it."""
    try:
        edges_request(request)
    except InputError:
        return replace(request, mirrored=True), False
    return replace(request, mirrored=True), True


def opinions(
    image: np.ndarray,
    request: PredictRequest,
    *,
    said: Mapping[int, np.ndarray] | None = None,
    edges: bool = True,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    **lie: Any,
) -> Iterator[Prediction]:
    """What is known of an image, better each time: a first opinion at once, then mirrored copies of it, then each
    further network's, and an edge map at last.

    Parameters
    ----------
    image : np.ndarray
        As :func:`predict_array` takes it; so are ``progress``, ``cancelled`` and ``lie``.
    request : PredictRequest
        With the networks that are asked too.
    said : mapping of int to np.ndarray, optional
        By class, (Z, Y, X), in [0, 1]: what a network said already, which is the first opinion then.
    edges : bool
        Whether an edge map is wanted, where there is one to be had.

    Yields
    ------
    Prediction

    Raises
    ------
    InputError, DeviceError, Cancelled
    """
    from napari_medseg.inference import Prediction, combine

    alone = replace(request, also=(), mirrored=False)
    asked, has_edges = opinions_request(alone)
    edges = edges and has_edges
    members = [asked, *(replace(asked, network=n, weights=w, size=None) for n, w in request.also)]
    passes, done = len(members) + (said is None) + edges, 0

    def ask(one: PredictRequest) -> Prediction:
        nonlocal done
        step = None if progress is None else lambda share, text, before=done: progress((before + share) / passes, text)
        found = predict_array(image, one, progress=step, cancelled=cancelled, **lie)
        done += 1
        return found

    if said is not None:
        maps = np.stack([part.astype(np.float32) for part in said.values()])
        yield Prediction(labels=np.zeros(maps.shape[1:], np.uint8), probabilities=maps)
    else:
        yield ask(alone)
    found: list[Prediction] = []
    for member in members:
        found.append(ask(member))
        result = combine(found, threshold=request.threshold) if len(found) > 1 else found[0]
        yield result
    if edges:
        other = edges_request(alone)
        seen = found[0] if other == alone else ask(other)
        yield replace(result, edges=seen.edges, origin={**result.origin, "edges": seen.origin["weights"]})


def spots_of(opinion: Prediction, labels: np.ndarray, touched: np.ndarray) -> list[Spot]:
    """Where the labels are probably wrong, worst first.

    Parameters
    ----------
    opinion : Prediction
        Of the image.
    labels : np.ndarray
        (Y, X) or (Z, Y, X), integer: what is shown.
    touched : np.ndarray
        Of the same shape, bool: where a person drew, which is never doubted.
    """
    doubt = doubt_map(
        opinion.probabilities.sum(axis=0).clip(0, 1),
        labels=labels,
        edges=opinion.edges,
        touched=touched,
    )
    return find_spots(doubt)

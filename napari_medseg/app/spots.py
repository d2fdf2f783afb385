"""Which opinions tell where a mask is probably wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.app.predict import PredictRequest, edges_request
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

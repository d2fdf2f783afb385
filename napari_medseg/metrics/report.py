"""Scores per case, their mean and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_medseg.classes import listed
from napari_medseg.errors import InputError
from napari_medseg.metrics.counts import Counts
from napari_medseg.metrics.panoptic import panoptic_quality
from napari_medseg.metrics.surface import both_hd95

SCORES = ("dice", "iou", "precision", "recall", "aac", "accuracy", "hd95", "hd95_larger", "pq", "seconds")


def score_case(
    name: str,
    pred: np.ndarray,
    truth: np.ndarray,
    *,
    seconds: float = 0.0,
    spacing: tuple[float, float] | None = None,
    classes: int | Sequence[int] = 1,
    ignored: np.ndarray | None = None,
    objects: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]:
    """All scores of one case, averaged over its foreground classes.

    ``aac`` is the mean over all classes of the share of their pixels that is found, ``accuracy`` the share of all
    pixels that are right: the CMUNeXt-XXS paper's formula gives the first, its column has the second. ``hd95`` is of
    both directions' distances together, ``hd95_larger`` the larger of the two, as in DCSNet's equation (15).

    Parameters
    ----------
    name : str
    pred, truth : np.ndarray
        (Y, X), numbers of classes.
    seconds : float
        What the prediction took.
    spacing : tuple of float, optional
        Size of a pixel (y, x); default: HD95 in px.
    classes : int or sequence of int
        Numbers of the foreground classes; or how many, numbered from 1: with one, all above 0 is foreground.
    ignored : np.ndarray, optional
        (Y, X), bool: pixels that do not count.
    objects : (pred, truth), optional
        (Y, X), integer: one number an object; adds ``pq``.

    Raises
    ------
    InputError
        If a mask holds a number that is no class: it would count as background.
    """
    if ignored is not None:
        pred, truth = np.where(ignored, 0, pred), np.where(ignored, 0, truth)
        objects = None if objects is None else (np.where(ignored, 0, objects[0]), np.where(ignored, 0, objects[1]))
    numbers: Sequence[int]
    if classes == 1:
        pred, truth, numbers = (pred > 0).astype(np.uint8), (truth > 0).astype(np.uint8), (1,)
    else:
        numbers = range(1, classes + 1) if isinstance(classes, int) else classes
        outside = set(np.unique(truth).tolist()) - {0, *numbers}
        if outside:
            raise InputError(
                f"the mask of '{name}' holds {listed(outside)}; expected {', '.join(map(str, numbers))}. "
                "Say which classes they are, or that they do not count."
            )
    distances = [both_hd95(pred == number, truth == number, spacing=spacing) for number in numbers]

    def mean(values: list[float]) -> float:
        return float(np.mean(values))

    return {
        "name": name,
        **Counts.of(pred, truth, numbers, ignored).scores(),
        "hd95": mean([pooled for pooled, _ in distances]),
        "hd95_larger": mean([larger for _, larger in distances]),
        **({} if objects is None else {"pq": panoptic_quality(*objects)}),
        "seconds": seconds,
    }


def summarise(cases: Sequence[Mapping[str, Any]], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Mean of each score and its 95 % bootstrap interval over cases.

    Parameters
    ----------
    cases : sequence of mapping
        As :func:`score_case` gives them; at least one. What not all of them have is left out.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``n``, ``mean`` and ``interval95`` (score -> [low, high]).
    """
    rows = np.random.default_rng(seed).integers(0, len(cases), size=(resamples, len(cases)))
    mean: dict[str, float] = {}
    interval: dict[str, list[float]] = {}
    for score in (score for score in SCORES if all(score in case for case in cases)):
        values = np.array([case[score] for case in cases], dtype=float)
        mean[score] = float(values.mean())
        interval[score] = [float(v) for v in np.percentile(values[rows].mean(axis=1), (2.5, 97.5))]
    return {"n": len(cases), "mean": mean, "interval95": interval}

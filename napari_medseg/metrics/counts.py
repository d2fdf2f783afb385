"""Pixels counted by class, of which overlap scores are made: counts of parts add up to those of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Counts:
    """Pixels by what they are and what they were taken for.

    Parameters
    ----------
    table : np.ndarray
        (K + 1, K + 1), int64: by true channel, and by that of the prediction; 0 is the background.
    """

    table: np.ndarray

    @classmethod
    def of(
        cls, pred: np.ndarray, truth: np.ndarray, numbers: Sequence[int], ignored: np.ndarray | None = None
    ) -> Counts:
        """Count a part.

        Parameters
        ----------
        pred, truth : np.ndarray
            Of one shape, integers from 0; what is none of the numbers is background.
        numbers : sequence of int
            Of the foreground classes.
        ignored : np.ndarray, optional
            As them, bool: pixels that do not count.
        """
        channels = len(numbers) + 1
        pairs = _channels(truth, numbers) * np.uint32(channels) + _channels(pred, numbers)
        counted = pairs.ravel() if ignored is None else pairs[~ignored]
        return cls(np.bincount(counted, minlength=channels**2).reshape(channels, channels))

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.table + other.table)

    def scores(self) -> dict[str, float]:
        """``dice``, ``iou``, ``precision`` and ``recall``, each the mean over the foreground classes, ``aac`` and
        ``accuracy``; see :func:`napari_medseg.metrics.score_case`. Two empty masks agree perfectly.
        """
        hits, there, taken = np.diagonal(self.table), self.table.sum(axis=1), self.table.sum(axis=0)
        rows = [(int(tp), int(p) - int(tp), int(t) - int(tp)) for tp, p, t in zip(hits, taken, there, strict=True)][1:]
        total = int(self.table.sum())
        return {
            "dice": _mean([_ratio(2 * tp, 2 * tp + fp + fn, 1.0) for tp, fp, fn in rows]),
            "iou": _mean([_ratio(tp, tp + fp + fn, 1.0) for tp, fp, fn in rows]),
            "precision": _mean([_ratio(tp, tp + fp, float(fn == 0)) for tp, fp, fn in rows]),
            "recall": _mean([_ratio(tp, tp + fn, float(fp == 0)) for tp, fp, fn in rows]),
            # classes that are not there are left out
            "aac": _mean([int(tp) / int(n) for tp, n in zip(hits, there, strict=True) if n] or [1.0]),
            "accuracy": _ratio(int(hits.sum()), total, 1.0),
        }


def _channels(labels: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    # a part of a slide has millions of pixels: four bytes each, not eight
    table = np.zeros(max(int(labels.max(initial=0)), *numbers) + 1, np.uint32)
    table[list(numbers)] = np.arange(1, len(numbers) + 1)
    return table.take(labels.astype(np.uint8) if labels.dtype == bool else labels)


def _ratio(numerator: float, denominator: float, empty: float) -> float:
    return numerator / denominator if denominator else empty


def _mean(values: list[float]) -> float:
    return float(np.mean(values))

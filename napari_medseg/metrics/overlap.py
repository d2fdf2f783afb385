"""How much two masks overlap. Two empty masks agree perfectly."""

from __future__ import annotations

import numpy as np


def _counts(pred: np.ndarray, truth: np.ndarray) -> tuple[int, int, int]:
    pred, truth = np.asarray(pred, bool), np.asarray(truth, bool)
    if pred.shape != truth.shape:
        raise ValueError(f"prediction has shape {pred.shape}, truth {truth.shape}; expected the same. Resize one.")
    both = int(np.count_nonzero(pred & truth))
    return both, int(np.count_nonzero(pred)) - both, int(np.count_nonzero(truth)) - both


def _ratio(numerator: float, denominator: float, *, empty: float) -> float:
    return numerator / denominator if denominator else empty


def dice(pred: np.ndarray, truth: np.ndarray) -> float:
    """Dice coefficient (F1) of two masks of one shape, bool, in [0, 1]."""
    tp, fp, fn = _counts(pred, truth)
    return _ratio(2 * tp, 2 * tp + fp + fn, empty=1.0)


def iou(pred: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks of one shape, bool, in [0, 1]."""
    tp, fp, fn = _counts(pred, truth)
    return _ratio(tp, tp + fp + fn, empty=1.0)


def precision(pred: np.ndarray, truth: np.ndarray) -> float:
    """Share of the predicted pixels that are right; 1 where nothing is predicted and nothing is there."""
    tp, fp, fn = _counts(pred, truth)
    return _ratio(tp, tp + fp, empty=float(fn == 0))


def recall(pred: np.ndarray, truth: np.ndarray) -> float:
    """Share of the true pixels that are found; 1 where nothing is there and nothing is predicted."""
    tp, fp, fn = _counts(pred, truth)
    return _ratio(tp, tp + fn, empty=float(fp == 0))

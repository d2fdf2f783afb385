"""How far two contours lie apart."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt


def hd95(pred: np.ndarray, truth: np.ndarray, *, spacing: tuple[float, ...] | None = None) -> float:
    """95th percentile of the symmetric Hausdorff distance between two masks.

    Parameters
    ----------
    pred, truth : np.ndarray
        (Y, X) or (Z, Y, X), bool.
    spacing : tuple of float, optional
        Size of a pixel (y, x) or voxel (z, y, x); default: 1, so that the result is in px.

    Returns
    -------
    float
        In the unit of ``spacing``. 0 for two empty masks; the image's diagonal where only one is empty.
    """
    pred, truth = np.asarray(pred, bool), np.asarray(truth, bool)
    if not pred.any() and not truth.any():
        return 0.0
    scale = spacing or (1.0,) * pred.ndim
    if not pred.any() or not truth.any():
        return math.hypot(*(n * size for n, size in zip(pred.shape, scale, strict=True)))
    if np.array_equal(pred, truth):
        return 0.0
    distances = np.concatenate([_distances(pred, truth, scale), _distances(truth, pred, scale)])
    return float(np.percentile(distances, 95))


def _distances(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """From each border pixel of ``a`` to the nearest border pixel of ``b``."""
    # SciPy rather than MONAI's wrapper of it: that one pulls in torch, and takes the larger of the two directions'
    # percentiles, where the usual HD95 pools them
    return distance_transform_edt(~_border(b), sampling=spacing)[_border(a)]


def _border(mask: np.ndarray) -> np.ndarray:
    return mask & ~binary_erosion(mask)

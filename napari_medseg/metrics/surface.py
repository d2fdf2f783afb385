"""How far two contours lie apart."""

from __future__ import annotations

import math

import numpy as np


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
    return both_hd95(pred, truth, spacing=spacing)[0]


def both_hd95(pred: np.ndarray, truth: np.ndarray, *, spacing: tuple[float, ...] | None = None) -> tuple[float, float]:
    """:func:`hd95`, which pools the distances of both directions, and the larger of the two directions' percentiles.

    The second is that of DCSNet's equation (15). Parameters and empty masks are as for :func:`hd95`.
    """
    pred, truth = np.asarray(pred, bool), np.asarray(truth, bool)
    if not pred.any() and not truth.any():
        return 0.0, 0.0
    scale = spacing or (1.0,) * pred.ndim
    if not pred.any() or not truth.any():
        whole = math.hypot(*(n * size for n, size in zip(pred.shape, scale, strict=True)))
        return whole, whole
    if np.array_equal(pred, truth):
        return 0.0, 0.0
    there, back = _distances(pred, truth, scale), _distances(truth, pred, scale)
    larger = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return float(np.percentile(np.concatenate([there, back]), 95)), larger


def _distances(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """From each border pixel of ``a`` to the nearest border pixel of ``b``."""
    from scipy.ndimage import distance_transform_edt

    # SciPy rather than MONAI's wrapper of it: that one pulls in torch, and takes the larger of the two directions'
    # percentiles, where the usual HD95 pools them
    # a trainer measures no surfaces, and starts sooner without

    return distance_transform_edt(~_border(b), sampling=spacing)[_border(a)]


def _border(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_erosion

    return mask & ~binary_erosion(mask)

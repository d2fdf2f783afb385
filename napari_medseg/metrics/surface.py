"""How far two contours lie apart, by MONAI."""

from __future__ import annotations

import math

import numpy as np


def hd95(pred: np.ndarray, truth: np.ndarray, *, spacing: tuple[float, float] | None = None) -> float:
    """95th percentile of the symmetric Hausdorff distance between two masks.

    Parameters
    ----------
    pred, truth : np.ndarray
        (Y, X), bool.
    spacing : tuple of float, optional
        Size of a pixel (y, x); default: 1, so that the result is in px.

    Returns
    -------
    float
        In the unit of ``spacing``. 0 for two empty masks; the image's diagonal where only one is empty.
    """
    pred, truth = np.asarray(pred, bool), np.asarray(truth, bool)
    if not pred.any() and not truth.any():
        return 0.0
    scale = spacing or (1.0, 1.0)
    if not pred.any() or not truth.any():
        return math.hypot(pred.shape[0] * scale[0], pred.shape[1] * scale[1])
    if np.array_equal(pred, truth):
        return 0.0
    import torch
    from monai.metrics import compute_hausdorff_distance

    # a border of background: MONAI finds edges by erosion and would miss the rim of a mask that fills the image
    a, b = (torch.from_numpy(np.pad(m, 1)[None, None].astype(np.float32)) for m in (pred, truth))
    distance = compute_hausdorff_distance(a, b, include_background=True, percentile=95, spacing=list(scale))
    return float(distance[0, 0])

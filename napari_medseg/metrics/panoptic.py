"""How well objects were found, one by one."""

from __future__ import annotations

import numpy as np


def panoptic_quality(pred: np.ndarray, truth: np.ndarray) -> float:
    """Panoptic quality of two numbered masks: mean IoU of the pairs that match, times F1 of matching (IoU above 0.5).

    Kirillov et al., CVPR 2019, equation 1; computed by MONAI.

    Parameters
    ----------
    pred, truth : np.ndarray
        (Y, X), integer: one number an object, 0 the background.

    Returns
    -------
    float
        In [0, 1]; 1 for two empty masks.
    """
    import torch
    from monai.metrics import compute_panoptic_quality

    if not pred.any() or not truth.any():
        return float(not pred.any() and not truth.any())
    # padded: without a background pixel, the first object would be taken for it
    numbered = [
        torch.from_numpy(np.unique(np.pad(array, 1), return_inverse=True)[1].reshape(np.add(array.shape, 2)))
        for array in (pred, truth)
    ]
    return float(compute_panoptic_quality(*numbered, metric_name="pq", remap=True))

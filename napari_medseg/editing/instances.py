"""One number for each object: from a mask, and a probability or edge map where there is one."""

from __future__ import annotations

import numpy as np
from skimage.segmentation import watershed

from napari_medseg.editing.operations import object_depth, object_seeds


def instances(
    mask: np.ndarray,
    *,
    probability: np.ndarray | None = None,
    strength: np.ndarray | None = None,
    apart: int = 5,
    least: int = 10,
) -> np.ndarray:
    """Number the objects of a mask; touching ones are parted by watershed.

    Parameters
    ----------
    mask : np.ndarray
        (Y, X) or (Z, Y, X), bool.
    probability : np.ndarray, optional
        As ``mask``, float in [0, 1]: of the foreground; low between objects.
    strength : np.ndarray, optional
        As ``mask``, float in [0, 1]: edges.
    apart : int
        Least distance of two objects' centres, px.
    least : int
        Objects of fewer pixels are left out.

    Returns
    -------
    np.ndarray
        int32, 0 is the background; numbers run from 1 without gaps.
    """
    depth = object_depth(mask, strength)
    if probability is not None:
        depth = depth * probability
    parts = watershed(-depth, object_seeds(mask, depth, apart=apart), mask=mask)
    sizes = np.bincount(parts.ravel())
    kept = np.flatnonzero((sizes >= least) & (np.arange(len(sizes)) > 0))
    numbers = np.zeros(len(sizes), np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[parts]

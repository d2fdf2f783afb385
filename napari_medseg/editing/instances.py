"""One number for each object of a mask."""

from __future__ import annotations

import numpy as np

from napari_medseg.editing.operations import object_depth, object_seeds


def instances(mask: np.ndarray, *, least: int = 10) -> np.ndarray:
    """Number the objects of a mask; touching ones are parted by watershed on their distance from the rim.

    Probability and edge map are left out on purpose: with them, nuclei are told apart less well
    (``benchmarks/instances.py``).

    Parameters
    ----------
    mask : np.ndarray
        (Y, X) or (Z, Y, X), bool.
    least : int
        Objects of fewer pixels are left out.

    Returns
    -------
    np.ndarray
        int32, 0 is the background; numbers run from 1 without gaps.
    """
    from skimage.segmentation import watershed

    depth = object_depth(mask)
    parts = watershed(-depth, object_seeds(mask, depth), mask=mask)
    sizes = np.bincount(parts.ravel())
    kept = np.flatnonzero((sizes >= least) & (np.arange(len(sizes)) > 0))
    numbers = np.zeros(len(sizes), np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[parts]


def number_objects(labels: np.ndarray) -> np.ndarray:
    """Number the objects of all labels, one label after the other; an object has one label.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), integer.

    Returns
    -------
    np.ndarray
        int32.
    """
    numbered = np.zeros(labels.shape, np.int32)
    for label in np.unique(labels[labels > 0]):
        found = instances(labels == label)
        numbered[found > 0] = found[found > 0] + numbered.max()
    return numbered

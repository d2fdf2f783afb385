"""Pictures of masks for people who would rather look than read."""

from __future__ import annotations

import numpy as np

from napari_medseg.app.review import Comparison
from napari_medseg.inference.normalize import to_rgb01

TRUTH, GUESS = (64, 200, 90), (255, 170, 0)


def draw_contours(image: np.ndarray, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """An image with the borders of two masks: the person's in green, the network's in orange.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4).
    truth, guess : np.ndarray
        (Y, X), integer.

    Returns
    -------
    np.ndarray
        (Y, X, 3), uint8.
    """
    from skimage.segmentation import find_boundaries

    picture = np.round(to_rgb01(image) * 255).astype(np.uint8)
    picture[find_boundaries(truth > 0, mode="inner")] = TRUTH
    picture[find_boundaries(guess > 0, mode="inner")] = GUESS
    return picture


def before_and_after(row: Comparison, *, side: int = 146) -> np.ndarray:
    """Two pictures side by side, the longer side ``side`` px each: before retraining, after it.

    Returns
    -------
    np.ndarray
        (Y, X, 3), uint8, contiguous.
    """
    from skimage.transform import resize

    height, width = row.truth.shape
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    parts = [
        resize(draw_contours(row.image, row.truth, guess), size, order=1, preserve_range=True, anti_aliasing=True)
        for guess in (row.before, row.after)
    ]
    gap = np.full((size[0], 6, 3), 255)
    return np.ascontiguousarray(np.concatenate([parts[0], gap, parts[1]], axis=1).astype(np.uint8))

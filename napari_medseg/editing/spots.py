"""Error spotlights: where a mask is most likely wrong, worst first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import find_boundaries, watershed

# doubt from here on, after it was blurred: every rim is doubtful for a pixel or two, and that is no error
THRESHOLD = 0.35
BLUR = 2.0
# spots' points lie so far apart, px
APART = 15
# an edge counts for a contour that runs so near, px
REACH = 5
WEAK_EDGE = 0.2


@dataclass(frozen=True, slots=True)
class Spot:
    """A doubtful region.

    Attributes
    ----------
    point : tuple of int
        Its most doubtful pixel, (y, x) or (z, y, x).
    pixels : int
        How large it is.
    score : float
        Doubt over all its pixels together.
    """

    point: tuple[int, ...]
    pixels: int
    score: float


def doubt_map(
    probability: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    disagreement: np.ndarray | None = None,
    edges: np.ndarray | None = None,
    touched: np.ndarray | None = None,
) -> np.ndarray:
    """How likely each pixel is wrong, as far as networks, mirrored copies and edge map tell; in [0, 1].

    Parameters
    ----------
    probability : np.ndarray
        (Y, X) or (Z, Y, X), float in [0, 1]: of the foreground. One half is doubt 1.
    labels : np.ndarray, optional
        What is shown: where it says otherwise than a sure network, that is doubt too.
    disagreement : np.ndarray, optional
        Standard deviation over several opinions, in [0, 0.5].
    edges : np.ndarray, optional
        In [0, 1]: a rim of the labels with no edge near is doubtful.
    touched : np.ndarray, optional
        Bool: a person looked here, no doubt is left.

    Returns
    -------
    np.ndarray
        float32.
    """
    doubt = 1 - np.abs(2 * np.asarray(probability, np.float32) - 1)
    if labels is not None:
        shown = labels > 0
        doubt = np.maximum(doubt, np.where(shown, 1 - probability, probability))
    if disagreement is not None:
        doubt = np.maximum(doubt, np.clip(2 * disagreement, 0, 1))
    if edges is not None and labels is not None and edges.max(initial=0) > WEAK_EDGE:
        near = ndimage.maximum_filter(edges, 2 * REACH + 1)
        astray = find_boundaries(labels > 0, mode="inner") & (near < WEAK_EDGE)
        # as wide as a spot must be to be seen
        doubt = np.where(ndimage.binary_dilation(astray, iterations=3), np.maximum(doubt, 0.8), doubt)
    if touched is not None:
        doubt = np.where(touched, 0, doubt)
    return doubt.astype(np.float32)


def find_spots(doubt: np.ndarray, *, most: int = 20) -> list[Spot]:
    """Doubtful regions, worst first.

    Parameters
    ----------
    doubt : np.ndarray
        (Y, X) or (Z, Y, X), float in [0, 1].
    most : int
        At most so many.

    Returns
    -------
    list of Spot
    """
    # slices may lie far apart: blurred within each
    blurred = ndimage.gaussian_filter(doubt, (0,) * (doubt.ndim - 2) + (BLUR, BLUR))
    mask = blurred >= THRESHOLD
    if not mask.any():
        return []
    tops = peak_local_max(blurred, min_distance=APART, labels=mask.astype(np.int32), exclude_border=False)
    seeds = np.zeros(doubt.shape, np.int32)
    seeds[tuple(tops.T)] = np.arange(1, len(tops) + 1)
    parts = watershed(-blurred, seeds, mask=mask)
    pixels = np.bincount(parts.ravel(), minlength=len(tops) + 1)
    scores = np.bincount(parts.ravel(), weights=doubt.ravel(), minlength=len(tops) + 1)
    spots = [Spot(tuple(int(v) for v in top), int(pixels[n]), float(scores[n])) for n, top in enumerate(tops, start=1)]
    return sorted(spots, key=lambda spot: -spot.score)[:most]

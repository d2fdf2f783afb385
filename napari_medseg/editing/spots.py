"""Error spotlights: where a mask is most likely wrong, worst first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# chance of being wrong from here on, blurred a little: every rim is doubtful for a pixel or two, and that is no error
THRESHOLD = 0.3
BLUR = 1.0
# spots' points lie so far apart within a slice, px; more slices apart they are separate places
APART = 15
APART_SLICES = 2
# an edge counts for a contour that runs so near, px
REACH = 5
WEAK_EDGE = 0.2
# what a rim with no edge near counts for
ASTRAY = 0.5


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
    labels: np.ndarray,
    edges: np.ndarray | None = None,
    touched: np.ndarray | None = None,
) -> np.ndarray:
    """How likely each pixel is wrong, as far as networks, mirrored copies and edge map tell; in [0, 1].

    Summed over a region it is the number of pixels that are probably wrong there. Other measures (nearness of the
    probability to one half, spread of the mirrored copies) point less well (``benchmarks/spotlights.py``).

    Parameters
    ----------
    probability : np.ndarray
        (Y, X) or (Z, Y, X), float in [0, 1]: of the foreground, the mean of all opinions.
    labels : np.ndarray
        What is shown.
    edges : np.ndarray, optional
        In [0, 1]: a rim of the labels with no edge near is doubtful.
    touched : np.ndarray, optional
        Bool: a person looked here, no doubt is left.

    Returns
    -------
    np.ndarray
        float32.
    """
    from scipy import ndimage
    from skimage.segmentation import find_boundaries

    shown = labels > 0
    doubt = np.where(shown, 1 - probability, probability)
    if edges is not None and edges.max(initial=0) > WEAK_EDGE:
        near = ndimage.maximum_filter(edges, 2 * REACH + 1)
        astray = find_boundaries(shown, mode="inner") & (near < WEAK_EDGE)
        # as wide as a spot must be to be seen
        doubt = np.where(ndimage.binary_dilation(astray, iterations=2), np.maximum(doubt, ASTRAY), doubt)
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
    from scipy import ndimage
    from skimage.segmentation import watershed

    # slices may lie far apart: blurred within each
    blurred = ndimage.gaussian_filter(doubt, (0,) * (doubt.ndim - 2) + (BLUR, BLUR))
    mask = blurred >= THRESHOLD
    if not mask.any():
        return []
    tops = _tops(blurred, mask)
    seeds = np.zeros(doubt.shape, np.int32)
    seeds[tuple(tops.T)] = np.arange(1, len(tops) + 1)
    parts = watershed(-blurred, seeds, mask=mask)
    pixels = np.bincount(parts.ravel(), minlength=len(tops) + 1)
    scores = np.bincount(parts.ravel(), weights=doubt.ravel(), minlength=len(tops) + 1)
    spots = [Spot(tuple(int(v) for v in top), int(pixels[n]), float(scores[n])) for n, top in enumerate(tops, start=1)]
    return sorted(spots, key=lambda spot: -spot.score)[:most]


def after_seen(spots: list[Spot], seen: list[Spot], *, stays: Spot | None = None) -> list[Spot]:
    """Spots of a better opinion, for someone who goes through those of the one before.

    Parameters
    ----------
    spots : list of Spot
        Of the better opinion, worst first.
    seen : list of Spot
        Of the one before: those that were looked at, in that order. They come first and keep their points, where the
        better opinion finds anything near them.
    stays : Spot, optional
        That of ``seen`` that is looked at now: it stays whatever the better opinion says.
    """
    left, kept = list(spots), []
    for old in seen:
        near = [new for new in left if _near(new, old)]
        left = [new for new in left if new not in near]
        if near:
            kept.append(Spot(old.point, max(new.pixels for new in near), max(new.score for new in near)))
        elif old == stays:
            kept.append(old)
    return kept + left


def _near(one: Spot, other: Spot) -> bool:
    """Whether two spots' points are nearer than those of two spots of one opinion ever are."""
    away = np.abs(np.subtract(one.point, other.point))
    return bool((away[-2:] <= APART).all() and (away[:-2] <= APART_SLICES).all())


def _tops(blurred: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Indices (N, ndim) of the most doubtful pixels: those of each slice, less those that are next to a worse one."""
    from skimage.feature import peak_local_max

    if blurred.ndim == 2:
        return peak_local_max(blurred, min_distance=APART, labels=mask.astype(np.int32), exclude_border=False)
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    tops = np.concatenate([np.insert(_tops(blurred[z], mask[z]), 0, z, axis=1) for z in slices])
    kept: list[np.ndarray] = []
    for top in tops[np.argsort(-blurred[tuple(tops.T)], kind="stable")]:
        apart = np.abs(np.array(kept).reshape(-1, 3) - top) > (APART_SLICES, APART, APART)
        if apart.any(axis=1).all():
            kept.append(top)
    return np.array(kept)

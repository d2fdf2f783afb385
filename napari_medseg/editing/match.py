"""What a slice's neighbour says of it: its labels, moved to where the image looks alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# patches of 3 x 3 px; two are alike where their mean squared difference is far below this, of greys in [0, 1]
PATCH, ALIKE = 3, 0.01
# a slice's distances are cut here, px: what is deep inside is inside
REACH = 4.0
# how far a patch is looked for beside the next slice, px, and how much farther with each further slice
NEAR, FARTHER, FARTHEST = 3.0, 0.5, 6


@dataclass(frozen=True, slots=True)
class Known:
    """A slice whose labels are known.

    Attributes
    ----------
    grey : np.ndarray
        (Y, X), float32, in [0, 1].
    depths : np.ndarray
        (K, Y, X), float32: of each class, the distance from its rim, px; negative outside.
    away : int
        Slices from there to the one that is asked about.
    """

    grey: np.ndarray
    depths: np.ndarray
    away: int


def depth_of(mask: np.ndarray) -> np.ndarray:
    """(Y, X) float32: distance from the rim of a mask, px; negative outside, and far so where it is empty."""
    from scipy import ndimage

    if not mask.any():
        return np.full(mask.shape, -float(max(mask.shape)), np.float32)
    if mask.all():
        return np.full(mask.shape, float(max(mask.shape)), np.float32)
    inside = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    return np.asarray(inside, np.float32)


def matched(grey: np.ndarray, known: Sequence[Known]) -> tuple[np.ndarray, np.ndarray]:
    """Depths of a slice from those of others: the mean of what lies where patches look alike.

    Every pixel is compared with those near it in the known slices; the more alike the patches around the two, and the
    nearer they lie, the more the other's depth counts (patch-based label fusion; Coupé et al. 2011).

    Parameters
    ----------
    grey : np.ndarray
        (Y, X), float32, in [0, 1]: the slice that is asked about.
    known : sequence of Known
        At least one.

    Returns
    -------
    depths : np.ndarray
        (K, Y, X), float32, within :data:`REACH`.
    unlike : np.ndarray
        (Y, X), float32: mean squared difference to the patch that is most alike.
    """
    from scipy import ndimage

    rows, columns = grey.shape
    least = np.full((rows, columns), np.inf, np.float32)
    total = np.zeros((len(known[0].depths), rows, columns), np.float32)
    weights = np.full((rows, columns), 1e-12, np.float32)
    nearest = min(one.away for one in known)
    radius = min(FARTHEST, round(NEAR * (1 + FARTHER * (nearest - 1))))
    for one in known:
        other = np.pad(one.grey, radius, mode="edge")
        depths = np.pad(np.clip(one.depths, -REACH, REACH), ((0, 0), (radius, radius), (radius, radius)), mode="edge")
        spread = 2.0 * (1 + FARTHER * (min(one.away, 6) - 1))
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                if dy * dy + dx * dx > radius * radius + 1:
                    continue
                down, across = slice(radius + dy, radius + dy + rows), slice(radius + dx, radius + dx + columns)
                unlike = ndimage.uniform_filter(np.square(grey - other[down, across]), PATCH, mode="nearest")
                np.minimum(least, unlike, out=least)
                weight = np.exp(-unlike / ALIKE - (dy * dy + dx * dx) / (2 * spread * spread)) / one.away
                total += weight * depths[:, down, across]
                weights += weight
    return total / weights, least

"""Does a mask lie on its image? Held against a network's mask: as it is, turned inside out, and moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft
from skimage.measure import block_reduce

from napari_medseg.metrics.overlap import dice

# masks are compared at no more than so many pixels a side
SIDE = 128
# a move of less than this share of the side is a matter of taste
LEAST_MOVE = 0.05
# a network knows a kind of image where masks fit it better in their own place than in any other, by so much (median)
KNOWN = 0.04
# there a mask stands out that fits better elsewhere, and by so much more than the others; benchmarks/gate.py
BETTER, MORE = 0.02, 0.2


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mask fits a prediction; Dice in [0, 1].

    Attributes
    ----------
    dice : float
        As it is.
    inverted : float
        Of its inverse.
    moved : float
        At the best place that is not near its own.
    move : tuple of int
        (y, x), px: to there from where it is.
    """

    dice: float
    inverted: float
    moved: float
    move: tuple[int, int]

    @property
    def looks_inverted(self) -> bool:
        """Whether its inverse fits, and it does not."""
        return self.inverted > 0.5 and self.inverted - self.dice > 0.4

    @property
    def looks_moved(self) -> bool:
        """Whether it fits much better elsewhere."""
        return self.moved > 0.45 and self.moved - self.dice > 0.15


def outliers(fits: Sequence[Fit]) -> list[int]:
    """Which masks lie on their images less well than the others of their kind: indices.

    A weak network that knows where things are says of sound masks that they fit best in their own place, though they
    do not fit well; of a spoilt one it says that it would fit better elsewhere.

    Parameters
    ----------
    fits : sequence of Fit
        Of masks of one kind of image against one network. Of fewer than three nothing is said.
    """
    elsewhere = np.array([found.moved - found.dice for found in fits])
    usual = float(np.median(elsewhere)) if len(fits) >= 3 else 0.0
    if usual > -KNOWN:
        return []
    return np.flatnonzero((elsewhere > BETTER) & (elsewhere > usual + MORE)).tolist()


def fit(mask: np.ndarray, prediction: np.ndarray) -> Fit:
    """Compare a mask with a prediction.

    Parameters
    ----------
    mask, prediction : np.ndarray
        (Y, X), bool.
    """
    step = max(1, -(-max(mask.shape) // SIDE))
    small = [block_reduce(array.astype(np.float32), (step, step), np.mean) >= 0.5 for array in (mask, prediction)]
    given, found = small
    area = int(given.sum() + found.sum())
    move, moved = (0, 0), 0.0
    if given.any() and found.any():
        # overlap at every move at once; padded, so that nothing comes in again at the other side
        size = [fft.next_fast_len(2 * n) for n in given.shape]
        spectrum = fft.rfft2(found.astype(np.float32), size) * np.conj(fft.rfft2(given.astype(np.float32), size))
        shared = np.round(fft.irfft2(spectrum, size))
        ys, xs = (np.where(np.arange(n) > n // 2, np.arange(n) - n, np.arange(n)) for n in size)
        far = np.hypot(ys[:, None], xs[None]) >= LEAST_MOVE * min(given.shape)
        best = np.unravel_index(np.where(far, shared, -1).argmax(), shared.shape)
        move = (int(ys[best[0]]) * step, int(xs[best[1]]) * step)
        moved = float(2 * shared[best] / area)
    return Fit(dice(given, found), dice(~given, found), moved, move)

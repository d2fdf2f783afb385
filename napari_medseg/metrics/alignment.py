"""Does a mask lie on its image? Held against a network's mask: as it is, turned inside out, and moved; and against the
image, by the contrast at its rim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.metrics.overlap import dice

# masks are compared at no more than so many pixels a side
SIDE = 128
# a move of less than this share of the side is a matter of taste, or of a network that is a little off
LEAST_MOVE = 0.1
# a network knows a kind of image where masks fit it better in their own place than in any other, by so much (median)
KNOWN = 0.04
# there a mask stands out that fits as well elsewhere, and by so much better than the others; benchmarks/gate.py
BETTER, MORE = 0.0, 0.2
# the rim's contrast is measured on so many pixels a side, so many to each side of the rim
RIM_SIDE, RIM_WIDTH = 256, 4
# a rim with less than this share of the usual contrast is none of the usual kind; one with so much more of it is better
USUAL, FITS_BETTER = 0.5, 0.3


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a mask fits a prediction; Dice in [0, 1].

    Attributes
    ----------
    dice : float
        As it is.
    inverted : float
        Of its inverse, or of it with the prediction's inverse, whichever is less: the inverse of what is small is
        nearly the whole image, and fits whatever a network found too much of.
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


def rim_contrast(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How a mask's inside differs from its outside, near its rim: (3,), in standard deviations of each channel.

    Parameters
    ----------
    image : np.ndarray
        (Y, X) or (Y, X, C), real.
    mask : np.ndarray
        (Y, X), bool. Empty or full, it has no contrast.
    """
    from scipy import ndimage
    from skimage.measure import block_reduce

    step = max(1, -(-max(mask.shape) // RIM_SIDE))
    plain = np.nan_to_num(image.astype(np.float32))
    channels = (
        plain[..., :3] if plain.ndim == 3 and plain.shape[-1] >= 3 else plain.reshape(*mask.shape, -1)[..., [0] * 3]
    )
    small = block_reduce(channels, (step, step, 1), np.mean)
    given = block_reduce(mask.astype(np.float32), (step, step), np.mean) >= 0.5
    if given.all() or not given.any():
        return np.zeros(3)
    inside, outside = ndimage.distance_transform_edt(given), ndimage.distance_transform_edt(~given)
    means = [small[(away > 0) & (away <= RIM_WIDTH)].mean(axis=0) for away in (inside, outside)]
    return np.asarray((means[0] - means[1]) / np.maximum(small.std(axis=(0, 1)), 1e-6), float)


def rim_likeness(contrast: np.ndarray, contrasts: Sequence[np.ndarray]) -> float | None:
    """How much of the usual contrast a mask has at its rim: 1 as usual, 0 none, -1 the opposite.

    A mask that was turned inside out has the opposite contrast, one that was moved has none.

    Parameters
    ----------
    contrast : np.ndarray
        Of :func:`rim_contrast`.
    contrasts : sequence of np.ndarray
        Of all masks of the kind. Of fewer than three nobody knows what is usual: None.
    """
    if len(contrasts) < 3:
        return None
    usual = np.median(np.stack(contrasts), axis=0)
    return float(contrast @ usual) / max(float(usual @ usual), 1e-12)


def moved(mask: np.ndarray, move: tuple[int, int]) -> np.ndarray:
    """A mask (Y, X), bool, moved by (y, x) px; what leaves the picture is lost."""
    from scipy import ndimage

    return np.asarray(ndimage.shift(mask.astype(np.uint8), move, order=0) > 0)


def fit(mask: np.ndarray, prediction: np.ndarray) -> Fit:
    """Compare a mask with a prediction.

    Parameters
    ----------
    mask, prediction : np.ndarray
        (Y, X), bool.
    """
    from scipy import fft
    from skimage.measure import block_reduce

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
    return Fit(dice(given, found), min(dice(~given, found), dice(given, ~found)), moved, move)

"""Pictures of masks for people who would rather look than read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_medseg.app.review import Comparison
from napari_medseg.inference.normalize import to_rgb01

# told apart with any kind of colour vision: Okabe and Ito 2008, Color Universal Design
GAINED, LOST, NETWORK, TRUTH = (86, 180, 233), (213, 94, 0), (204, 121, 167), (255, 255, 255)
# so much of the image is seen through what was gained or lost
_SEEN = 0.35
# below this a line of one pixel is wide enough, px
_THIN = 300


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
    picture[find_boundaries(truth > 0, mode="inner")] = (64, 200, 90)
    picture[find_boundaries(guess > 0, mode="inner")] = (255, 170, 0)
    return picture


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """An old and a new mask over an image, to be looked at side by side in one picture.

    Parameters
    ----------
    base : np.ndarray
        (Y, X, 3) uint8: the image, what only one of the networks draws, and the rim of the person's mask.
    before, after : np.ndarray
        (Y, X) bool: rims of the networks' masks.
    """

    base: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def at(self, share: float) -> np.ndarray:
        """The picture (Y, X, 3) uint8: in the right share the new network's rim, in the rest the old one's."""
        picture = self.base.copy()
        width = picture.shape[1]
        column = round((1 - min(1.0, max(0.0, share))) * width)
        for rim, part in ((self.before, np.s_[:, :column]), (self.after, np.s_[:, column:])):
            picture[part][rim[part]] = NETWORK
        if 0 < column < width:
            # where the one ends and the other begins
            picture[:, column] = 255 - picture[:, column] // 4
        return picture


def compared(row: Comparison, *, side: int = 720) -> Compared:
    """A held-out case before and after a round.

    Parameters
    ----------
    row : Comparison
    side : int
        Of the picture, the longer one, px.
    """
    from skimage.transform import resize

    height, width = row.truth.shape
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    image = resize(to_rgb01(row.image), size, order=1, anti_aliasing=scale < 1)
    truth, before, after = (
        resize(mask, size, order=0, preserve_range=True, anti_aliasing=False).astype(mask.dtype)
        for mask in (row.truth, row.before, row.after)
    )
    base = np.round(np.clip(image, 0, 1) * 255)
    for part, colour in zip(gained_and_lost(before, after), (GAINED, LOST), strict=True):
        base[part] = _SEEN * base[part] + (1 - _SEEN) * np.array(colour)
    base[_rim(truth)] = TRUTH
    return Compared(base=base.astype(np.uint8), before=_rim(before), after=_rim(after))


def gained_and_lost(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What only the new one of two masks (Y, X) draws, and what only the old one does: bool; another label is both."""
    different = before != after
    return different & (after > 0), different & (before > 0) & (after == 0)


def _rim(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_dilation
    from skimage.segmentation import find_boundaries

    rim = np.asarray(find_boundaries(mask, mode="inner"), bool)
    return rim if max(mask.shape) < _THIN else np.asarray(binary_dilation(rim), bool)

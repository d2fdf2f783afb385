"""Which frames of a slide hold something to look at: by its small level alone, so before any network is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.app.greys import greys_of, shown, small_level
from napari_medseg.app.slide_plan import WORTH
from napari_medseg.app.slide_windows import windows_of
from napari_medseg.inference.tissue import empty_under
from napari_medseg.io.large import Large
from napari_medseg.project import Box

# a frame is looked at in so many parts a side
PARTS = 3


def frames_of_slide(slide: Large) -> tuple[list[Box], bool]:
    """Frames of a slide that are worth looking at, row by row, and whether that is known; reads its small level.

    Where it is not, as the slide has no small level, all frames.

    Raises
    ------
    ImageReadError
        If the slide cannot be read.
    """
    shape, level = (slide.shape[-2], slide.shape[-1]), small_level(slide)
    if slide.volume or level is None:
        return windows_of(shape), False
    data = slide.read((0, 0, *slide.levels[level].shape), level)
    return frames_with_tissue(shown(data, greys_of(slide, data)), shape), True


def frames_with_tissue(picture: np.ndarray, shape: Sequence[int], side: int | None = None) -> list[Box]:
    """Frames that hold as much tissue as is worth looking at; where none does, those that hold any; else all.

    Parameters
    ----------
    picture : np.ndarray
        The whole slide, small, (Y, X) or (Y, X, 3), float32 in [0, 1].
    shape : (int, int)
        Of the slide, px.
    side : int, optional
        Of a frame, px.
    """
    candidates = windows_of(shape, side)
    shares = [_share(picture, shape, box) for box in candidates]
    worth = [box for box, share in zip(candidates, shares, strict=True) if share >= WORTH]
    return worth or [box for box, share in zip(candidates, shares, strict=True) if share] or candidates


def _share(picture: np.ndarray, shape: Sequence[int], box: Box) -> float:
    """Of a frame, the share of its parts that are not background."""
    down = [n / whole for n, whole in zip(picture.shape[:2], shape, strict=True)]
    rows, columns = (np.linspace(box[axis], box[axis + 2], PARTS + 1) * down[axis] for axis in (0, 1))
    found = sum(
        not empty_under(picture, (rows[y], columns[x], rows[y + 1], columns[x + 1]))
        for y in range(PARTS)
        for x in range(PARTS)
    )
    return found / PARTS**2

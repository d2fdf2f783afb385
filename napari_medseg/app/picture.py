"""Which picture an array is: layers are the user's, and may show another one at any time."""

from __future__ import annotations

import zlib

import numpy as np

from napari_medseg.words import tr

Picture = tuple[tuple[int, ...], str, int]


def picture_of(data: np.ndarray) -> Picture:
    """What two arrays share only if they hold the same pixels; not for the thread that draws, it reads all of them."""
    return data.shape, data.dtype.str, zlib.crc32(np.ascontiguousarray(data).data)


def other_picture(known: Picture | None, data: np.ndarray | None, name: str) -> str | None:
    """Why a mask is not of what its image shows now; None where it is. Not for the thread that draws."""
    if known is None or data is None or picture_of(data) == known:
        return None
    return tr(
        "'{name}' shows other pixels than when its mask was begun; expected the same. Propose again for these.",
        name=name,
    )

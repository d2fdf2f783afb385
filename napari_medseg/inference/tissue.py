"""Where on a slide there is something: glass, and what was not scanned, is of one colour that is a grey."""

from __future__ import annotations

import numpy as np

# a part of a slide is empty where the greys that it holds, without the outermost thousandths, span less than this, and
# its pixels have less colour than that, all in [0, 1]. Dust counts as tissue: to look costs a tile, to miss costs more
SPAN, COLOUR = 0.06, 0.08
_OUTERMOST = (0.1, 99.9)


def is_empty(part: np.ndarray) -> bool:
    """Whether a part of a slide is background.

    Parameters
    ----------
    part : np.ndarray
        (Y, X) or (Y, X, 3), float32 in [0, 1].
    """
    if part.size == 0:
        return True
    flat = part.reshape(-1, part.shape[-1] if part.ndim == 3 else 1)
    low, high = np.percentile(flat.mean(axis=1), _OUTERMOST)
    if high - low >= SPAN:
        return False
    if flat.shape[1] == 1:
        return True
    return bool(np.percentile(flat.max(axis=1) - flat.min(axis=1), _OUTERMOST[1]) < COLOUR)


def empty_under(picture: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """Whether what a small picture of a slide shows in a box (y0, x0, y1, x1; px of it) is background; at its rim the
    pixels that the box only touches count too.
    """
    y0, x0 = (max(0, int(np.floor(low))) for low in box[:2])
    y1, x1 = (int(np.ceil(high)) for high in box[2:])
    return is_empty(picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)])

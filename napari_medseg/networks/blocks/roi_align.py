"""Maps cut out along boxes.

He et al.: Mask R-CNN. ICCV 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SAMPLES = 2
TAPS = 2 * SAMPLES  # places along an axis that a cell is read from


def roi_align(features: Tensor, boxes: Tensor, size: int, *, scale: float) -> Tensor:
    """Read a regular grid inside each box, two by two points in each cell, and take their mean.

    The form that is called not aligned: a box's coordinates times ``scale`` are positions in the map as they are, and
    a box covers at least one place of it. A cell is the weighed sum of sixteen places, all channels of a place at once:
    one gathering call for all boxes of a map. Boxes get no gradient.

    Parameters
    ----------
    features : Tensor
        (C, H, W), float, of one image; quickest where a place's channels lie together (channels last).
    boxes : Tensor
        (N, 4), x0, y0, x1, y1, px of the image.
    size : int
        Cells along a side.
    scale : float
        Places of the map for a pixel of the image.

    Returns
    -------
    Tensor
        (N, C, size, size), channels last.
    """
    c, h, w = features.shape
    n = len(boxes)
    if not n:
        return features.new_zeros((0, c, size, size))
    scaled = boxes.detach().float() * scale
    low = scaled[:, :2]
    sides = (scaled[:, 2:] - low).clamp(min=1)
    columns, across = _taps(low[:, 0], sides[:, 0], size, w)
    rows, down = _taps(low[:, 1], sides[:, 1], size, h)
    places = rows[:, :, None, :, None] * w + columns[:, None, :, None, :]  # (N, size, size, TAPS, TAPS)
    weights = down[:, :, None, :, None] * across[:, None, :, None, :]
    # in single precision throughout, as sampling is under autocast
    table = features.permute(1, 2, 0).reshape(h * w, c).float()
    cells = F.embedding_bag(
        places.reshape(-1, TAPS * TAPS), table, mode="sum", per_sample_weights=weights.reshape(-1, TAPS * TAPS)
    )
    return cells.to(features.dtype).reshape(n, size, size, c).permute(0, 3, 1, 2)


def _taps(low: Tensor, sides: Tensor, size: int, places: int) -> tuple[Tensor, Tensor]:
    """Along one axis, which places each cell is read from and how much each counts: (N, size, TAPS), int32 and float.

    More than one place outside the map reads as zero; up to there, as the border.
    """
    steps = (torch.arange(size * SAMPLES, device=low.device, dtype=low.dtype) + 0.5) / (size * SAMPLES)
    at = low[:, None] + sides[:, None] * steps
    inside = ((at >= -1) & (at <= places)).to(at.dtype) / SAMPLES
    at = at.clamp(0, places - 1)
    before = at.floor()
    share = (at - before) * inside
    after = (before + 1).clamp(max=places - 1)
    at_two = torch.stack((before, after), dim=-1).to(torch.int32)
    weights = torch.stack((inside - share, share), dim=-1)
    return at_two.reshape(len(low), size, TAPS), weights.reshape(len(low), size, TAPS)

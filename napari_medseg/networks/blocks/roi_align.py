"""Maps cut out along boxes.

He et al.: Mask R-CNN. ICCV 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SAMPLES = 2


def roi_align(features: Tensor, boxes: Tensor, size: int, *, scale: float) -> Tensor:
    """Read a regular grid inside each box, two by two points in each cell, and take their mean.

    The form that is called not aligned: a box's coordinates times ``scale`` are positions in the map as they are, and
    a box covers at least one place of it. All boxes of a map are read by one call.

    Parameters
    ----------
    features : Tensor
        (C, H, W), float, of one image.
    boxes : Tensor
        (N, 4), x0, y0, x1, y1, px of the image.
    size : int
        Cells along a side.
    scale : float
        Places of the map for a pixel of the image.

    Returns
    -------
    Tensor
        (N, C, size, size).
    """
    c, h, w = features.shape
    if not len(boxes):
        return features.new_zeros((0, c, size, size))
    scaled = boxes * scale
    low = scaled[:, :2]
    sides = (scaled[:, 2:] - low).clamp(min=1)
    steps = (torch.arange(size * SAMPLES, device=boxes.device, dtype=boxes.dtype) + 0.5) / (size * SAMPLES)
    x = low[:, :1] + sides[:, :1] * steps  # (N, size * SAMPLES)
    y = low[:, 1:] + sides[:, 1:] * steps
    # more than one place outside the map reads as zero; up to there, as the border
    inside = ((y >= -1) & (y <= h))[:, :, None] & ((x >= -1) & (x <= w))[:, None, :]
    grid = torch.stack(
        (
            (2 * x / max(w - 1, 1) - 1)[:, None, :].expand(-1, y.shape[1], -1),
            (2 * y / max(h - 1, 1) - 1)[:, :, None].expand(-1, -1, x.shape[1]),
        ),
        dim=-1,
    )
    n, rows, columns, _ = grid.shape
    # the boxes one below the other: one map, one call
    read = F.grid_sample(
        features[None],
        grid.reshape(1, n * rows, columns, 2).to(features.dtype),
        padding_mode="border",
        align_corners=True,
    )
    # under autocast sampling widens to single precision
    read = read.to(features.dtype).reshape(c, n, rows, columns).transpose(0, 1) * inside[:, None].to(features.dtype)
    return F.avg_pool2d(read, SAMPLES)

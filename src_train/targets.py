"""What networks learn from: channels of classes, and for a detector the boxes around the parts of masks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_medseg.networks.blocks.boxes import ROOM

LEAST = 4  # px
# stands for what does not count, in a map of channels
VOID = 255


def boxes_of(mask: Tensor) -> Tensor:
    """Boxes around the parts of a mask, grown a little; parts of fewer than four pixels are left out.

    Parameters
    ----------
    mask : Tensor
        (1, H, W), integer class index.

    Returns
    -------
    Tensor
        (N, 4), float, x0, y0, x1, y1, px. Parts touch over corners too.
    """
    from scipy.ndimage import find_objects, label

    parts, _ = label(mask[0].cpu().numpy() > 0, structure=np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    height, width = parts.shape
    found = [
        (max(x.start - ROOM, 0), max(y.start - ROOM, 0), min(x.stop + ROOM, width), min(y.stop + ROOM, height))
        for number, (y, x) in enumerate(find_objects(parts), start=1)
        if sizes[number] >= LEAST
    ]
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 4)

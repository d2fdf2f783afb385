"""Boxes carried between the image's grid and the network's.

Above networks a box is (y0, x0, y1, x1), half-open, px; inside them x0, y0, x1, y1. This file is where they turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_medseg.inference.geometry import Geometry
from napari_medseg.networks.blocks.boxes import ROOM, clip_boxes


def to_network(boxes: np.ndarray, geometry: Geometry) -> Tensor:
    """Boxes (N, 4: y0, x0, y1, x1) of the image as (N, 4: x0, y0, x1, y1) of the network's input, float32.

    A person draws them close; the network gets them with the room around a lesion that it learned with.
    """
    ratio = np.array(geometry.network, float) / np.array(geometry.original, float)
    scaled = boxes.reshape(-1, 4) * np.tile(ratio, 2)
    close = torch.from_numpy(np.ascontiguousarray(scaled[:, [1, 0, 3, 2]])).float()
    size = (geometry.network[0], geometry.network[1])
    return clip_boxes(close + close.new_tensor([-ROOM, -ROOM, ROOM, ROOM]), size)


def from_network(boxes: Tensor, geometry: Geometry) -> np.ndarray:
    """The inverse of :func:`to_network`, for what does not come near the border: (N, 4: y0, x0, y1, x1), float32, px of
    the image.
    """
    size = np.array(geometry.network, float)
    found = boxes.float().cpu().numpy()[:, [1, 0, 3, 2]]
    low, high = found[:, :2], found[:, 2:]
    # a side at the border stays there, and something is left of the smallest
    room = np.clip((high - low - 1) / 2, 0, ROOM)
    close = np.hstack((np.where(low > 0, low + room, 0), np.where(high < size, high - room, size)))
    ratio = np.array(geometry.original, float) / np.array(geometry.network, float)
    return (close * np.tile(ratio, 2)).astype(np.float32)


def flip_boxes(boxes: Tensor, size: tuple[int, int], axes: Sequence[int]) -> Tensor:
    """Boxes (N, 4: x0, y0, x1, y1) of an image of (H, W) that is flipped along axes -2 (y) and -1 (x)."""
    x0, y0, x1, y1 = boxes.unbind(dim=1)
    if -1 in axes:
        x0, x1 = size[1] - x1, size[1] - x0
    if -2 in axes:
        y0, y1 = size[0] - y1, size[0] - y0
    return torch.stack((x0, y0, x1, y1), dim=1)

"""Boxes inside networks: (N, 4) float, x0, y0, x1, y1, px; their overlap, their coding, and which to keep."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BLOCK = 256
# exp of more would ask for boxes that no image holds
MAX_LOG_SCALE = math.log(1000 / 16)
# DCSNet learns from boxes that leave a lesion so much room on each side, px of the network's input
ROOM = 5


def box_area(boxes: Tensor) -> Tensor:
    """Areas (N,) of boxes (N, 4)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Overlap over union, (N, M), of boxes (N, 4) and (M, 4)."""
    # axis by axis: pairs of coordinates side by side are read one by one
    sides = [
        (torch.minimum(a[:, i + 2, None], high) - torch.maximum(a[:, i, None], low)).clamp(min=0)
        for i, (low, high) in enumerate(zip(b[:, :2].T.contiguous(), b[:, 2:].T.contiguous(), strict=True))
    ]
    overlap = sides[0] * sides[1]
    return overlap / (box_area(a)[:, None] + box_area(b)[None] - overlap).clamp(min=1e-9)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut to an image of (height, width)."""
    limit = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    return torch.minimum(boxes.clamp(min=0), limit)


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Indices of boxes that no better box overlaps by more than ``threshold``, best first.

    Parameters
    ----------
    boxes : Tensor
        (N, 4), float.
    scores : Tensor
        (N,), float.
    threshold : float
        Overlap over union.

    Returns
    -------
    Tensor
        (K,), int64.
    """
    order = scores.argsort(descending=True, stable=True)
    # block by block on the CPU: what lies on a box that stays is out before it is compared with anything
    ordered, left, kept = boxes[order].cpu(), torch.arange(len(order)), []
    while len(left):
        block, left = left[:BLOCK], left[BLOCK:]
        worse = (box_iou(ordered[block], ordered[block]).triu(diagonal=1) > threshold).numpy()
        out = worse[0] & False
        for i, beaten in enumerate(worse):
            if not out[i]:
                out |= beaten
        stay = block[~torch.from_numpy(out)]
        kept.append(stay)
        left = left[~(box_iou(ordered[stay], ordered[left]) > threshold).any(dim=0)]
    return order[torch.cat(kept).to(order.device)] if kept else order


def batched_nms(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """As :func:`nms`, boxes of different groups (N,) never suppressing each other."""
    if not len(boxes):
        return torch.empty(0, dtype=torch.long, device=boxes.device)
    apart = groups.to(boxes) * (boxes.max() + 1)
    return nms(boxes + apart[:, None], scores, threshold)


def encode_boxes(boxes: Tensor, references: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """What turns references into boxes: shifts of the middle by their sides, and logs of the ratios of the sides.

    Parameters
    ----------
    boxes, references : Tensor
        (N, 4), float, of positive sides.
    weights : tuple of float
        Of x, y, width, height.

    Returns
    -------
    Tensor
        (N, 4).
    """
    side, middle = references[:, 2:] - references[:, :2], (references[:, 2:] + references[:, :2]) / 2
    wanted, at = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    factor = boxes.new_tensor(weights)
    return torch.cat(((at - middle) / side, (wanted / side).log()), dim=1) * factor


def decode_boxes(codes: Tensor, references: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """The inverse of :func:`encode_boxes`; sides grow at most as far as ``MAX_LOG_SCALE`` lets them."""
    side, middle = references[:, 2:] - references[:, :2], (references[:, 2:] + references[:, :2]) / 2
    codes = codes / codes.new_tensor(weights)
    at = middle + codes[:, :2] * side
    half = codes[:, 2:].clamp(max=MAX_LOG_SCALE).exp() * side / 2
    return torch.cat((at - half, at + half), dim=1)


def grid_anchors(size: tuple[int, int], stride: tuple[int, int], side: float, ratios: tuple[float, ...]) -> Tensor:
    """Anchors at every place of a map, place by place, ratio by ratio.

    Parameters
    ----------
    size : tuple of int
        (height, width) of the map.
    stride : tuple of int
        (y, x), px of the image.
    side : float
        Root of an anchor's area, px.
    ratios : tuple of float
        Height over width.

    Returns
    -------
    Tensor
        (height * width * ratios, 4).
    """
    root = torch.tensor(ratios).sqrt()
    # whole pixels, as published files were trained with
    half = torch.stack((-side / root, -side * root, side / root, side * root), dim=1).div(2).round()
    y = torch.arange(size[0]) * stride[0]
    x = torch.arange(size[1]) * stride[1]
    at = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).reshape(-1, 2).flip(1)
    return (torch.cat((at, at), dim=1)[:, None] + half[None]).reshape(-1, 4)

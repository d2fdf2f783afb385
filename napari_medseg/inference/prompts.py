"""Boxes of a person, checked and carried between the image's grid and the network's.

Above networks a box is (y0, x0, y1, x1), half-open, px; inside them x0, y0, x1, y1. This file is where they turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.inference.geometry import Geometry
from napari_medseg.networks.blocks.boxes import ROOM, clip_boxes


def check_boxes(boxes: Sequence[Sequence[float]] | np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Boxes that can be segmented, cut at the image's border.

    Parameters
    ----------
    boxes : array-like
        (N, 4: y0, x0, y1, x1), px.
    shape : tuple of int
        (Y, X) of the image.

    Returns
    -------
    np.ndarray
        (N, 4), float64.

    Raises
    ------
    ShapeError
        If a box is no four finite numbers, has no area, or lies outside the image; the message names it.
    """
    rows = [tuple(box) for box in boxes]
    found = []
    for number, box in enumerate(rows, start=1):
        if len(box) != 4 or not np.isfinite(box).all():
            raise ShapeError(f"box {number} is {box}; expected four numbers y0, x0, y1, x1 in px. Correct it.")
        y0, x0, y1, x1 = (float(value) for value in box)
        if y1 - y0 < 1 or x1 - x0 < 1:
            raise ShapeError(
                f"box {number} is {y1 - y0:g} x {x1 - x0:g} px; expected at least 1 x 1 px. Draw it larger."
            )
        if y1 <= 0 or x1 <= 0 or y0 >= shape[0] or x0 >= shape[1]:
            raise ShapeError(
                f"box {number} (rows {y0:g} to {y1:g}, columns {x0:g} to {x1:g}) lies outside the image of "
                f"{shape[0]} x {shape[1]} px. Draw it on the image."
            )
        found.append((max(y0, 0), max(x0, 0), min(y1, shape[0]), min(x1, shape[1])))
    return np.array(found, dtype=float).reshape(-1, 4)


def box_of_corners(corners: np.ndarray, *, number: int = 1) -> tuple[float, float, float, float]:
    """The box that a rectangle of a Shapes layer is.

    Parameters
    ----------
    corners : np.ndarray
        (4, 2: y, x), px, pixel centres at whole numbers.
    number : int
        Named in the message.

    Raises
    ------
    InputError
        If the corners are no four, or their sides do not run along the axes.
    """
    corners = np.asarray(corners, dtype=float)
    low, high = corners.min(axis=0), corners.max(axis=0)
    straight = (
        corners.shape == (4, 2) and (np.isclose(corners, low, atol=0.01) | np.isclose(corners, high, atol=0.01)).all()
    )
    if not straight:
        raise InputError(
            f"box {number} is rotated or no rectangle; expected a rectangle along the image's rows and columns. "
            "Draw it again with the rectangle tool."
        )
    # a pixel reaches half a pixel to each side of its centre
    return float(low[0]) + 0.5, float(low[1]) + 0.5, float(high[0]) + 0.5, float(high[1]) + 0.5


def corners_of_box(box: np.ndarray) -> np.ndarray:
    """Corners (4, 2: y, x) for a Shapes layer: the inverse of :func:`box_of_corners`."""
    y0, x0, y1, x1 = (float(value) - 0.5 for value in box)
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]])


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


def inside_boxes(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (Y, X) bool whose centre lies in one of the boxes (N, 4: y0, x0, y1, x1)."""
    y, x = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None] + 0.5
    inside = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        inside |= (y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)
    return inside


def flip_boxes(boxes: Tensor, size: tuple[int, int], axes: Sequence[int]) -> Tensor:
    """Boxes (N, 4: x0, y0, x1, y1) of an image of (H, W) that is flipped along axes -2 (y) and -1 (x)."""
    x0, y0, x1, y1 = boxes.unbind(dim=1)
    if -1 in axes:
        x0, x1 = size[1] - x1, size[1] - x0
    if -2 in axes:
        y0, y1 = size[0] - y1, size[0] - y0
    return torch.stack((x0, y0, x1, y1), dim=1)

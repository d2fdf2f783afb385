"""Boxes of a person: (y0, x0, y1, x1), half-open, px of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.errors import InputError, ShapeError


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


def inside_boxes(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (Y, X) bool whose centre lies in one of the boxes (N, 4: y0, x0, y1, x1)."""
    y, x = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None] + 0.5
    inside = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        inside |= (y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)
    return inside

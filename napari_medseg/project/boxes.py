"""Parts of an image or a volume: what is asked for, checked and told in rows."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from math import prod

import numpy as np

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.large import MOST_WHOLE, large_shape
from napari_medseg.project.labels import stacked
from napari_medseg.project.records import Box, Part
from napari_medseg.project.shown import inside


def clipped(box: Box, shape: tuple[int, ...]) -> Box:
    """A box within an image of so many rows and columns, of plain whole numbers."""
    # numpy's numbers would not go into the database
    y0, x0, y1, x1 = (operator.index(n) for n in box)
    return max(0, y0), max(0, x0), min(shape[0], y1), min(shape[1], x1)


def common(one: Box, other: Box) -> Box:
    """What two boxes share; empty where that is nothing."""
    top, left = max(one[0], other[0]), max(one[1], other[1])
    return top, left, max(top, min(one[2], other[2])), max(left, min(one[3], other[3]))


def shifted(box: Box, rows: int, columns: int) -> Box:
    """A box so many rows and columns further."""
    return box[0] + rows, box[1] + columns, box[2] + rows, box[3] + columns


def part_of(
    labels: np.ndarray, box: Box | None, rows: tuple[int, int], shape: tuple[int, ...]
) -> tuple[np.ndarray, Box]:
    """What the box holds after the stroke (rows, columns) uint8, and the box, within the image of this shape.

    Raises
    ------
    ShapeError
        If the labels fit neither image nor box, or hold more than 0 to 255.
    """
    labels = np.asarray(labels)
    if labels.shape == shape:
        labels = labels.reshape(rows)
    box = clipped((0, 0, *rows) if box is None else box, rows)
    inner = (max(0, box[2] - box[0]), max(0, box[3] - box[1]))
    if labels.shape == rows:
        labels = labels[inside(box)]
    elif labels.shape != inner:
        raise ShapeError(
            f"labels have shape {labels.shape}; expected the image's {shape} or the box's {inner}. "
            "Use labels of this image."
        )
    fits = (
        not labels.size
        or labels.dtype == np.uint8
        or (labels.dtype.kind in "bui" and labels.min() >= 0 and labels.max() <= 255)
    )
    if not fits:
        raise ShapeError(f"labels have type {labels.dtype}; expected whole numbers from 0 to 255. Renumber the labels.")
    return labels.astype(np.uint8, copy=False), box


def check_part(case_id: int, shape: tuple[int, ...], box: Part | None) -> Part | None:
    """The part that is meant, within the image, of plain whole numbers; None: all of it.

    Raises
    ------
    InputError
        If there is no box and the image is large, or the box is none of it, or holds more than may be held at once.
    """
    large, sides = large_shape(shape), " x ".join(map(str, shape))
    if box is None:
        if not large:
            return None
        raise InputError(
            f"case {case_id} has {sides} px, and no box is given; expected one, as so many labels are not held at "
            f"once. Ask for a part of at most {MOST_WHOLE} px."
        )
    if len(box) == 4:
        # as ever, what lies outside is left out
        found: Part = clipped((box[0], box[1], box[2], box[3]), stacked(shape))
    elif len(shape) == 3 and len(box) == 6:
        lows, highs = box[:3], box[3:]
        found = (
            *(max(0, operator.index(n)) for n in lows),
            *(min(n, operator.index(high)) for n, high in zip(shape, highs, strict=True)),
        )
    else:
        raise InputError(f"box is {tuple(box)}; expected (y0, x0, y1, x1) px, in {sides}. Give one of these.")
    if large and prod(part_shape(found)) > MOST_WHOLE:
        raise InputError(
            f"box is {tuple(found)}, {prod(part_shape(found))} px; expected at most {MOST_WHOLE}, as more are not held "
            "at once. Ask for a smaller one."
        )
    return found


def by_axes(box: Part, shape: tuple[int, ...]) -> Part:
    """A part with a start and a stop for each axis: rows of all slices of a volume lie in one slice.

    Raises
    ------
    InputError
        If they lie in several, and hold not all of each.
    """
    if len(box) == 2 * len(shape):
        return box
    y0, x0, y1, x1 = box
    z, last, height = y0 // shape[1], max(y0, y1 - 1) // shape[1], shape[1]
    if z == last:
        return (z, y0 - z * height, x0, z + 1, y1 - z * height, x1)
    if y0 % height == 0 and y1 % height == 0:
        return (z, 0, x0, last + 1, height, x1)
    raise InputError(
        f"box is {tuple(box)}; expected rows of one slice, or (z0, y0, x0, z1, y1, x1) px. Give one of these."
    )


def part_shape(box: Part) -> tuple[int, ...]:
    """Sides of a part, px: (rows, columns), or (slices, rows, columns)."""
    half = len(box) // 2
    return tuple(max(0, high - low) for low, high in zip(box[:half], box[half:], strict=True))


def inside_box(part: Part, box: Part) -> tuple[slice, ...]:
    """Index of a part in an array of a box."""
    half = len(box) // 2
    return tuple(slice(part[a] - box[a], part[a + half] - box[a]) for a in range(half))


def in_rows(box: Part, shape: tuple[int, ...]) -> Iterator[Box]:
    """A part as boxes over the rows of all slices, one below the other: itself, or one a slice."""
    if len(box) == 4:
        yield (box[0], box[1], box[2], box[3])
        return
    for z in range(box[0], box[3]):
        top = z * shape[1]
        yield (top + box[1], box[2], top + box[4], box[5])

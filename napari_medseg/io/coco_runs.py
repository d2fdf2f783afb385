"""COCO's way of telling an object's pixels: runs down the columns, outside and inside by turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError


def shapes(objects: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
    """Area, box and pixels of each object, in order of their numbers. Runs go down the columns, one after the other."""
    height, width = objects.shape
    columns = np.ascontiguousarray(objects.T).ravel()
    pixels = np.flatnonzero(columns)
    numbers = columns[pixels]
    order = np.argsort(numbers, kind="stable")
    pixels, numbers = pixels[order], numbers[order]
    if not len(pixels):
        return
    starts = np.flatnonzero(np.diff(numbers, prepend=0))
    for first, last in zip(starts, [*starts[1:], len(pixels)], strict=True):
        mine = pixels[first:last]
        gaps = np.flatnonzero(np.diff(mine) > 1)
        ends = np.stack([mine[np.r_[0, gaps + 1]], mine[np.r_[gaps, -1]] + 1], axis=1).ravel()
        counts = np.diff(ends, prepend=0, append=height * width)
        x, y = np.divmod(mine, height)
        left, top = int(x[0]), int(y.min())
        shape = {
            "segmentation": {
                "size": [height, width],
                # where it reaches the last pixel, nothing follows
                "counts": (counts if counts[-1] else counts[:-1]).tolist(),
            },
            "area": len(mine),
            "bbox": [left, top, int(x[-1]) - left + 1, int(y.max()) - top + 1],
        }
        yield int(numbers[first]), shape


def in_runs(runs: object, size: int, path: Path) -> np.ndarray:
    """Pixels of runs, which are outside and inside by turns."""
    fitting = isinstance(runs, list) and all(isinstance(n, int) and 0 <= n <= size for n in runs)
    counts = np.array(runs if fitting else [], np.int64)
    if not fitting or int(counts.sum()) != size:
        raise damaged(path, f"runs of other than {size} pixels")
    ends = np.cumsum(counts)[1::2]
    lengths = counts[1::2]
    return np.arange(lengths.sum()) + np.repeat(ends - np.cumsum(lengths), lengths)


def unpacked(text: str, path: Path) -> list[int]:
    """Runs from their short form: 5 bits a sign, the lowest first; from the fourth on, what is added to the last but
    one."""
    runs = list[int]()
    value = shift = 0
    for sign in text:
        bits = ord(sign) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise damaged(path, "runs in an unknown form")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise damaged(path, "runs that are cut off")
    return runs


def damaged(path: Path, what: str) -> ImageReadError:
    """That a file has something that none has."""
    return ImageReadError(f"{path} has {what}; expected a whole COCO file. Export it again.")

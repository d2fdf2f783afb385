"""What of a volume a person drew slice by slice, with their own hand: what may be carried on to other slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from napari_medseg.project.damage import damage_told
from napari_medseg.project.labels import TILE, decode_tile
from napari_medseg.project.shown import inside
from napari_medseg.project.touched import CARRIED, INTERPOLATED, NOT_DRAWN, PROPOSAL, UNLOCK


class ByHand(NamedTuple):
    """What of a volume a person drew themselves.

    Attributes
    ----------
    pixels : np.ndarray
        (Z, Y, X), bool: as :func:`~napari_medseg.project.touched.touched_by` tells, without what was carried there
        from other slices.
    slices : tuple of tuple of int
        Across each axis: slices in which a stroke was drawn that lies in that slice alone, ascending.
    """

    pixels: np.ndarray
    slices: tuple[tuple[int, ...], ...]


def drawn_by_hand(
    strokes: Iterable[tuple], tiles: Callable[[int], Iterable[tuple]], shape: tuple[int, int, int], where: str
) -> ByHand:
    """As :func:`napari_medseg.project.touched.touched_by` takes them, of a volume (Z, Y, X).

    Raises
    ------
    ProjectError
        If a tile is damaged.
    """
    rows = (shape[0] * shape[1], shape[2])
    with damage_told(where):
        labels, hand = np.zeros(rows, np.uint8), np.zeros(rows, bool)
        slices: tuple[set[int], ...] = (set(), set(), set())
        for stroke, kind, *box in strokes:
            if kind == UNLOCK:
                hand[inside((box[0], box[1], box[2], box[3]))] = False
                for found in slices:
                    found.clear()
            # (z, y, x) of the first and the last voxel that it changed
            first, last = np.full(3, max(shape)), np.full(3, -1)
            for ty, tx, crc, data in tiles(stroke):
                part = np.s_[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE]
                before = labels[part]
                after = decode_tile(data, crc, before.shape, f"{where}, stroke {stroke}, tile ({ty}, {tx})")
                changed = before != after
                if kind != PROPOSAL:
                    hand[part] = (hand[part] & ~changed) if kind in (INTERPOLATED, CARRIED) else (hand[part] | changed)
                down, across = (np.flatnonzero(changed.any(axis=1 - axis)) for axis in (0, 1))
                if len(down):
                    z, y = np.divmod(down + ty * TILE, shape[1])
                    first = np.minimum(first, (z.min(), y.min(), across[0] + tx * TILE))
                    last = np.maximum(last, (z.max(), y.max(), across[-1] + tx * TILE))
                labels[part] = after
            if kind not in (*NOT_DRAWN, INTERPOLATED, CARRIED):
                for axis in range(3):
                    if first[axis] == last[axis]:
                        slices[axis].add(int(first[axis]))
    return ByHand(hand.reshape(shape), tuple(tuple(sorted(found)) for found in slices))

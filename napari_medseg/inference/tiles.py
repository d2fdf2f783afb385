"""Tiles of an image too large for one pass: where they lie, and how what a network says of them is joined.

The grid of tiles is one for the whole image, and a tile's result hangs on the tile alone. What any part of the image
gets is then the same, whoever works on it, in whatever order, and after whatever restart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# share of a tile's side that it has in common with the next
OVERLAP = 0.2
# a pixel at a tile's rim counts so much less than one in its middle
LEAST = 1e-3
Box = tuple[int, int, int, int]
Place = tuple[int, int]
# a tile's maps (K, side, side) float32 in [0, 1]; None: it is background
Maps = np.ndarray | None


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Square tiles over an image.

    Parameters
    ----------
    shape : tuple of int
        (Y, X), px.
    side : int
        Of a tile, px. Where the image is smaller, its tile is as small.
    """

    shape: tuple[int, int]
    side: int

    @property
    def step(self) -> int:
        """From a tile to the next, px."""
        return max(1, round(self.side * (1 - OVERLAP)))

    def size(self) -> tuple[int, int]:
        """(Y, X) of a tile, px."""
        return min(self.side, self.shape[0]), min(self.side, self.shape[1])

    def _starts(self, axis: int) -> list[int]:
        last = self.shape[axis] - self.size()[axis]
        # the last one ends where the image does
        return [*range(0, last, self.step), last]

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self._starts(0)) * len(self._starts(1))

    def meeting(self, box: Box) -> list[Place]:
        """Corners (y, x) of the tiles that have a pixel in a box (y0, x0, y1, x1), row by row."""
        height, width = self.size()
        rows = [y for y in self._starts(0) if y < box[2] and y + height > box[0]]
        columns = [x for x in self._starts(1) if x < box[3] and x + width > box[1]]
        return [(y, x) for y in rows for x in columns]

    def box(self, place: Place) -> Box:
        """Where a tile lies: (y0, x0, y1, x1), px."""
        height, width = self.size()
        return place[0], place[1], place[0] + height, place[1] + width


def weights_of(size: Sequence[int]) -> np.ndarray:
    """How much each pixel of a tile counts: (Y, X) float32, 1 in the middle and falling to the rim."""

    def along(n: int) -> np.ndarray:
        return np.maximum(LEAST, np.sin(np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)

    return np.asarray(along(size[0])[:, None] * along(size[1])[None])


def join(grid: TileGrid, box: Box, maps_of: Callable[[Place], Maps], channels: int) -> np.ndarray | None:
    """What the tiles say of a box: the mean of those that lie there, by their weights.

    Parameters
    ----------
    grid : TileGrid
    box : tuple of int
        (y0, x0, y1, x1), px.
    maps_of : callable
        Of a tile's corner.
    channels : int
        K.

    Returns
    -------
    np.ndarray or None
        (K, rows, columns) float32 in [0, 1]; 0 where all is background. None: all of it is.
    """
    shape = (box[2] - box[0], box[3] - box[1])
    total, weight = np.zeros((channels, *shape), np.float32), np.zeros(shape, np.float32)
    window = weights_of(grid.size())
    found = False
    for place in grid.meeting(box):
        maps = maps_of(place)
        if maps is None:
            continue
        found = True
        y0, x0, y1, x1 = grid.box(place)
        top, left, bottom, right = max(y0, box[0]), max(x0, box[1]), min(y1, box[2]), min(x1, box[3])
        inner = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
        outer = np.s_[top - box[0] : bottom - box[0], left - box[1] : right - box[1]]
        total[:, outer[0], outer[1]] += maps[:, inner[0], inner[1]] * window[inner]
        weight[outer] += window[inner]
    if not found:
        return None
    np.divide(total, weight, out=total, where=weight > 0)
    return total


class KeptTiles:
    """Remembers what the last tiles gave: neighbouring parts of an image have tiles in common.

    Parameters
    ----------
    most_bytes : int
        The oldest go first.
    """

    def __init__(self, most_bytes: int = 192_000_000) -> None:
        self._most, self._bytes = most_bytes, 0
        self._found: OrderedDict[Place, Maps] = OrderedDict()

    def get(self, place: Place, make: Callable[[Place], Maps]) -> Maps:
        """A tile's maps, made only where they are not remembered."""
        if place in self._found:
            self._found.move_to_end(place)
            return self._found[place]
        maps = self._found[place] = make(place)
        self._bytes += 0 if maps is None else maps.nbytes
        while self._bytes > self._most and len(self._found) > 1:
            _, gone = self._found.popitem(last=False)
            self._bytes -= 0 if gone is None else gone.nbytes
        return maps


def enlarge(maps: np.ndarray, at: tuple[float, float], box: Box, down: Sequence[float]) -> np.ndarray:
    """Maps of a level on the pixels of the full one, bilinear.

    Parameters
    ----------
    maps : np.ndarray
        (K, rows, columns), float32.
    at : tuple of float
        (y, x) of their first pixel, px of the level.
    box : tuple of int
        (y0, x0, y1, x1) of the full level that is wanted.
    down : sequence of float
        Pixels of the full level for each of this one, (y, x).

    Returns
    -------
    np.ndarray
        (K, y1 - y0, x1 - x0), float32.
    """
    if tuple(down) == (1.0, 1.0):
        y, x = box[0] - round(at[0]), box[1] - round(at[1])
        return maps[:, y : y + box[2] - box[0], x : x + box[3] - box[1]]

    def along(axis: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # pixel centres; the outer borders of both levels coincide
        where = (np.arange(low, high) + 0.5) / down[axis] - 0.5 - at[axis]
        where = np.clip(where, 0, maps.shape[axis + 1] - 1)
        before = np.minimum(where.astype(np.int64), max(0, maps.shape[axis + 1] - 2))
        share = (where - before).astype(np.float32)
        return before, np.minimum(before + 1, maps.shape[axis + 1] - 1), share

    first, second, share = along(0, box[0], box[2])
    rows = maps[:, first] * (1 - share[:, None]) + maps[:, second] * share[:, None]
    first, second, share = along(1, box[1], box[3])
    return np.asarray(rows[..., first] * (1 - share) + rows[..., second] * share)

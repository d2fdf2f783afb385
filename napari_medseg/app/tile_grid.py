"""In which levels and tiles a picture of any size is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil

import numpy as np

Index = tuple[int, ...]
Region = tuple[slice, ...]
# px a side of a tile of an image; slices and px of one of a volume
TILES = {2: (512, 512), 3: (8, 256, 256)}
# levels are halved until the last is no larger: it is read whole, and shown until finer tiles are there
COARSEST = 1024


@dataclass(frozen=True, slots=True)
class Step:
    """A level that is shown.

    Attributes
    ----------
    shape : tuple of int
        (Y, X) or (Z, Y, X), px.
    down : tuple of float
        Pixels of full resolution per pixel, by axis.
    source : int or None
        The level that the reader knows; None: every second pixel of the level before.
    """

    shape: Index
    down: tuple[float, ...]
    source: int | None


def steps_of(shapes: Sequence[Index], *, coarsest: int = COARSEST) -> tuple[Step, ...]:
    """Levels to show: those that there are, with halves between and below them, so that each is about half the last.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of the levels that can be read, the finest first.
    """
    full = shapes[0]
    found = [Step(full, (1.0,) * len(full), 0)]
    left = list(enumerate(shapes))[1:]
    # two at least: of one alone, viewers think that it is held whole
    while max(found[-1].shape[-2:]) > coarsest or len(found) < 2:
        last = found[-1]
        # a volume's slices stay: through them one pages
        half = (*last.shape[:-2], *(ceil(side / 2) for side in last.shape[-2:]))
        # the next that there is, where halving would pass it or come near it
        while left and max(left[0][1][-2:]) >= max(last.shape[-2:]):
            left.pop(0)
        if left and max(left[0][1][-2:]) >= 0.8 * max(half[-2:]):
            number, shape = left.pop(0)
            down = tuple(a / b for a, b in zip(full, shape, strict=True))
            found.append(Step(shape, down, number))
        else:
            down = (*last.down[:-2], *(2 * step for step in last.down[-2:]))
            found.append(Step(half, down, None))
    return tuple(found)


class TileGrid:
    """Where the tiles of each level lie.

    Parameters
    ----------
    steps : sequence of Step
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps, self._tile = tuple(steps), TILES[len(steps[0].shape)]

    def indices(self, box: Region) -> Iterator[Index]:
        """The tiles that have a part of a box, px of the level."""
        spans = (
            range(one.start // side, max(-(-one.stop // side), one.start // side))
            for one, side in zip(box, self._tile, strict=True)
        )
        return product(*spans)

    def region(self, level: int, index: Index) -> Region:
        """What a tile covers, px of the level; those at the far edges are smaller."""
        return tuple(
            slice(number * side, min((number + 1) * side, end))
            for number, side, end in zip(index, self._tile, self._steps[level].shape, strict=True)
        )

    def distance(self, index: Index, middle: Sequence[float]) -> float:
        """Of a tile's middle from a place, px of the level, squared."""
        return sum(
            (number * side + side / 2 - at) ** 2 for number, side, at in zip(index, self._tile, middle, strict=True)
        )


def put(out: np.ndarray, box: Region, tile: np.ndarray, region: Region) -> None:
    """Copy what a tile has of a box to where that lies."""
    there, here = [], []
    for one, of in zip(box, region, strict=True):
        start, stop = max(one.start, of.start), min(one.stop, of.stop)
        if start >= stop:
            return
        there.append(slice(start - one.start, stop - one.start))
        here.append(slice(start - of.start, stop - of.start))
    out[tuple(there)] = tile[tuple(here)]

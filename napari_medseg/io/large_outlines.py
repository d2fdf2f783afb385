"""Objects of a mask larger than memory, found block by block: one that lies over several blocks is one all the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from napari_medseg.io.large import MOST_WHOLE, Part
from napari_medseg.io.outlines import Polygon, outlines
from napari_medseg.io.painted import objects_in

Read = Callable[[Part], np.ndarray]
# an object, (rows, columns) bool, to the numbers of its parts, from 1: integer, 0 where none is
Parted = Callable[[np.ndarray], np.ndarray]
# sides of a block, and the rim around an object that is parted, px
BLOCK, ROOM = 2048, 5


@dataclass(frozen=True, slots=True)
class _Fragment:
    """What a block holds of an object that goes on beyond it: packed bits of (top, left, rows, columns)."""

    label: int
    place: tuple[int, int, int, int]
    packed: bytes

    @property
    def mask(self) -> np.ndarray:
        """(rows, columns), bool."""
        rows, columns = self.place[2:]
        bits = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        return np.unpackbits(bits, count=rows * columns).view(bool).reshape(rows, columns)


class _Joined:
    """Numbers of fragments, and which of them are one object."""

    def __init__(self) -> None:
        self._parents: list[int] = [0]

    def new(self) -> int:
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    def root(self, one: int) -> int:
        while self._parents[one] != one:
            self._parents[one] = self._parents[self._parents[one]]
            one = self._parents[one]
        return one

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parents[high] = low


class _Line:
    """A line of pixels at the rim of what was seen: their labels, and the numbers of their fragments."""

    def __init__(self, length: int) -> None:
        # a pixel more at each end, of nothing
        self.labels, self.numbers = np.zeros(length + 2, np.uint8), np.zeros(length + 2, np.int64)

    def put(self, at: int, labels: np.ndarray, numbers: np.ndarray) -> None:
        self.labels[1 + at : 1 + at + len(labels)] = labels
        self.numbers[1 + at : 1 + at + len(labels)] = numbers

    def meet(self, at: int, labels: np.ndarray, numbers: np.ndarray, joined: _Joined) -> None:
        """Join what touches it, also at a corner, and has the same label."""
        for step in (0, 1, 2):
            there = np.s_[at + step : at + step + len(labels)]
            same = (labels > 0) & (self.labels[there] == labels)
            pairs = np.stack([self.numbers[there][same], numbers[same]], axis=1)
            for one, other in np.unique(pairs, axis=0).tolist():
                joined.join(one, other)


def large_objects(
    read: Read,
    shape: tuple[int, int],
    *,
    side: int = BLOCK,
    most: int = MOST_WHOLE,
    parted: Parted | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Iterator[tuple[int, list[Polygon]]]:
    """The objects of a mask: its connected pieces, as :func:`~napari_medseg.io.outlines.outlines` draws them.

    Held are one block, and of the objects that lie over the rims of blocks their packed pixels.

    Parameters
    ----------
    read : callable
        Labels (uint8) of a box (y0, x0, y1, x1), px.
    shape : tuple of int
        (Y, X) of the mask.
    side : int
        Of a block, px.
    most : int
        Objects over the rims of blocks whose bounding box has more pixels are not put together again: their polygons
        end at the rims of the blocks, and they are one object all the same, which is not parted.
    parted : callable, optional
        What touches is told apart by it: each connected piece by itself, with a rim of background, so that blocks do
        not matter.
    progress : callable
        Called with the share that is done.

    Yields
    ------
    label : int
    polygons : list
        px of the whole mask.
    """
    joined, fragments = _Joined(), dict[int, _Fragment]()
    above = _Line(shape[1])
    tops, lefts = range(0, shape[0], side), range(0, shape[1], side)
    for number, (top, left) in enumerate(product(tops, lefts)):
        progress(number / (len(tops) * len(lefts)))
        box = (top, left, min(top + side, shape[0]), min(left + side, shape[1]))
        if left == 0:
            below, beside = _Line(shape[1]), _Line(box[2] - top)
        labels = read(box)
        objects, label_of = objects_in(labels, None)
        crossing = _crossing(objects, box, shape)
        numbers = np.zeros(max(label_of, default=0) + 1, np.int64)
        for one, fragment in _fragments(objects, label_of, crossing, (top, left)):
            numbers[one] = joined.new()
            fragments[int(numbers[one])] = fragment
        above.meet(left, labels[0], numbers[objects[0]], joined)
        beside.meet(0, labels[:, 0], numbers[objects[:, 0]], joined)
        below.put(left, labels[-1], numbers[objects[-1]])
        beside = _Line(box[2] - top)
        beside.put(0, labels[:, -1], numbers[objects[:, -1]])
        if box[3] == shape[1]:
            above = below
        objects[np.isin(objects, crossing)] = 0
        if parted is None:
            for one, polygons in outlines(objects).items():
                yield label_of[one], _moved(polygons, top, left)
        else:
            for one, (y, x), mask in _each(objects):
                yield from ((label_of[one], found) for found in _parts(mask, top + y, left + x, parted=parted))
    together: dict[int, list[_Fragment]] = {}
    for one, fragment in fragments.items():
        together.setdefault(joined.root(one), []).append(fragment)
    for parts in together.values():
        found = [_in_pieces(parts)] if _size(parts) > most else _parts(*_put_together(parts), parted=parted)
        yield from ((parts[0].label, polygons) for polygons in found)


def _crossing(objects: np.ndarray, box: tuple[int, int, int, int], shape: tuple[int, int]) -> np.ndarray:
    """Objects at the rims of a block beyond which the mask goes on."""
    rims = []
    if box[0] > 0:
        rims.append(objects[0])
    if box[1] > 0:
        rims.append(objects[:, 0])
    if box[2] < shape[0]:
        rims.append(objects[-1])
    if box[3] < shape[1]:
        rims.append(objects[:, -1])
    found = np.unique(np.concatenate(rims)) if rims else np.zeros(0, np.int64)
    return found[found > 0]


def _fragments(
    objects: np.ndarray, label_of: dict[int, int], crossing: np.ndarray, corner: tuple[int, int]
) -> Iterator[tuple[int, _Fragment]]:
    from scipy.ndimage import find_objects

    if not len(crossing):
        return
    places = find_objects(objects)
    for one in crossing.tolist():
        rows, columns = places[one - 1]
        mask = objects[rows, columns] == one
        place = (corner[0] + rows.start, corner[1] + columns.start, *mask.shape)
        yield one, _Fragment(label_of[one], place, zlib.compress(np.packbits(mask).data, 1))


def _each(objects: np.ndarray) -> Iterator[tuple[int, tuple[int, int], np.ndarray]]:
    """Each object: its number, the corner of its bounding box, and its pixels in it."""
    from scipy.ndimage import find_objects

    for one, place in enumerate(find_objects(objects), 1):
        if place is not None:
            rows, columns = place
            yield one, (rows.start, columns.start), objects[place] == one


def _bounds(parts: list[_Fragment]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right), px."""
    top, left = (min(part.place[axis] for part in parts) for axis in (0, 1))
    bottom, right = (max(part.place[axis] + part.place[axis + 2] for part in parts) for axis in (0, 1))
    return top, left, bottom, right


def _size(parts: list[_Fragment]) -> int:
    top, left, bottom, right = _bounds(parts)
    return (bottom - top) * (right - left)


def _in_pieces(parts: list[_Fragment]) -> list[Polygon]:
    return [polygon for part in parts for polygon in _drawn(part.mask, part.place[0], part.place[1])]


def _put_together(parts: list[_Fragment]) -> tuple[np.ndarray, int, int]:
    """The pixels of an object, uint8, and the corner of its bounding box."""
    top, left, bottom, right = _bounds(parts)
    whole = np.zeros((bottom - top, right - left), np.uint8)
    for part in parts:
        y, x, rows, columns = part.place
        whole[y - top : y - top + rows, x - left : x - left + columns] |= part.mask
    return whole, top, left


def _parts(mask: np.ndarray, top: int, left: int, *, parted: Parted | None) -> list[list[Polygon]]:
    """The polygons of each part of an object."""
    if parted is None:
        return [_drawn(mask, top, left)]
    # what lies within a few pixels counts where the rim is looked at
    numbers = parted(np.pad(mask > 0, ROOM))
    return [_moved(polygons, top - ROOM, left - ROOM) for _, polygons in sorted(outlines(numbers).items())]


def _drawn(mask: np.ndarray, top: int, left: int) -> list[Polygon]:
    return _moved(outlines(mask.astype(np.uint8))[1], top, left)


def _moved(polygons: list[Polygon], top: int, left: int) -> list[Polygon]:
    return [[[[x + left, y + top] for x, y in ring] for ring in polygon] for polygon in polygons]

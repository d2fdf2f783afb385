"""The part of a volume around what is carried from slice to slice: its greys, its shapes, what a network says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_medseg.editing.match import REACH, Known, depth_of, matched

# of what a slice gets, so much comes from the image; the rest is the shape of its neighbours
BETWEEN, BEYOND = 0.4, 0.6
# how much of the bend that slices farther off ask for is followed
BENT = 1.0
# beyond the last corrected slice a rim comes in by so much a slice, px of the grid that is matched on
SHRINK = 0.4
# sides of what is looked at, px: larger ones are matched on a coarser grid
SIDE = 96
# room around what is carried on: this share of its sides, and so many px
ROOM, ROOM_PX = 0.25, 10
# values that lie so near a rim, px, and in the middle of all these, are told apart: percent left out at either end
BAND, OUT = 6.0, 1.0
# a slice's mask is at least this share of the corrected one, and so many px
LEAST_SHARE, LEAST = 0.15, 4
# carried back, it agrees with the corrected one at least so well (Dice)
AGREE = 0.75
# along its rim the image changes at least so much of what it does on the corrected one
EDGE = 0.4
# beside it, patches differ from the most alike of the last slice by so much at most: twice what real scans do
CHANGED = 0.04
# what lies so near the rim is compared, px, where inside and outside differ by so much at least, of greys in [0, 1]
BESIDE, CONTRAST = 3.0, 0.1
# what a network says counts at most so much: not at all where it agrees with the corrected slices less than the
# first (Dice), fully from the second
NETWORK, DOUBTED, TRUSTED = 0.3, 0.5, 0.9
# a network that is heard agrees with the mask at least so well (Dice)
HEARD, NETWORK_AGREES = 0.15, 0.5
# of a corrected slice's difference to the network, so much is left a slice farther
FADE = 0.8

EMPTY, LOST, UNLIKE, DISAGREES = "empty", "edge", "unlike", "network"


class Stack:
    """Slices along the first axis. All depths are distances from a rim, in px of the grid that is matched on.

    Parameters
    ----------
    image, labels, sources, numbers, axis, probabilities
        As :func:`napari_medseg.editing.propagate.propagate` takes them.

    Attributes
    ----------
    count : int
        Slices.
    sources : list of int
        Corrected slices, ascending; empty where none of the labels is on any.
    """

    def __init__(
        self,
        image: np.ndarray,
        labels: np.ndarray,
        sources: Sequence[int],
        numbers: Sequence[int],
        axis: int,
        probabilities: Mapping[int, np.ndarray] | None,
    ) -> None:
        whole, self.numbers = np.moveaxis(labels, axis, 0), tuple(numbers)
        self.count, self.sources = len(whole), sorted(set(sources))
        wanted = np.isin(whole[self.sources], self.numbers)
        if not wanted.any():
            self.sources = []
            return
        self._place = _around(np.any(wanted, axis=0))
        self._cut = _part(image, axis, self._place)
        rows, columns = self._cut.shape[1:]
        self._factor = max(1.0, max(rows, columns) / SIDE)
        self._greys: dict[int, np.ndarray] = {}
        shapes = {source: whole[source][self._place] for source in self.sources}
        self.labels = {source: np.where(np.isin(shape, self.numbers), shape, 0) for source, shape in shapes.items()}
        self.depths = {source: self._depths(source) for source in self.sources}
        near = [self._cut[source][np.abs(depths).min(axis=0) < BAND] for source, depths in self.depths.items()]
        self._ends = _ends(np.concatenate(near))
        self._maps = _logits(probabilities or {}, self.numbers, axis, self._place)
        self._heard = self._how_far_heard()

    # ---- what is known -------------------------------------------------------------------------------------------

    def _depths(self, source: int) -> np.ndarray:
        return np.stack([self._depth(source, number) for number in self.numbers]) / np.float32(self._factor)

    def _depth(self, source: int, number: int) -> np.ndarray:
        mask = self.labels[source] == number
        having = [other for other in self.sources if (self.labels[other] == number).any()]
        if mask.any() or not having:
            return depth_of(mask)
        # it is not on this slice: it ends half way, where it is smallest
        depth = depth_of(self.labels[min(having, key=lambda other: abs(other - source))] == number)
        return depth - 2 * np.maximum(depth.max(), 1)

    def _how_far_heard(self) -> float:
        """The weight of what the network says."""
        if self._maps is None:
            return 0.0
        agreed = [
            _dice(self._said(self._maps[:, source]), self.labels[source])
            for source in self.sources
            if self.labels[source].any()
        ]
        share = (float(np.mean(agreed)) - DOUBTED) / (TRUSTED - DOUBTED)
        return NETWORK * min(max(share, 0.0), 1.0)

    def empty(self, source: int) -> bool:
        """Whether nothing on a corrected slice is to be carried on."""
        return not self.labels[source].any()

    # ---- two grids -----------------------------------------------------------------------------------------------

    def _coarse(self, maps: np.ndarray) -> np.ndarray:
        """(..., Y, X) on the grid that is matched on."""
        if self._factor == 1:
            return maps
        size = [max(1, round(n / self._factor)) for n in maps.shape[-2:]]
        return _resized(maps, size)

    def _grey(self, number: int) -> np.ndarray:
        from scipy import ndimage

        if number not in self._greys:
            low, high = self._ends
            values = np.nan_to_num(self._cut[number].astype(np.float32), nan=low, posinf=high, neginf=low)
            grey = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
            if self._factor > 1:
                grey = ndimage.gaussian_filter(grey, 0.4 * self._factor)
            self._greys[number] = self._coarse(grey)
        return self._greys[number]

    def _matched(self, number: int, known: Sequence[tuple[int, np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
        """As :func:`matched`, on the coarse grid; ``known``: slices, their depths, how far away they are."""
        there = [Known(self._grey(other), self._coarse(depths), away) for other, depths, away in known]
        return matched(self._grey(number), there)

    def _moved(self, prior: np.ndarray, found: np.ndarray, share: float) -> np.ndarray:
        """A shape, and so much of what the image changes of it."""
        change = found - self._coarse(prior)
        return prior + np.float32(share) * (change if self._factor == 1 else _resized(change, prior.shape[-2:]))

    # ---- from slice to slice -------------------------------------------------------------------------------------

    def between(self, low: int, high: int, number: int) -> np.ndarray:
        """Depths of a slice between two corrected ones."""
        share = np.float32((number - low) / (high - low))
        below, above = self.depths[low], self.depths[high]
        prior = _cut(self._shape_between(low, high, share))
        known = [(low, _cut(below), number - low), (high, _cut(above), high - number)]
        depths = self._moved(prior, self._matched(number, known)[0], BETWEEN)
        if self._maps is None or not self._heard:
            return depths
        said, here = self._maps, self._maps[:, number]
        change = (1 - share) * (_cut(below) - said[:, low]) + share * (_cut(above) - said[:, high])
        return (1 - self._heard) * depths + self._heard * _cut(here + change)

    def _shape_between(self, low: int, high: int, share: np.float32) -> np.ndarray:
        """Depths by shape alone: straight between two slices, bent a little towards where their neighbours lead."""
        below, above = self.depths[low], self.depths[high]
        straight = (1 - share) * below + share * above
        place, bend = self.sources.index(low), np.zeros_like(below)
        step = (above - below) / np.float32(high - low)
        for at, other, one in ((low, place - 1, 0), (high, place + 2, 1)):
            if not 0 <= other < len(self.sources):
                continue
            far = self.sources[other]
            theirs = (self.depths[far] - self.depths[at]) / np.float32(far - at)
            # cubic Hermite; the slope in the middle of the two
            slope = (theirs - step) / 2 * np.float32(high - low)
            bend += slope * ((share - 1) ** 2 * share if one == 0 else share**2 * (share - 1))
        return straight + BENT * bend

    def next(self, source: int, last: int, number: int, depths: np.ndarray) -> tuple[np.ndarray, float]:
        """Depths of the slice beyond ``last``, whose own are given, and how unlike that one it looks along the rim."""
        away, first = abs(number - source), self.depths[source]
        prior = (_cut(first - SHRINK * away) + _cut(depths - SHRINK)) / 2
        found, unlike = self._matched(number, [(last, _cut(depths), 1)])
        if last != source:
            found = (found + self._matched(number, [(source, _cut(first), away)])[0]) / 2
        moved = self._moved(prior, found, BEYOND)
        beside = np.abs(self._coarse(depths)).min(axis=0) < BESIDE
        changed = float(unlike[beside].mean()) if beside.any() else 0.0
        if self._maps is None or not self._heard:
            return moved, changed
        change = FADE**away * (_cut(first) - self._maps[:, source])
        return (1 - self._heard) * moved + self._heard * _cut(self._maps[:, number] + change), changed

    def doubt(self, source: int, number: int, depths: np.ndarray, changed: float) -> str | None:
        """Why a slice beyond a corrected one is not to be filled so; None: it is."""
        mine, theirs = self._said(depths), self.labels[source]
        if (mine > 0).sum() < max(LEAST, LEAST_SHARE * (theirs > 0).sum()):
            return EMPTY
        if self._lost(self._rim(source, self.depths[source]), self._rim(number, depths)):
            return LOST
        back, _ = self._matched(source, [(number, _cut(depths), abs(number - source))])
        if changed > CHANGED or _dice(self._said(back), self._said(self._coarse(self.depths[source]))) < AGREE:
            return UNLIKE
        if self._maps is None or self._heard < HEARD:
            return None
        return DISAGREES if _dice(self._said(self._maps[:, number]), mine) < NETWORK_AGREES else None

    def _rim(self, number: int, depths: np.ndarray) -> tuple[float, float]:
        """How steep the image is along the rim, and how much brighter it is inside than outside."""
        from scipy import ndimage

        depth, grey = self._coarse(depths).max(axis=0), self._grey(number)
        rim, inside, outside = np.abs(depth) < 1, (depth > 0) & (depth <= BESIDE), (depth < 0) & (depth >= -BESIDE)
        if not (rim.any() and inside.any() and outside.any()):
            return 0.0, 0.0
        steep = ndimage.gaussian_gradient_magnitude(grey, 1.0)
        return float(steep[rim].mean()), float(grey[inside].mean() - grey[outside].mean())

    @staticmethod
    def _lost(before: tuple[float, float], now: tuple[float, float]) -> bool:
        faded = abs(before[1]) >= CONTRAST and now[1] / before[1] < EDGE
        return faded or now[0] < EDGE * before[0]

    def _said(self, depths: np.ndarray) -> np.ndarray:
        """Labels (Y, X) of depths (K, Y, X): the class that is deepest, 0 where none is inside."""
        return np.where(depths.max(axis=0) > 0, np.array(self.numbers)[depths.argmax(axis=0)], 0)

    def painted(self, before: np.ndarray, depths: np.ndarray, fixed: np.ndarray | None) -> np.ndarray:
        """A whole slice (Y, X): its labels of these numbers are replaced; others stay, and what is fixed (bool)."""
        open_ = (before == 0) | np.isin(before, self.numbers)
        if fixed is not None:
            open_ &= ~fixed
        after = np.where(open_, 0, before)
        part = after[self._place]
        part[...] = np.where(open_[self._place], self._said(depths), part)
        return after


def _cut(depths: np.ndarray) -> np.ndarray:
    return np.clip(depths, -REACH, REACH)


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """The box of a mask (Y, X), with room."""
    found = []
    for axis, size in enumerate(mask.shape):
        inside = np.flatnonzero(mask.any(axis=1 - axis))
        first, last = int(inside[0]), int(inside[-1]) + 1
        room = ROOM_PX + round(ROOM * (last - first))
        found.append(slice(max(0, first - room), min(size, last + room)))
    return found[0], found[1]


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Values that become 0 and 1: where the object lies on a CT, all are near each other."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, (OUT, 100 - OUT))
    return float(low), float(high)


def _logits(
    probabilities: Mapping[int, np.ndarray], numbers: Sequence[int], axis: int, place: tuple[slice, slice]
) -> np.ndarray | None:
    """(K, Z, Y, X) float32, within the reach of depths; None where nothing is known of any."""
    if not any(number in probabilities for number in numbers):
        return None
    found = []
    for number in numbers:
        if number in probabilities:
            said = np.clip(_part(probabilities[number], axis, place).astype(np.float32), 1e-4, 1 - 1e-4)
            found.append(_cut(np.log(said / (1 - said))))
        else:
            one = next(iter(probabilities.values()))
            found.append(np.full(_part(one, axis, place).shape, -REACH, np.float32))
    return np.stack(found)


def _part(volume: np.ndarray, axis: int, place: tuple[slice, slice]) -> np.ndarray:
    """The slices first, each cut to a box; a view."""
    rows, columns = place
    return np.moveaxis(volume, axis, 0)[:, rows, columns]


def _resized(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """(..., Y, X) at another size, linear, borders coincide."""
    rows, columns = (
        np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        for new, old in zip(size, maps.shape[-2:], strict=True)
    )
    return np.asarray(_along(_along(maps, rows, -2), columns, -1), np.float32)


def _along(maps: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    first = np.floor(places).astype(int)
    second = np.minimum(first + 1, maps.shape[axis] - 1)
    share = (places - first).astype(np.float32)
    share = share[:, None] if axis == -2 else share
    return (1 - share) * maps.take(first, axis) + share * maps.take(second, axis)


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    """Of all labels together; 1 where both are empty."""
    total = int((one > 0).sum() + (other > 0).sum())
    return 2 * float(((one == other) & (one > 0)).sum()) / total if total else 1.0

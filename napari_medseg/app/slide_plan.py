"""What will be done with an image larger than memory, decided before anything runs: level, tiles, what is left out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_medseg.app.greys import Greys, greys_of, shown, small_level
from napari_medseg.app.predict import PredictRequest, members_of
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import InputError
from napari_medseg.inference.device import resolve_device
from napari_medseg.inference.tiles import Place, TileGrid
from napari_medseg.inference.tissue import empty_under
from napari_medseg.io.label_blocks import BLOCK, Index
from napari_medseg.io.large import Large, Part
from napari_medseg.networks import get_spec
from napari_medseg.tasks import PIXEL_UM
from napari_medseg.weights import WeightsEntry, resolve_weights
from napari_medseg.words import tr, trn

# share of tiles with tissue from which a part is worth going to
WORTH = 0.4
# a level may be so much finer than what the network wants before tiles are made of a coarser one
_FINEST, _COARSEST = 0.02, 1000.0
# seconds a pass takes where nobody measured it
GUESS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePlan:
    """How a slide goes through a network.

    Attributes
    ----------
    path : Path
    request : PredictRequest
    shape : tuple of int
        (Y, X) of the full level, px.
    level : int
        That is read.
    down : tuple of float
        Pixels of the full level for each of that one, (y, x).
    grid : TileGrid
        On that level.
    pixel_um : float or None
        Side of a pixel as the network sees it; None where the slide does not say how large its pixels are.
    own_um : float or None
        Side of a pixel of the full level.
    picture : np.ndarray or None
        The whole slide, small, float32 in [0, 1], on which background was looked for; None: the slide has no small
        level, and each tile is looked at as it comes.
    window : tuple of float
        Values of the slide that are black and white.
    tiles : frozenset of (y, x) or None
        Corners of the tiles with tissue; None: not known before.
    seconds : float
        How long it takes, about.
    """

    path: Path
    request: PredictRequest
    shape: tuple[int, int]
    level: int
    down: tuple[float, float]
    grid: TileGrid
    pixel_um: float | None
    own_um: float | None
    picture: np.ndarray | None
    window: tuple[float, float]
    tiles: frozenset[Place] | None
    seconds: float

    @property
    def count(self) -> int:
        """Tiles that go through the network, at most."""
        return self.grid.count if self.tiles is None else len(self.tiles)

    def describe(self) -> str:
        """For the user, such as ``412 tissue tiles at 0.5 um/px, about 6 minutes``."""
        return tr("{what}, about {time}.", what=self.what(), time=lasts(self.seconds))

    def describe_in_sight(self) -> str:
        """The same where a person looks on."""
        return tr("{what}, about {time}; what you see first.", what=self.what(), time=lasts(self.seconds))

    def what(self) -> str:
        """What is done, without how long it takes."""
        at = tr("at {um:.2g} um/px", um=self.pixel_um) if self.pixel_um is not None else tr("at full resolution")
        if self.tiles is None:
            count = trn("{n} tile at most", "{n} tiles at most", self.count)
        else:
            count = trn("{n} tissue tile", "{n} tissue tiles", self.count)
        return tr("{tiles} {at}", tiles=count, at=at)

    def level_box(self, box: Part) -> tuple[int, int, int, int]:
        """The part of the level under a part of the full one, one pixel wider, px of the level."""
        lows = [max(0, math.floor(low / by) - 1) for low, by in zip(box[:2], self.down, strict=True)]
        highs = [
            min(n, math.ceil(high / by) + 1) for high, by, n in zip(box[2:], self.down, self.grid.shape, strict=True)
        ]
        return lows[0], lows[1], highs[0], highs[1]

    def share(self, box: Part) -> float:
        """Of a part of the full level, how much is tissue: the share of its tiles, 1 where nobody knows."""
        return len(self.places(box)) / len(self.grid.meeting(self.level_box(box)))

    def places(self, box: Part) -> list[Place]:
        """Tiles that go through the network for a part of the full level."""
        found = self.grid.meeting(self.level_box(box))
        return found if self.tiles is None else [place for place in found if place in self.tiles]


def lasts(seconds: float) -> str:
    """A while, for people."""
    if seconds < 90:
        return trn("{n} second", "{n} seconds", max(1, round(seconds)))
    if seconds < 90 * 60:
        return trn("{n} minute", "{n} minutes", round(seconds / 60))
    return trn("{n} hour", "{n} hours", round(seconds / 3600))


def wanted_um(entry: WeightsEntry, task: str = "") -> float | None:
    """Side of a pixel, um, at which a network knows its images; None where these have no one size."""
    if entry.spacing is not None and len(entry.spacing) == 2:
        return 1e3 * (entry.spacing[0] + entry.spacing[1]) / 2
    for name in (task, *entry.tasks):
        if name in PIXEL_UM:
            return PIXEL_UM[name]
    return None


def plan_slide(slide: Large, request: PredictRequest, *, task: str = "") -> SlidePlan:
    """Decide how a slide goes through a network; reads its small level, loads no network.

    Parameters
    ----------
    slide : Large
        An image.
    request : PredictRequest
        ``pixel_um`` is the side of a pixel as the network is to see it; None: as it was trained.
    task : str
        What is on it, where weights know several kinds.

    Raises
    ------
    InputError
        If the network is one for volumes, the pixel size cannot be used, or one was asked for and the slide does not
        say how large its own pixels are.
    ImageReadError
        If the slide cannot be read.
    """
    entry, _ = resolve_weights(request.network, request.weights)
    if get_spec(request.network).input.ndim != 2 or slide.volume:
        raise InputError(
            tr("{network} is no network for slides; expected one for images. Choose another.", network=request.network)
        )
    asked, own = request.pixel_um, slide.pixel_um
    if asked is not None and not _FINEST <= asked <= _COARSEST:
        raise InputError(
            tr(
                "The pixel size is {um} um; expected {low} to {high}. Choose for example 0.5.",
                um=asked,
                low=_FINEST,
                high=_COARSEST,
            )
        )
    if asked is not None and own is None:
        raise InputError(
            tr(
                "{path} does not say how large its pixels are, so that {um} um cannot be found on it; leave the pixel "
                "size out, and the network sees it at full resolution.",
                path=slide.path,
                um=asked,
            )
        )
    wanted = asked or wanted_um(entry, task)
    side = request.size or max(entry.input_size)
    level = slide.level_for(wanted)
    down = slide.levels[level].down
    # of a level that is finer than wanted, a tile is larger, and the network sees it smaller
    times = 1.0 if own is None or wanted is None else wanted / (own * down[-1])
    shape = (slide.levels[level].shape[0], slide.levels[level].shape[1])
    grid = TileGrid(shape, max(16, round(side * times)))
    picture, window = _picture(slide)
    tiles = None if picture is None else frozenset(_with_tissue(grid, picture))
    count = grid.count if tiles is None else len(tiles)
    return SlidePlan(
        path=slide.path,
        # of thousands of tiles, four times as many only where that is asked for
        request=replace(request, mirrored=bool(request.mirrored)),
        shape=(slide.shape[0], slide.shape[1]),
        level=level,
        down=(down[-2], down[-1]),
        grid=grid,
        pixel_um=None if own is None else own * down[-1] * grid.side / side,
        own_um=own,
        picture=picture,
        window=window,
        tiles=tiles,
        seconds=count * seconds_a_tile(request),
    )


def units_of(plan: SlidePlan, blocks: Iterable[Index]) -> list[tuple[Index, ...]]:
    """Blocks of labels that are worked on together, as their tiles are the same: squares of them, row by row."""
    times = max(1, round(plan.down[-1]))
    found: dict[Index, list[Index]] = {}
    for index in blocks:
        found.setdefault(tuple(n // times for n in index), []).append(index)
    return [tuple(unit) for unit in found.values()]


def in_order(units: Iterable[tuple[Index, ...]], first: Part | None) -> list[tuple[Index, ...]]:
    """What lies in or near a box (px of the full level) first; without one, row by row."""
    units = list(units)
    if first is None:
        return units
    middle = [(first[axis] + first[axis + 2]) / 2 for axis in (0, 1)]

    def far(unit: tuple[Index, ...]) -> float:
        away = []
        for axis in (0, 1):
            low = min(index[axis] for index in unit) * BLOCK[axis]
            high = (max(index[axis] for index in unit) + 1) * BLOCK[axis]
            away.append(max(low - middle[axis], 0.0, middle[axis] - high))
        return math.hypot(*away)

    return sorted(units, key=far)


def _picture(slide: Large) -> tuple[np.ndarray | None, Greys]:
    """The slide, small, in [0, 1], where it has a level that is small enough; values that are black and white."""
    level = small_level(slide)
    if level is None:
        return None, greys_of(slide)
    data = slide.read((0, 0, *slide.levels[level].shape), level)
    greys = greys_of(slide, data)
    return shown(data, greys), greys


def _with_tissue(grid: TileGrid, picture: np.ndarray) -> Iterable[Place]:
    scale = [n / whole for n, whole in zip(picture.shape[:2], grid.shape, strict=True)]
    for place in grid.meeting((0, 0, *grid.shape)):
        y0, x0, y1, x1 = grid.box(place)
        if not empty_under(picture, (y0 * scale[0], x0 * scale[1], y1 * scale[0], x1 * scale[1])):
            yield place


def _pace_key(request: PredictRequest) -> str:
    facts = ["tile", *(member.network for member in members_of(request)), str(request.size or ""), request.device]
    return " ".join([*facts, resolve_device(request.device).type, *(("mirrored",) if request.mirrored else ())])


def seconds_a_tile(request: PredictRequest) -> float:
    """As it was measured last on this computer, or a guess."""
    known = (load_settings().get("pace") or {}).get(_pace_key(request))
    return GUESS * len(members_of(request)) if known is None else float(known)


def note_seconds(request: PredictRequest, seconds: float) -> None:
    """Remember how long a tile took."""
    known = dict(load_settings().get("pace") or {})
    known[_pace_key(request)] = seconds
    save_settings(pace=known)

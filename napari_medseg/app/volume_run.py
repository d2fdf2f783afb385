"""Volumes larger than memory through a network: in overlapping windows, or slice by slice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.greys import greys_for
from napari_medseg.app.large_run import facts_asked
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.slide_plan import lasts, seconds_a_tile
from napari_medseg.errors import InputError
from napari_medseg.inference.plan import finest_axis
from napari_medseg.io.label_blocks import DEEP, Index, LabelBlocks
from napari_medseg.io.large import Large, Part
from napari_medseg.networks import get_spec
from napari_medseg.weights import resolve_weights
from napari_medseg.words import tr, trn

# sides of a block of a slice, px; and a slice is read whole, so that it has to fit
FLAT, MOST_SLICE = 2048, 100_000_000
FORM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePlan:
    """How a large volume goes through a network.

    Attributes
    ----------
    path : Path
    request : PredictRequest
    shape : tuple of int
        (Z, Y, X), voxels.
    axis : int or None
        Across which axis a network for images goes slice by slice; None: a network for volumes.
    halo : tuple of int
        Of a network for volumes: voxels around a block that are looked at too.
    window : tuple of float
        Values of the volume that are black and white.
    spacing : tuple of float or None
        Of its voxels (z, y, x), mm.
    count : int
        Slices, or blocks.
    seconds : float
        How long it takes, about.
    """

    path: Path
    request: PredictRequest
    shape: tuple[int, ...]
    axis: int | None
    halo: tuple[int, ...]
    window: tuple[float, float]
    spacing: tuple[float, ...] | None
    count: int
    seconds: float

    @property
    def block(self) -> tuple[int, ...]:
        """Sides of a block of its labels."""
        if self.axis is None:
            return DEEP
        return tuple(1 if axis == self.axis else FLAT for axis in range(3))

    def what(self) -> str:
        """What is done, without how long it takes."""
        if self.axis is None:
            return trn("{n} block of a volume", "{n} blocks of a volume", self.count)
        return tr("{n} slices across {axis}", n=self.count, axis="zyx"[self.axis])

    def describe(self) -> str:
        """For the user."""
        return tr("{what}, about {time}.", what=self.what(), time=lasts(self.seconds))


def plan_volume(volume: Large, request: PredictRequest) -> VolumePlan:
    """Decide how a large volume goes through a network; reads some of its slices, loads no network.

    Raises
    ------
    InputError
        If its slices are too large to be read whole.
    ImageReadError
        If it cannot be read.
    """
    entry, _ = resolve_weights(request.network, request.weights)
    spacing = volume.grid.spacing_mm
    if get_spec(request.network).input.ndim == 3:
        axis, halo = None, _halo(request.size or entry.input_size, spacing, entry.spacing)
        count = math.prod(-(-n // side) for n, side in zip(volume.shape, DEEP, strict=True))
    else:
        axis, halo = finest_axis(spacing), (0, 0, 0)
        count = volume.shape[axis]
        if math.prod(volume.shape) // count > MOST_SLICE:
            raise InputError(
                tr(
                    "{path} has slices of {size} px; expected at most {most}. Cut it into parts, or take a network for "
                    "volumes.",
                    path=volume.path,
                    size=math.prod(volume.shape) // count,
                    most=MOST_SLICE,
                )
            )
    return VolumePlan(
        path=volume.path,
        request=replace(request, mirrored=bool(request.mirrored)),
        shape=volume.shape,
        axis=axis,
        halo=halo,
        window=greys_for(volume, entry),
        spacing=spacing,
        count=count,
        seconds=count * seconds_a_tile(request),
    )


def _halo(
    sides: int | tuple[int, ...], spacing: tuple[float, ...] | None, trained: tuple[float, ...] | None
) -> tuple[int, ...]:
    """Half of the network's window, in voxels of the volume: as far as its windows overlap."""
    sides = (sides,) * 3 if isinstance(sides, int) else tuple(sides)
    times: tuple[float, ...] = (1.0,) * 3
    if spacing is not None and trained is not None:
        times = tuple(want / have for want, have in zip(trained, spacing, strict=True))
    return tuple(math.ceil(side / 2 * by) for side, by in zip(sides, times, strict=True))


def volume_facts(plan: VolumePlan) -> dict[str, Any]:
    """What its labels are made by: those of other facts are others."""
    facts = {"form": FORM, **facts_asked(plan.path, plan.request)}
    return {**facts, "axis": plan.axis, "halo": list(plan.halo), "window": list(plan.window)}


class VolumeRun:
    """Works on blocks of a volume's labels; safe to be ended at any moment.

    Parameters
    ----------
    volume : Large
    plan : VolumePlan
    store : LabelBlocks
        Made with :func:`volume_facts` of the plan, in blocks of its :attr:`VolumePlan.block`.
    """

    def __init__(self, volume: Large, plan: VolumePlan, store: LabelBlocks) -> None:
        self._volume, self.plan, self.store = volume, plan, store
        self.passes, self.seconds = 0, 0.0

    @property
    def count(self) -> int:
        """Slices, or blocks."""
        return self.plan.count

    def size(self, index: Index) -> int:
        """Each block is as much."""
        del index
        return 1

    def units(self, first: Part | None = None) -> list[tuple[Index, ...]]:
        """What is left to do: blocks by themselves, or all of a slice; near a box (z0, y0, x0, z1, y1, x1) first."""
        left = [index for index in self.store.blocks() if not self.store.done(index)]
        axis = self.plan.axis
        found: dict[Any, list[Index]] = {}
        for index in left:
            found.setdefault(index if axis is None else index[axis], []).append(index)
        units = [tuple(unit) for unit in found.values()]
        if first is None:
            return units

        def far(unit: tuple[Index, ...]) -> float:
            box = self.store.box(unit[0])
            axes = range(3) if axis is None else (axis,)
            return math.dist([(box[n] + box[n + 3]) / 2 for n in axes], [(first[n] + first[n + 3]) / 2 for n in axes])

        return sorted(units, key=far)

    def work(self, unit: tuple[Index, ...], check: Callable[[], None] = lambda: None) -> None:
        """Do some blocks; ``check`` is called before, and what it raises ends the work."""
        check()
        started = time.perf_counter()
        if self.plan.axis is None:
            for index in unit:
                self.store.write(index, self._window(self.store.box(index)))
        else:
            labels, low = self._slice(self.store.box(unit[0]))
            for index in unit:
                box = self.store.box(index)
                at = tuple(slice(box[n] - low[n], box[n + 3] - low[n]) for n in range(3))
                self.store.write(index, np.ascontiguousarray(labels[at]))
        self.passes += 1
        self.seconds += time.perf_counter() - started

    def _window(self, box: Part) -> np.ndarray:
        """Labels of a block, by a network for volumes that sees what is around it too."""
        lows = [max(0, box[n] - self.plan.halo[n]) for n in range(3)]
        highs = [min(self.plan.shape[n], box[n + 3] + self.plan.halo[n]) for n in range(3)]
        part = self._volume.read((*lows, *highs))
        found = predict_array(part, self.plan.request, spacing=self.plan.spacing, volume=True, window=self.plan.window)
        at = tuple(slice(box[n] - lows[n], box[n + 3] - lows[n]) for n in range(3))
        return np.ascontiguousarray(found.labels[at])

    def _slice(self, box: Part) -> tuple[np.ndarray, tuple[int, ...]]:
        """Labels of the whole slice that a block lies in, with one voxel along the axis, and where it begins."""
        axis = self.plan.axis
        assert axis is not None
        lows = tuple(box[n] if n == axis else 0 for n in range(3))
        highs = tuple(box[n + 3] if n == axis else self.plan.shape[n] for n in range(3))
        part = self._volume.read((*lows, *highs))
        request = replace(self.plan.request, pixel_um=None)
        found = predict_array(np.squeeze(part, axis), request, volume=False, window=self.plan.window)
        return np.expand_dims(found.labels, axis), lows

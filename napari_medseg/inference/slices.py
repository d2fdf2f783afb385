"""Volumes through a network for images: slice by slice, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_medseg.errors import ShapeError
from napari_medseg.inference.geometry import Geometry
from napari_medseg.inference.normalize import between, to_tensor
from napari_medseg.inference.normalize import ends_of as ends_of_values
from napari_medseg.inference.plan import PredictionPlan
from napari_medseg.inference.ways import Forward, Maps, Step, Way
from napari_medseg.networks import InputSpec

# px that go through the network at a time (eight slices of 256 x 256), and that these have in the volume
TOGETHER, AS_STORED = 8 * 256 * 256, 4 * 512 * 512
# values that are looked at for the percentiles of a volume: of a larger one, every so many-th along each axis
LOOKED_AT = 2**22


class Found(NamedTuple):
    """Of a whole image or volume, on its own grid."""

    maps: np.ndarray  # (C, *spatial), float32, in [0, 1]
    edges: np.ndarray | None = None  # spatial, float32, in [0, 1]
    spread: np.ndarray | None = None  # spatial, float32, in [0, 0.5]
    boxes: np.ndarray | None = None  # (N, 4: y0, x0, y1, x1), px


def ends_of(volume: np.ndarray) -> tuple[float, float] | None:
    """Which values become 0 and 1: those of the whole volume, by the rule that images go by.

    Each slice by itself would be another picture than its neighbours: an almost empty one would be stretched to noise.

    Parameters
    ----------
    volume : np.ndarray
        (Z, Y, X), any real dtype.

    Returns
    -------
    (low, high) or None
        None: there is nothing to tell apart. ``uint8`` gives (0, 255), and what lies in [0, 1] stays as it is; else
        the 0.5th and 99.5th percentile of the finite values.
    """
    step = max(1, int(np.ceil((volume.size / LOOKED_AT) ** (1 / 3))))
    return ends_of_values(volume[::step, ::step, ::step])


def check_volume(volume: np.ndarray) -> np.ndarray:
    """The array itself.

    Raises
    ------
    ShapeError
        If it is no volume of real numbers.
    """
    volume = np.asarray(volume)
    if volume.ndim != 3 or volume.dtype.kind not in "buif":
        raise ShapeError(
            f"volume has shape {volume.shape} and type {volume.dtype}; expected (Z, Y, X) real numbers. Choose a "
            "single grey volume."
        )
    return volume


def grey01(cut: np.ndarray, ends: tuple[float, float] | None) -> np.ndarray:
    """A slice (Y, X) as three equal channels (Y, X, 3), float32, in [0, 1]; what is not finite becomes 0."""
    return np.repeat(between(cut, ends)[..., None], 3, axis=-1)


class SliceWay:
    """A few slices at once; maps have an axis of slices behind that of the channels.

    Parameters
    ----------
    cuts : sequence of np.ndarray
        (Y, X, 3) each, float32, in [0, 1].
    plan : PredictionPlan
    source : InputSpec
    most : int or None
        Boxes to segment at most in each slice, of those that the network finds.
    """

    def __init__(
        self, cuts: Sequence[np.ndarray], plan: PredictionPlan, source: InputSpec, *, most: int | None
    ) -> None:
        self._geometry = Geometry(cuts[0].shape[:2], plan.network_size)
        self._tensor = torch.cat([to_tensor(self._geometry.forward(cut), source) for cut in cuts])
        self._options: dict[str, Any] = {} if most is None else {"most": most}

    def view(self, axes: Sequence[int], forward: Forward, step: Step) -> Maps:
        """See :class:`~napari_medseg.inference.ways.Way`."""
        maps = forward(self._tensor.flip(axes) if axes else self._tensor, together=True, **self._options)
        step(1.0)
        return maps.flipped(axes)

    def back(self, maps: Tensor) -> np.ndarray:
        """See :class:`~napari_medseg.inference.ways.Way`."""
        channels, count = maps.shape[:2]
        flat = self._geometry.inverse(maps.reshape(-1, *maps.shape[2:]).numpy())
        return flat.reshape(channels, count, *flat.shape[1:])

    def keep(self, maps: np.ndarray) -> None:
        """All of it."""

    def boxes(self, found: Tensor | None) -> np.ndarray | None:
        """Those of slices are not shown."""
        return None


def slice_by_slice(
    volume: np.ndarray,
    plan: PredictionPlan,
    source: InputSpec,
    *,
    most: int | None,
    times: int = 1,
    window: Sequence[float] | None = None,
    views: Callable[[Way, Step], tuple[Maps, Tensor | None]],
    step: Callable[[float, str], None],
) -> Found:
    """A volume's maps. In memory there are, beside these, a few slices at a time.

    Parameters
    ----------
    volume : np.ndarray
        (Z, Y, X), any real dtype.
    plan : PredictionPlan
        With the axis across which the slices lie.
    source : InputSpec
    most : int or None
        As :class:`SliceWay` takes it.
    times : int
        So many times as many slices at a time as suit a CPU.
    window : (low, high), optional
        Values that become 0 and 1; default: as :func:`ends_of` says.
    views : callable
        Slices through the network: their maps (C, n, h, w), and how far copies disagree (1, n, h, w).
    step : callable
        Told the share done, and which slices come next, before each few.

    Raises
    ------
    ShapeError
        If the array is no volume of real numbers.
    """
    volume = check_volume(volume)
    assert plan.axis is not None
    stack = np.moveaxis(volume, plan.axis, 0)
    ends = ends_of(volume) if window is None else (float(window[0]), float(window[1]))
    sizes = ((TOGETHER, plan.network_size), (AS_STORED, plan.slice_size))
    count, few = len(stack), max(1, min(times * px // math.prod(size) for px, size in sizes))
    whole: dict[str, np.ndarray] = {}

    def put(name: str, part: np.ndarray, first: int, most: float) -> None:
        """(K, n, Y, X) in its place."""
        if name not in whole:
            whole[name] = np.empty((len(part), count, *part.shape[2:]), np.float32)
        np.clip(part, 0, most, out=whole[name][:, first : first + part.shape[1]])

    for first in range(0, count, few):
        last = min(first + few, count)
        step(first / count, f"slices {first} to {last - 1} of {count - 1}")
        way = SliceWay([grey01(cut, ends) for cut in stack[first:last]], plan, source, most=most)
        found, spread = views(way, lambda share: None)
        put("maps", way.back(found.probabilities), first, 1)
        if found.edges is not None:
            put("edges", way.back(found.edges), first, 1)
        if spread is not None:
            put("spread", way.back(spread), first, 0.5)
    turned = {name: np.moveaxis(maps, 1, plan.axis + 1) for name, maps in whole.items()}
    one = {name: maps[0] for name, maps in turned.items() if name != "maps"}
    return Found(turned["maps"], one.get("edges"), one.get("spread"))

"""Augmentation of whole batches in torch, on the device of the network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.errors import UnknownNameError

Span = tuple[float, float]
# coarse field of a warp: so many nodes a side, of two or three directions
NODES = 5
# uniform numbers that a sample is given; what a plan needs stays below
DRAWS = 24 + 3 * NODES**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What may happen to a sample, as data. A chance comes first, then the span it is drawn from.

    Parameters
    ----------
    flips : tuple of float
        Chance that a spatial axis is mirrored, the first axis first; axes beyond never are.
    quarter : float
        Chance of one to three quarter turns.
    affine : float
        Chance of the next five together.
    turn : float
        Radians to either side, in the plane of the last two axes.
    zoom, stretch : Span
        Factor of all sides; logarithm of the factor by which one side gains what the other loses.
    shear, shift : float
        To either side; a shift in shares of a side.
    warp : tuple of float
        Chance, and largest displacement in shares of a side, of a smooth random field.
    brightness, contrast, saturation, cast, gamma : tuple of float
        Chance and span of a factor; contrast is around the sample's mean, saturation around grey, a cast is a factor a
        channel, gamma a power.
    blur : float
        Chance of a mean over 3 x 3.
    noise : tuple of float
        Chance and standard deviation.
    """

    flips: tuple[float, ...] = ()
    quarter: float = 0.0
    affine: float = 0.0
    turn: float = 0.0
    zoom: Span = (1.0, 1.0)
    stretch: Span = (0.0, 0.0)
    shear: float = 0.0
    shift: float = 0.0
    warp: tuple[float, float] = (0.0, 0.0)
    brightness: tuple[float, float, float] = (0.0, 1.0, 1.0)
    contrast: tuple[float, float, float] = (0.0, 1.0, 1.0)
    saturation: tuple[float, float, float] = (0.0, 1.0, 1.0)
    cast: tuple[float, float, float] = (0.0, 1.0, 1.0)
    gamma: tuple[float, float, float] = (0.0, 1.0, 1.0)
    blur: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)


# 'full' and 'strong' are ours; 'turned' is LGMSNet's and CMUNeXt's, 'tilted' DyMAS-Net's, 'detected' DCSNet's, with the
# chances and spans of its published loader. In a volume only left and right may be exchanged: front and back, head and
# foot look and are called otherwise
AUGMENTATIONS: Mapping[str, Plan] = {
    "full": Plan(
        flips=(0.5, 0.5), quarter=0.5, affine=0.5, turn=0.35, zoom=(0.8, 1.2), shear=0.1,
        gamma=(0.3, 0.7, 1.5), cast=(0.3, 0.8, 1.2), noise=(0.15, 0.03),
    ),
    "strong": Plan(
        flips=(0.5, 0.5), affine=0.9, turn=math.pi, zoom=(0.65, 1.25), stretch=(-0.15, 0.15), shear=0.15, shift=0.1,
        warp=(0.4, 0.04), brightness=(0.5, 0.7, 1.3), contrast=(0.5, 0.7, 1.4), saturation=(0.5, 0.4, 1.6),
        cast=(0.4, 0.85, 1.15), gamma=(0.4, 0.6, 1.6), blur=0.15, noise=(0.25, 0.04),
    ),
    "turned": Plan(flips=(0.5, 0.5), quarter=0.5),
    "tilted": Plan(flips=(0.5, 0.5), affine=0.5, turn=math.radians(15)),
    "detected": Plan(
        flips=(0.3, 0.5), quarter=0.3, affine=0.4, turn=math.radians(15), zoom=(0.9, 1.1), shift=0.05, warp=(0.2, 0.03),
        brightness=(0.4, 0.85, 1.15), contrast=(0.4, 0.85, 1.15), gamma=(0.2, 0.8, 1.2), blur=0.2, noise=(0.2, 0.02),
    ),
    "volume": Plan(
        flips=(0.0, 0.0, 0.5), affine=0.5, turn=math.radians(12), zoom=(0.85, 1.15),
        gamma=(0.3, 0.7, 1.5), brightness=(0.3, 0.8, 1.2), noise=(0.15, 0.03),
    ),
}  # fmt: skip


class _Draws:
    """Uniform numbers of each sample, handed out in order; which sample gets which depends on its seed alone."""

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        rows = []
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed % 2**63)
            rows.append(torch.rand(DRAWS, generator=generator))
        self._rows, self._next = torch.stack(rows).to(device), 0

    def uniform(self, low: float, high: float, count: int = 1) -> Tensor:
        """(B, count), in the span."""
        found = self._rows[:, self._next : self._next + count]
        self._next += count
        return low + (high - low) * found

    def chance(self, share: float) -> Tensor:
        """(B, 1), True in this share of cases."""
        return self.uniform(0.0, 1.0) < share

    def maybe(self, chance: float, low: float, high: float, *, neutral: float = 1.0, count: int = 1) -> Tensor:
        """(B, count): a number of the span, or what changes nothing."""
        drawn, value = self.chance(chance), self.uniform(low, high, count)
        return torch.where(drawn, value, torch.full_like(value, neutral))


class Augmentation:
    """Changes a batch of images and their masks alike.

    What it does to a sample depends on the seed given with the sample and on nothing else, so that a run that
    resumes, or one that is shared among processes, sees what it would have seen.

    Parameters
    ----------
    name : str
        One of :data:`AUGMENTATIONS`.
    view : int or None
        Side of the result, px, of images: a square part of each, anywhere in it. None: all of it.

    Raises
    ------
    UnknownNameError
        If there is none of this name.
    """

    def __init__(self, name: str = "full", *, view: int | None = None) -> None:
        if name not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", name, tuple(AUGMENTATIONS))
        self.plan, self.view = AUGMENTATIONS[name], view

    def __call__(self, images: Tensor, masks: Tensor, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Change each pair in a way of its own.

        Parameters
        ----------
        images : Tensor
            (B, C, *spatial), float, in [0, 1].
        masks : Tensor
            (B, 1 or more, *spatial), uint8: class index, and what belongs to it.
        seeds : sequence of int
            One a sample; decides everything.

        Returns
        -------
        images : Tensor
            As given, in [0, 1]; of views (B, C, view, view).
        masks : Tensor
            As given, uint8; of views as large as these.
        """
        draws = _Draws(seeds, images.device)
        grid = sampling_grid(self.plan, draws, tuple(images.shape[2:]), self.view)
        read = {"padding_mode": "reflection", "align_corners": False}
        images = F.grid_sample(images, grid, mode="bilinear", **read)
        masks = F.grid_sample(masks.float(), grid, mode="nearest", **read).round().to(torch.uint8)
        images = shade(self.plan, draws, images)
        if self.plan.noise[0]:
            noisy = draws.chance(self.plan.noise[0])[:, 0].tolist()
            for number, (seed, on) in enumerate(zip(seeds, noisy, strict=True)):
                if on:
                    generator = torch.Generator(images.device).manual_seed((seed + 1) % 2**63)
                    sample = images[number]
                    noise = torch.randn(sample.shape, device=images.device, generator=generator)
                    images[number] = sample + self.plan.noise[1] * noise
        return images.clamp(0, 1), masks


def sampling_grid(plan: Plan, draws: _Draws, sides: tuple[int, ...], view: int | None = None) -> Tensor:
    """Where each pixel of the result is read: (B, *sides, ndim) in [-1, 1], the last axis first, as torch samples.

    Of views, (B, view, view, 2).
    """
    ndim = len(sides)
    drawn = draws.chance(plan.affine)

    def maybe(low: float, high: float, neutral: float) -> Tensor:
        value = draws.uniform(low, high)
        return torch.where(drawn, value, torch.full_like(value, neutral))[:, 0]

    quarters = draws.maybe(plan.quarter, 1.0, 4.0, neutral=0.0)[:, 0].floor().clamp(max=3)
    angle = maybe(-plan.turn, plan.turn, 0.0) + quarters * (math.pi / 2)
    zoom, stretch = maybe(*plan.zoom, 1.0), maybe(*plan.stretch, 0.0).exp()
    shear, shifts = maybe(-plan.shear, plan.shear, 0.0), [maybe(-plan.shift, plan.shift, 0.0) for _ in range(2)]
    chances = (*plan.flips, *(0.0,) * ndim)[:ndim]
    sign = [1.0 - 2.0 * draws.chance(chance)[:, 0].float() if chance else None for chance in chances]

    # x, y, z: the last axis first. In pixels, so that a turn in an oblong window stays a turn
    linear = torch.eye(ndim, device=angle.device).repeat(len(angle), 1, 1)
    cos, sin = angle.cos(), angle.sin()
    linear[:, 0, 0], linear[:, 0, 1] = cos * zoom * stretch, -sin * zoom / stretch + shear
    linear[:, 1, 0], linear[:, 1, 1] = sin * zoom * stretch + shear, cos * zoom / stretch
    for axis in range(2, ndim):
        linear[:, axis, axis] = zoom
    for axis, flip in enumerate(reversed(sign)):
        if flip is not None:
            linear[:, :, axis] = linear[:, :, axis] * flip[:, None]
    lengths = torch.tensor(sides[::-1], dtype=linear.dtype, device=linear.device)
    linear = linear * lengths[None, None, :] / lengths[None, :, None]
    offset = linear.new_zeros(len(angle), ndim, 1)
    for axis, shift in enumerate(shifts):
        offset[:, axis, 0] = 2 * shift
    seen = sides if view is None else (view,) * ndim
    if view is not None:
        share = view / lengths
        linear = linear * share[None, None, :]
        offset = offset + ((1 - share) * draws.uniform(-1.0, 1.0, ndim))[:, :, None]
    grid = F.affine_grid(torch.cat((linear, offset), dim=2), [len(angle), 1, *seen], align_corners=False)
    if plan.warp[0]:
        on = draws.chance(plan.warp[0]).float()
        nodes = draws.uniform(-2 * plan.warp[1], 2 * plan.warp[1], ndim * NODES**ndim) * on
        nodes = nodes.reshape(len(angle), ndim, *(NODES,) * ndim)
        mode = "bicubic" if ndim == 2 else "trilinear"
        field = F.interpolate(nodes, size=seen, mode=mode, align_corners=False)
        grid = grid + field.movedim(1, -1)
    return grid


def shade(plan: Plan, draws: _Draws, images: Tensor) -> Tensor:
    """Change intensities; not yet clipped to [0, 1]."""

    def factor(how: tuple[float, float, float], count: int = 1) -> Tensor:
        return draws.maybe(how[0], how[1], how[2], count=count).reshape(-1, count, *(1,) * (images.dim() - 2))

    spatial = tuple(range(1, images.dim()))
    if plan.brightness[0]:
        images = images * factor(plan.brightness)
    if plan.contrast[0]:
        mean = images.mean(dim=spatial, keepdim=True)
        images = (images - mean) * factor(plan.contrast) + mean
    if plan.saturation[0]:
        grey = images.mean(dim=1, keepdim=True)
        images = (images - grey) * factor(plan.saturation) + grey
    if plan.cast[0]:
        images = images * factor(plan.cast, images.shape[1])
    if plan.gamma[0]:
        # zero has no slope under a root, and none is needed: nothing is learned through it
        images = images.clamp(1e-6, 1) ** factor(plan.gamma)
    if plan.blur:
        on = draws.chance(plan.blur).reshape(-1, *(1,) * (images.dim() - 1))
        pool = F.avg_pool2d if images.dim() == 4 else F.avg_pool3d
        images = torch.where(on, pool(images, 3, stride=1, padding=1, count_include_pad=False), images)
    return images

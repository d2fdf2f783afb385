"""Pairs on disk to tensors in memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.classes import MOST_CLASS, Classes
from napari_medseg.errors import InputError
from napari_medseg.inference.normalize import standardise, to_rgb01
from napari_medseg.io import PLAIN, LabelRule, MaskLabels, fit_mask, read_image, read_mask, read_numbers
from napari_medseg.networks import InputSpec
from napari_medseg.project.run_spec import Pair
from src_train.augment import Augmentation
from src_train.targets import VOID

_log = logging.getLogger(__name__)

Key = tuple[int, int]
"""Index of a pair, seed of its augmentation."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A pair at its own size: image as read, mask (Y, X) or (Z, Y, X) uint8 channel of the class, counted from 1, or
    :data:`VOID`; voxel size of a volume, mm; of an image, pixels (Y, X) that count for more; of a part of a large one,
    values that are black and white in the whole.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    weight: float = 1.0
    spacing: tuple[float, ...] | None = None
    focus: np.ndarray | None = None
    window: tuple[float, float] | None = None


def load_pair(pair: Pair, folder: Path, *, classes: Classes | int, rule: LabelRule = PLAIN) -> Sample:
    """Read a pair, lay the mask on its image, and check that its numbers are those of classes.

    Parameters
    ----------
    pair : Pair
    folder : Path
        Relative paths count from here.
    classes : mapping of int to str, or int
        Names of the classes by their numbers, in the order of the network's channels; or how many, numbered from 1.
    rule : LabelRule
        What else numbers stand for.

    Raises
    ------
    ImageReadError
        If a file cannot be read.
    ShapeError
        If the mask does not lie on its image.
    InputError
        If the mask holds a number that is no class.
    """
    if isinstance(classes, int):
        classes = {number: f"class {number}" for number in range(1, classes + 1)}
    image_path, mask_path = folder / pair.image, folder / pair.mask
    image, mask = read_image(image_path, part=pair.window is not None), read_numbers(mask_path)
    mask, told = fit_mask(image, mask, image_path=image_path, mask_path=mask_path)
    if told:
        _log.warning("%s", told)
    found = (PLAIN if pair.white else rule).apply(mask, classes=classes, path=mask_path)
    spacing = image.spacing if image.volume else None
    focus = read_mask(folder / pair.focus) > 0 if pair.focus else None
    return Sample(pair.name, image.data, to_channels(found, tuple(classes)), pair.weight, spacing, focus, pair.window)


def load_pairs(pairs: Sequence[Pair], folder: Path, **how: Any) -> list[Sample]:
    """As :func:`load_pair`, several at once: decoding lets other threads go on."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(partial(load_pair, folder=folder, **how), pairs))


def to_channels(found: MaskLabels, labels: Sequence[int]) -> np.ndarray:
    """Channel of each pixel's class, counted from 1, 0 for the background, :data:`VOID` where it does not count: uint8.

    Numbers become channels here and nowhere else; the predictor turns them back.

    Raises
    ------
    InputError
        If there are more classes than a byte holds beside what does not count.
    """
    if len(labels) >= VOID:
        raise InputError(f"there are {len(labels)} classes; expected at most {VOID - 1}. Leave some out.")
    table = np.zeros(MOST_CLASS + 1, np.uint8)
    table[list(labels)] = np.arange(1, len(labels) + 1)
    channels = table[found.numbers]
    if found.ignored is not None:
        channels[found.ignored] = VOID
    return channels


def resize_mask(mask: Tensor, size: tuple[int, int], classes: int) -> Tensor:
    """Resize a map of channels by the largest share of each pixel.

    Parameters
    ----------
    mask : Tensor
        (Y, X), uint8: channel of the class, or :data:`VOID`.
    size : tuple of int
        (H, W).
    classes : int
        Foreground classes.

    Returns
    -------
    Tensor
        (1, H, W), uint8.
    """
    if tuple(mask.shape) == size:
        return mask[None]
    void = mask == VOID
    count = classes + 1 + bool(void.any())
    index = mask.long().masked_fill(void, classes + 1)
    shares = F.one_hot(index, count).permute(2, 0, 1)[None].float()  # (1, count, Y, X)
    small = F.interpolate(shares, size=size, mode="bilinear", antialias=True, align_corners=False)
    found = small[0].argmax(dim=0, keepdim=True).to(torch.uint8)
    return found.masked_fill(found == classes + 1, VOID)


class TrainingSet:
    """All training pairs, resized once and kept as bytes, on the device where they take up a quarter of its memory at
    most.

    Parameters
    ----------
    samples : sequence of Sample
    sides : tuple of int
        (y, x) of the network's input, px.
    classes : int
        Foreground classes.
    augmentation : Augmentation or None
    input : InputSpec
        Gives mean, standard deviation and order of the channels.
    device : torch.device
        Of the network.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        sides: tuple[int, ...],
        classes: int,
        augmentation: Augmentation | None,
        input: InputSpec,
        device: torch.device | None = None,
    ) -> None:
        self._augmentation, self._input = augmentation, input
        self._device = torch.device("cpu") if device is None else device
        self.weights = [sample.weight for sample in samples]
        size = (sides[0], sides[1])
        # the focus lies beside the mask, so that both are augmented alike
        focused = any(sample.focus is not None for sample in samples)
        self._images = torch.empty((len(samples), 3, *size), dtype=torch.uint8)
        self._masks = torch.empty((len(samples), 1 + focused, *size), dtype=torch.uint8)
        for number, sample in enumerate(samples):
            grey = to_rgb01(sample.image, window=sample.window)
            small = torch.from_numpy(np.ascontiguousarray(grey)).permute(2, 0, 1)[None]
            if tuple(small.shape[2:]) != size:
                small = F.interpolate(small, size=size, mode="bilinear", antialias=True, align_corners=False)
            self._images[number] = (small[0] * 255).round().clamp_(0, 255).to(torch.uint8)
            self._masks[number, :1] = resize_mask(torch.from_numpy(sample.mask), size, classes)
            if focused:
                focus = np.zeros(sample.mask.shape, bool) if sample.focus is None else sample.focus
                found = F.adaptive_max_pool2d(torch.from_numpy(focus)[None].float(), size)
                self._masks[number, 1:] = found.to(torch.uint8)
        if fits(self._images.nbytes + self._masks.nbytes, self._device):
            self._images, self._masks = self._images.to(self._device), self._masks.to(self._device)

    def __len__(self) -> int:
        return len(self._images)

    def batch(self, keys: Sequence[Key]) -> tuple[Tensor, Tensor]:
        """Pairs by index, each augmented by its seed, on the device.

        Returns
        -------
        images : Tensor
            (B, 3, H, W), float32, normalised.
        masks : Tensor
            (B, 1, H, W), uint8; where a sample has pixels that count for more, (B, 2, H, W): mask and focus.
        """
        index = torch.tensor([index for index, _ in keys], device=self._images.device)
        images, masks = self._images[index].to(self._device).float() / 255, self._masks[index].to(self._device)
        if self._augmentation is not None:
            images, masks = self._augmentation(images, masks, [seed for _, seed in keys])
        return standardise(images, self._input), masks


def fits(size: int, device: torch.device) -> bool:
    """Whether so many bytes leave a graphics card's memory to the network; other devices have none of their own."""
    return device.type == "cuda" and size < torch.cuda.mem_get_info(device)[0] / 4


def draw_batches(
    weights: Sequence[float], batch_size: int, *, seed: int, epoch: int, images: int | None = None
) -> list[list[Key]]:
    """What an epoch sees, as seed and epoch decide: each pair once, or ``images`` of them by weight.

    A last batch of one image joins the batch before it: batch norm cannot learn from a single small map.

    Returns
    -------
    list of list of (index, seed of its augmentation)
    """
    rng = np.random.default_rng((seed, epoch))
    shares = np.array(weights, dtype=float) / np.sum(weights)
    count = len(shares)
    order = rng.permutation(count) if images is None else rng.choice(count, images, p=shares)
    first = (seed * 1_000_003 + epoch) * 100_003
    # a pair that is drawn twice is changed in two ways: its place in the order counts, not its number
    places = order.tolist() if images is None else range(len(order))
    drawn = [(index, first + place) for index, place in zip(order.tolist(), places, strict=True)]
    return split_batches(drawn, batch_size)


Item = TypeVar("Item")


def split_batches(order: list[Item], batch_size: int) -> list[list[Item]]:
    """Cut into batches; a last batch of one joins the one before it."""
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2].extend(batches.pop())
    return batches

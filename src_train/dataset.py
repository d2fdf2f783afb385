"""Pairs on disk to tensors in memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.errors import ShapeError
from napari_medseg.inference.normalize import standardise, to_rgb01
from napari_medseg.io import fit_mask, read_image, read_mask
from napari_medseg.networks import InputSpec
from napari_medseg.project.runs import Pair
from src_train.augment import Augmentation

_log = logging.getLogger(__name__)

Key = tuple[int, int]
"""Index of a pair, seed of its augmentation."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A pair at its own size: image as read, mask (Y, X) or (Z, Y, X) uint8 class index, voxel size of a volume, mm;
    of an image, pixels (Y, X) that count for more.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    weight: float = 1.0
    spacing: tuple[float, ...] | None = None
    focus: np.ndarray | None = None


def load_pair(pair: Pair, folder: Path, *, classes: int) -> Sample:
    """Read a pair and lay the mask on its image.

    Parameters
    ----------
    pair : Pair
    folder : Path
        Relative paths count from here.
    classes : int
        Foreground classes; with one, every label above 0 counts as 1.

    Raises
    ------
    ImageReadError
        If a file cannot be read.
    ShapeError
        If the mask does not lie on its image, or has labels that no class can have.
    """
    image_path, mask_path = folder / pair.image, folder / pair.mask
    image, mask = read_image(image_path), read_mask(mask_path)
    mask, told = fit_mask(image, mask, image_path=image_path, mask_path=mask_path)
    if told:
        _log.warning(told)
    if classes == 1:
        # objects may be numbered far beyond what a byte holds
        mask = mask > 0
    elif mask.max() > 255:
        raise ShapeError(
            f"mask {mask_path} has labels up to {mask.max()}; {classes} classes are numbered from 1 to {classes}. "
            "Renumber the labels."
        )
    spacing = image.spacing if image.volume else None
    focus = read_mask(folder / pair.focus) > 0 if pair.focus else None
    return Sample(pair.name, image.data, mask.astype(np.uint8), pair.weight, spacing, focus)


def resize_mask(mask: Tensor, size: tuple[int, int], classes: int) -> Tensor:
    """Resize a class index map by the largest share of each pixel.

    Parameters
    ----------
    mask : Tensor
        (Y, X), uint8 class index.
    size : tuple of int
        (H, W).
    classes : int
        Foreground classes; with one, every index above 0 counts as 1.

    Returns
    -------
    Tensor
        (1, H, W), uint8.
    """
    index = (mask > 0).long() if classes == 1 else mask.long().clamp(max=classes)
    shares = F.one_hot(index, classes + 1).permute(2, 0, 1)[None].float()  # (1, K + 1, Y, X)
    small = F.interpolate(shares, size=size, mode="bilinear", antialias=True, align_corners=False)
    return small[0].argmax(dim=0, keepdim=True).to(torch.uint8)


class TrainingSet:
    """All training pairs, resized once and kept in memory as bytes.

    Parameters
    ----------
    samples : sequence of Sample
    sides : tuple of int
        (y, x) of the network's input, px.
    classes : int
        Foreground classes.
    augmentation : Augmentation or None
    spec : InputSpec
        Gives mean and standard deviation.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        sides: tuple[int, ...],
        classes: int,
        augmentation: Augmentation | None,
        spec: InputSpec,
    ) -> None:
        self._augmentation, self._spec = augmentation, spec
        self.weights = [sample.weight for sample in samples]
        self._images: list[Tensor] = []
        self._masks: list[Tensor] = []
        size = (sides[0], sides[1])
        for sample in samples:
            image = torch.from_numpy(np.ascontiguousarray(to_rgb01(sample.image))).permute(2, 0, 1)[None]
            small = F.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)
            self._images.append((small[0] * 255).round().clamp_(0, 255).to(torch.uint8))
            self._masks.append(resize_mask(torch.from_numpy(sample.mask), size, classes))
        if any(sample.focus is not None for sample in samples):
            # beside the mask, so that both are augmented alike
            for number, sample in enumerate(samples):
                focus = np.zeros(sample.mask.shape, bool) if sample.focus is None else sample.focus
                small = F.adaptive_max_pool2d(torch.from_numpy(focus)[None].float(), size)
                self._masks[number] = torch.cat((self._masks[number], small.to(torch.uint8)))

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        """The pair at an index, augmented by a seed: (3, H, W) float32 normalised, (1, H, W) uint8; where a sample has
        pixels that count for more, (2, H, W): mask and focus.
        """
        index, seed = key
        image, mask = self._images[index].float() / 255, self._masks[index]
        if self._augmentation is not None:
            image, mask = self._augmentation(image, mask, seed=seed)
        return standardise(image, self._spec), mask


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


def stack(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Images (B, C, *spatial) float32 and masks (B, 1, *spatial) uint8 of pairs."""
    return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])


Item = TypeVar("Item")


def split_batches(order: list[Item], batch_size: int) -> list[list[Item]]:
    """Cut into batches; a last batch of one joins the one before it."""
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2].extend(batches.pop())
    return batches

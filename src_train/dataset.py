"""Pairs on disk to tensors in memory."""

from __future__ import annotations

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
from napari_medseg.io import check_pair, read_image, read_mask
from napari_medseg.networks import InputSpec
from napari_medseg.project.runs import Pair
from src_train.augment import Augmentation

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
    """Read a pair and check that its two sizes agree.

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
        If the mask has another size than its image, or labels that no class can have.
    """
    image_path, mask_path = folder / pair.image, folder / pair.mask
    image, mask = read_image(image_path), read_mask(mask_path)
    check_pair(image, mask, image_path=image_path, mask_path=mask_path)
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
            image = torch.from_numpy(np.ascontiguousarray(to_rgb01(sample.image))).permute(2, 0, 1)[None]
            small = F.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)
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

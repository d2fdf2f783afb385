"""Volumes on disk to windows in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_medseg.inference.normalize import standardise
from napari_medseg.inference.volume import resize_volume, to_grey01
from napari_medseg.inference.windows import resampled_size
from napari_medseg.networks import InputSpec
from src_train.augment import Augmentation
from src_train.dataset import Key, Sample
from src_train.targets import VOID

FOREGROUND_SHARE = 0.5


class TrainingVolumes:
    """All training volumes in memory; each draw is a window of one.

    Parameters
    ----------
    samples : sequence of Sample
    sides : tuple of int
        (z, y, x) of a window, px.
    classes : int
        Foreground classes.
    augmentation : Augmentation or None
    input : InputSpec
    spacing : tuple of float or None
        Voxels (z, y, x), mm, to resample to.
    window : tuple of float or None
        Intensities that count as 0 and 1, where a sample has none of its own.
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
        spacing: tuple[float, ...] | None,
        window: tuple[float, float] | None,
        device: torch.device | None = None,
    ) -> None:
        self._sides, self._augmentation, self._input = sides, augmentation, input
        self._device = torch.device("cpu") if device is None else device
        self.weights = [sample.weight for sample in samples]
        self._images: list[np.ndarray] = []
        self._masks: list[np.ndarray] = []
        for sample in samples:
            size = resampled_size(sample.mask.shape, sample.spacing, spacing)
            image = resize_volume(to_grey01(sample.image, window=sample.window or window)[None], size)[0]
            kinds = [*range(classes + 1), *([VOID] if (sample.mask == VOID).any() else [])]
            shares = np.stack([(sample.mask == kind).astype(np.float32) for kind in kinds])
            mask = np.array(kinds, np.uint8)[resize_volume(shares, size).argmax(axis=0)]
            margin = [(0, max(0, side - n)) for side, n in zip(sides, size, strict=True)]
            self._images.append(np.pad(image, margin, mode="edge"))
            self._masks.append(np.pad(mask, margin))

    def __len__(self) -> int:
        return len(self._images)

    def batch(self, keys: Sequence[Key]) -> tuple[Tensor, Tensor]:
        """A window of the volume at each index, where and how its seed says, on the device: (B, 1, *sides) float32 and
        uint8.
        """
        images, masks = [], []
        for index, seed in keys:
            part = self._place(self._masks[index], np.random.default_rng(seed))
            images.append(torch.from_numpy(self._images[index][part][None].copy()))
            masks.append(torch.from_numpy(self._masks[index][part][None].copy()))
        image, mask = torch.stack(images).to(self._device), torch.stack(masks).to(self._device)
        if self._augmentation is not None:
            image, mask = self._augmentation(image, mask, [seed for _, seed in keys])
        return standardise(image, self._input), mask

    def _place(self, mask: np.ndarray, rng: np.random.Generator) -> tuple[slice, ...]:
        """Half of the windows lie around a voxel of the foreground, the others anywhere."""
        room = [n - side for n, side in zip(mask.shape, self._sides, strict=True)]
        found = np.argwhere((mask > 0) & (mask != VOID)) if rng.random() < FOREGROUND_SHARE else np.empty((0, 3))
        if len(found):
            middle = found[rng.integers(len(found))]
            starts = [int(np.clip(m - side // 2, 0, r)) for m, side, r in zip(middle, self._sides, room, strict=True)]
        else:
            starts = [int(rng.integers(r + 1)) for r in room]
        return tuple(slice(start, start + side) for start, side in zip(starts, self._sides, strict=True))

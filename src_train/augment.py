"""Paired augmentation of images and masks, by MONAI."""

from __future__ import annotations

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandRotate90d,
    RandScaleIntensityd,
)
from torch import Tensor

_BOTH = ("image", "mask")


class Augmentation:
    """Flips, quarter turns, small affine changes, gamma, brightness and noise.

    What it does to a sample depends on the seed given with the sample and on nothing else, so that a run that
    resumes sees what it would have seen.
    """

    def __init__(self) -> None:
        self._transform = Compose(
            [
                RandFlipd(_BOTH, prob=0.5, spatial_axis=0),
                RandFlipd(_BOTH, prob=0.5, spatial_axis=1),
                RandRotate90d(_BOTH, prob=0.5, max_k=3),
                RandAffined(
                    _BOTH,
                    prob=0.5,
                    rotate_range=0.35,
                    scale_range=0.2,
                    shear_range=0.1,
                    mode=("bilinear", "nearest"),
                    padding_mode="reflection",
                ),
                RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
                RandScaleIntensityd("image", prob=0.3, factors=0.2, channel_wise=True),
                RandGaussianNoised("image", prob=0.15, std=0.03),
            ]
        )

    def __call__(self, image: Tensor, mask: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
        """Change a pair in the same way.

        Parameters
        ----------
        image : Tensor
            (C, H, W), float, in [0, 1].
        mask : Tensor
            (1, H, W), uint8 class index.
        seed : int
            Decides everything.

        Returns
        -------
        image : Tensor
            (C, H, W), float32, in [0, 1].
        mask : Tensor
            (1, H, W), uint8.
        """
        self._transform.set_random_state(seed=seed % (2**32))
        out = self._transform({"image": image, "mask": mask.float()})
        image = torch.as_tensor(np.asarray(out["image"]), dtype=torch.float32).clamp_(0, 1)
        return image, torch.as_tensor(np.asarray(out["mask"])).round().to(torch.uint8)

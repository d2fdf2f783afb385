"""Paired augmentation of images and masks, by MONAI."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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

from napari_medseg.errors import UnknownNameError

_BOTH = ("image", "mask")


def _flips(axes: Sequence[int]) -> list[Any]:
    return [RandFlipd(_BOTH, prob=0.5, spatial_axis=axis) for axis in axes]


def _turn(degrees: float, **more: Any) -> Any:
    modes: dict[str, Any] = {"mode": ("bilinear", "nearest"), "padding_mode": "reflection"}
    return RandAffined(_BOTH, prob=0.5, rotate_range=math.radians(degrees), **modes, **more)


def _light(**channels: Any) -> list[Any]:
    return [
        RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
        RandScaleIntensityd("image", prob=0.3, factors=0.2, **channels),
        RandGaussianNoised("image", prob=0.15, std=0.03),
    ]


def _full() -> list[Any]:
    turn = RandAffined(
        _BOTH,
        prob=0.5,
        rotate_range=0.35,
        scale_range=0.2,
        shear_range=0.1,
        mode=("bilinear", "nearest"),
        padding_mode="reflection",
    )
    return [*_flips((0, 1)), RandRotate90d(_BOTH, prob=0.5, max_k=3), turn, *_light(channel_wise=True)]


# 'full' is ours; 'turned' LGMSNet's, 'tilted' DyMAS-Net's. In a volume only left and right may be exchanged: front and
# back, head and foot look and are called otherwise
AUGMENTATIONS: Mapping[str, Callable[[], list[Any]]] = {
    "full": _full,
    "turned": lambda: [RandRotate90d(_BOTH, prob=0.5, max_k=3), *_flips((0, 1))],
    "tilted": lambda: [_turn(15), *_flips((0, 1))],
    "volume": lambda: [*_flips((2,)), _turn(12, scale_range=0.15), *_light()],
}


class Augmentation:
    """Changes an image and its mask alike.

    What it does to a sample depends on the seed given with the sample and on nothing else, so that a run that
    resumes sees what it would have seen.

    Parameters
    ----------
    name : str
        One of :data:`AUGMENTATIONS`.

    Raises
    ------
    UnknownNameError
        If there is none of this name.
    """

    def __init__(self, name: str = "full") -> None:
        if name not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", name, tuple(AUGMENTATIONS))
        self._transform = Compose(AUGMENTATIONS[name]())

    def __call__(self, image: Tensor, mask: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
        """Change a pair in the same way.

        Parameters
        ----------
        image : Tensor
            (C, *spatial), float, in [0, 1].
        mask : Tensor
            (1 or more, *spatial), uint8: class index, and what belongs to it.
        seed : int
            Decides everything.

        Returns
        -------
        image : Tensor
            (C, *spatial), float32, in [0, 1].
        mask : Tensor
            As given, uint8.
        """
        self._transform.set_random_state(seed=seed % (2**32))
        out = self._transform({"image": image, "mask": mask.float()})
        image = torch.as_tensor(np.asarray(out["image"]), dtype=torch.float32).clamp_(0, 1)
        return image, torch.as_tensor(np.asarray(out["mask"])).round().to(torch.uint8)

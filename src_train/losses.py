"""The losses that recipes name, over MONAI."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from monai.losses import DiceLoss
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


def _binary(logits: Tensor) -> bool:
    return logits.shape[1] == 1


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy; binary for one output channel.

    Parameters
    ----------
    logits : Tensor
        (B, C, H, W), float.
    target : Tensor
        (B, 1, H, W), integer class index.
    """
    if _binary(logits):
        return F.binary_cross_entropy_with_logits(logits, (target > 0).to(logits.dtype))
    return F.cross_entropy(logits, target[:, 0].long())


def make_dice(smooth: float) -> Loss:
    """Soft Dice loss per image and class, background left out, then the mean.

    Parameters
    ----------
    smooth : float
        Added to numerator and denominator.
    """
    binary = DiceLoss(sigmoid=True, smooth_nr=smooth, smooth_dr=smooth)
    multi = DiceLoss(softmax=True, to_onehot_y=True, include_background=False, smooth_nr=smooth, smooth_dr=smooth)

    def dice(logits: Tensor, target: Tensor) -> Tensor:
        if _binary(logits):
            return binary(logits, (target > 0).to(logits.dtype))
        return multi(logits, target.long())

    return dice


def build_loss(losses: Mapping[str, float], *, smooth: float) -> Loss:
    """The weighted sum of named losses.

    Parameters
    ----------
    losses : mapping of str to float
        Weights of ``bce`` and ``dice``.
    smooth : float
        Smoothing of Dice.

    Returns
    -------
    callable
        (logits (B, C, H, W) float, target (B, 1, H, W) integer) -> scalar.

    Raises
    ------
    KeyError
        If a name is unknown.
    """
    known: dict[str, Loss] = {"bce": cross_entropy, "dice": make_dice(smooth)}
    parts = [(weight, known[name]) for name, weight in losses.items()]

    def total(logits: Tensor, target: Tensor) -> Tensor:
        # half precision overflows in sums over a whole image
        logits = logits.float()
        return torch.stack([weight * part(logits, target) for weight, part in parts]).sum()

    return total

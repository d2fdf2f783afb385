"""The losses that recipes name, over MONAI."""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai.losses import DiceLoss
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.networks import Recipe, SegmentationOutput

Loss = Callable[[Tensor, Tensor], Tensor]


def _binary(logits: Tensor) -> bool:
    return logits.shape[1] == 1


# a pixel of a corrected rim counts as much as so many others
FOCUS = 3.0


def cross_entropy(logits: Tensor, target: Tensor, focus: Tensor | None = None) -> Tensor:
    """Mean cross entropy; binary for one output channel.

    Parameters
    ----------
    logits : Tensor
        (B, C, H, W), float.
    target : Tensor
        (B, 1, H, W), integer class index.
    focus : Tensor, optional
        (B, 1, H, W), 0 or 1: pixels that count :data:`FOCUS` times.
    """
    how = "mean" if focus is None else "none"
    if _binary(logits):
        loss = F.binary_cross_entropy_with_logits(logits, (target > 0).to(logits.dtype), reduction=how)
    else:
        loss = F.cross_entropy(logits, target[:, 0].long(), reduction=how)
    if focus is None:
        return loss
    weight = 1 + (FOCUS - 1) * focus.to(loss.dtype).reshape(loss.shape)
    return (weight * loss).sum() / weight.sum()


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


def rim(target: Tensor) -> Tensor:
    """The border of the foreground, a pixel to each side: dilation minus erosion by a 3 x 3 window.

    Parameters
    ----------
    target : Tensor
        (B, 1, *spatial), integer class index.

    Returns
    -------
    Tensor
        (B, 1, *spatial), float, 0 or 1.
    """
    pool = F.max_pool2d if target.dim() == 4 else F.max_pool3d
    mask = (target > 0).float()
    return pool(mask, 3, stride=1, padding=1) + pool(-mask, 3, stride=1, padding=1)


def build_loss(recipe: Recipe) -> Callable[[SegmentationOutput, Tensor], Tensor]:
    """What a recipe minimises: its losses on the logits, on each further map, and Dice on the edges.

    A second channel of the target holds pixels that count for more in the cross entropy.

    Parameters
    ----------
    recipe : Recipe
        ``losses`` names ``bce`` and ``dice``.

    Returns
    -------
    callable
        (output of a network, target (B, 1 or 2, *spatial) integer) -> scalar.

    Raises
    ------
    KeyError
        If a name is unknown.
    """
    dice = make_dice(recipe.smooth)
    known: dict[str, Loss] = {"bce": cross_entropy, "dice": dice}
    parts = [(weight, known[name]) for name, weight in recipe.losses.items()]

    def on_map(logits: Tensor, target: Tensor, focus: Tensor | None) -> Tensor:
        # half precision overflows in sums over a whole image
        logits = logits.float()
        found = [
            weight * (cross_entropy(logits, target, focus) if part is cross_entropy else part(logits, target))
            for weight, part in parts
        ]
        return torch.stack(found).sum()

    def total(output: SegmentationOutput, target: Tensor) -> Tensor:
        target, focus = target[:, :1], target[:, 1:] if target.shape[1] > 1 else None
        loss = on_map(output.logits, target, focus)
        if recipe.aux_weight:
            for logits in output.aux:
                loss = loss + recipe.aux_weight * on_map(logits, target, focus)
        if recipe.edge_weight and output.edge_logits is not None:
            loss = loss + recipe.edge_weight * dice(output.edge_logits.float(), rim(target))
        return loss

    return total

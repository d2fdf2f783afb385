"""The losses that recipes name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.networks import Recipe, SegmentationOutput
from src_train.targets import VOID


def _binary(logits: Tensor) -> bool:
    return logits.shape[1] == 1


# a pixel of a corrected rim counts as much as so many others
FOCUS = 3.0


def cross_entropy(logits: Tensor, target: Tensor, focus: Tensor | None = None, counted: Tensor | None = None) -> Tensor:
    """Mean cross entropy; binary for one output channel.

    Parameters
    ----------
    logits : Tensor
        (B, C, H, W), float.
    target : Tensor
        (B, 1, H, W), integer class index.
    focus : Tensor, optional
        (B, 1, H, W), 0 or 1: pixels that count :data:`FOCUS` times.
    counted : Tensor, optional
        (B, 1, H, W), bool: pixels that count at all.
    """
    how = "mean" if focus is None and counted is None else "none"
    if _binary(logits):
        loss = F.binary_cross_entropy_with_logits(logits, (target > 0).to(logits.dtype), reduction=how)
    else:
        loss = F.cross_entropy(logits, target[:, 0].long(), reduction=how)
    if how == "mean":
        return loss
    weight = torch.ones_like(loss)
    if focus is not None:
        weight = weight + (FOCUS - 1) * focus.to(loss.dtype).reshape(loss.shape)
    if counted is not None:
        weight = weight * counted.reshape(loss.shape)
    return (weight * loss).sum() / weight.sum().clamp_min(1e-6)


def soft_dice(found: Tensor, target: Tensor, smooth: float) -> Tensor:
    """Soft Dice loss of each image and channel, then the mean.

    In plain torch: importing MONAI for it took longer than a short round's first epoch.

    Parameters
    ----------
    found, target : Tensor
        (B, C, *spatial), float, in [0, 1].
    smooth : float
        Added to numerator and denominator.
    """
    axes = tuple(range(2, found.dim()))
    both, all_of = (target * found).sum(axes), target.sum(axes) + found.sum(axes)
    return (1.0 - (2.0 * both + smooth) / (all_of + smooth)).mean()


def make_dice(smooth: float) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Soft Dice loss per image and class, background left out, then the mean; over the pixels that count, bool.

    Parameters
    ----------
    smooth : float
        Added to numerator and denominator.
    """

    def dice(logits: Tensor, target: Tensor, counted: Tensor | None = None) -> Tensor:
        found = logits.sigmoid() if _binary(logits) else logits.softmax(dim=1)
        if counted is not None:
            # the target is background there already
            found = found * counted
        if _binary(logits):
            return soft_dice(found, (target > 0).to(found.dtype), smooth)
        classes = torch.arange(1, found.shape[1], device=target.device).reshape(1, -1, *[1] * (found.dim() - 2))
        return soft_dice(found[:, 1:], (target == classes).to(found.dtype), smooth)

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


def build_loss(recipe: Recipe, *, void: bool = False) -> Callable[[SegmentationOutput, Tensor], Tensor]:
    """What a recipe minimises: its losses on the logits, on each further map, and Dice on the edges.

    A second channel of the target holds pixels that count for more in the cross entropy.

    Parameters
    ----------
    recipe : Recipe
        ``losses`` names ``bce`` and ``dice``.
    void : bool
        Targets may hold :data:`VOID`: pixels that do not count; edges next to them do not either.

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
    if unknown := set(recipe.losses) - {"bce", "dice"}:
        raise KeyError(f"losses are {sorted(recipe.losses)}; expected bce and dice, not {unknown}")

    def on_map(logits: Tensor, target: Tensor, focus: Tensor | None, counted: Tensor | None) -> Tensor:
        # half precision overflows in sums over a whole image
        logits = logits.float()
        found = [
            weight * (cross_entropy(logits, target, focus, counted) if name == "bce" else dice(logits, target, counted))
            for name, weight in recipe.losses.items()
        ]
        return torch.stack(found).sum()

    def total(output: SegmentationOutput, target: Tensor) -> Tensor:
        target, focus = target[:, :1], target[:, 1:] if target.shape[1] > 1 else None
        counted = far = None
        if void:
            ignored = target == VOID
            target, counted, far = target.masked_fill(ignored, 0), ~ignored, ~_grown(ignored)
        loss = on_map(output.logits, target, focus, counted)
        if recipe.aux_weight:
            for logits in output.aux:
                loss = loss + recipe.aux_weight * on_map(logits, target, focus, counted)
        if recipe.edge_weight and output.edge_logits is not None:
            edges = rim(target) if far is None else rim(target) * far
            loss = loss + recipe.edge_weight * dice(output.edge_logits.float(), edges, far)
        return loss

    return total


def _grown(mask: Tensor) -> Tensor:
    """By a pixel to each side: (B, 1, *spatial), bool."""
    pool = F.max_pool2d if mask.dim() == 4 else F.max_pool3d
    return pool(mask.float(), 3, stride=1, padding=1) > 0

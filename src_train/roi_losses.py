"""What a recipe minimises in boxes: the head's maps, box by box, and what the detector says of itself. [DCSNet, III]"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.networks import BoxRecipe, Recipe, SegmentationOutput
from napari_medseg.networks.blocks.roi_align import roi_align
from src_train.losses import soft_dice

MapLoss = Callable[[Tensor, Tensor], Tensor]

# answer of the Laplacian above which a place is an edge
EDGE_ANSWER = 0.1


def soft_rim(x: Tensor) -> Tensor:
    """Dilation minus erosion by a 3 x 3 window; of a mask its border, of probabilities where they change."""
    return F.max_pool2d(x, 3, stride=1, padding=1) + F.max_pool2d(-x, 3, stride=1, padding=1)


def laplacian_edges(target: Tensor) -> Tensor:
    """Where a 3 x 3 Laplacian of a mask answers: the rim inside it. The mask goes on beyond the border of the map.

    Parameters
    ----------
    target : Tensor
        (N, 1, H, W), 0 or 1.

    Returns
    -------
    Tensor
        As given, 0 or 1.
    """
    kernel = target.new_full((1, 1, 3, 3), -1.0)
    kernel[..., 1, 1] = 8.0
    return (F.conv2d(F.pad(target, (1, 1, 1, 1), mode="replicate"), kernel) > EDGE_ANSWER).to(target.dtype)


def level_weights(recipe: BoxRecipe, done: float) -> tuple[tuple[float, ...], float]:
    """Weights of the levels, finest first, and of the mask, after a share of the epochs."""
    return next(((levels, mask) for until, levels, mask in recipe.steps if done < until), recipe.steps[-1][1:])


def build_map_loss(recipe: Recipe) -> MapLoss:
    """The recipe's losses on the map of a box: (logits, target), both (N, 1, H, W), float; the target 0 or 1.

    Raises
    ------
    KeyError
        If a name is unknown.
    """
    alpha, gamma = recipe.focal

    def dice(logits: Tensor, target: Tensor) -> Tensor:
        return soft_dice(logits.sigmoid(), target, recipe.smooth)

    def focal(logits: Tensor, target: Tensor) -> Tensor:
        plain = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        weight = alpha * target + (1 - alpha) * (1 - target)
        return (weight * (1 - torch.exp(-plain)) ** gamma * plain).mean()

    def boundary(logits: Tensor, target: Tensor) -> Tensor:
        return soft_dice(soft_rim(logits.sigmoid()), soft_rim(target), recipe.smooth)

    known: Mapping[str, MapLoss] = {"dice": dice, "focal": focal, "boundary": boundary}
    if unknown := set(recipe.losses) - set(known):
        raise KeyError(f"losses in boxes are {sorted(recipe.losses)}; expected {', '.join(known)}, not {unknown}")

    def total(logits: Tensor, target: Tensor) -> Tensor:
        return torch.stack([weight * known[name](logits, target) for name, weight in recipe.losses.items()]).sum()

    return total


def build_roi_loss(recipe: Recipe) -> Callable[[SegmentationOutput, Tensor, float], Tensor]:
    """The head's loss and the detector's.

    Parameters
    ----------
    recipe : Recipe
        One with ``boxes``.

    Returns
    -------
    callable
        (output of a network in training: head maps, the boxes they were cut with, the detector's losses; masks
        (B, 1, H, W), integer class index, cut with the very boxes that the maps were cut with; share of the epochs
        done, in [0, 1]) -> scalar.

    Raises
    ------
    KeyError
        If a name of a loss is unknown.
    """
    boxes = recipe.boxes
    assert boxes is not None
    map_loss = build_map_loss(recipe)

    def total(output: SegmentationOutput, masks: Tensor, done: float) -> Tensor:
        detector = torch.stack([value.float() for value in output.losses.values()]).sum()
        assert output.boxes is not None
        if not sum(map(len, output.boxes)):
            # no lesion in the batch: the detector alone learns
            return detector + 0 * output.rois.mask.float().sum()
        side = output.rois.mask.shape[-1]
        whole = (masks > 0).float()
        cut = [roi_align(mask, own, side, scale=1.0) for mask, own in zip(whole, output.boxes, strict=True)]
        target = (torch.cat(cut) >= 0.5).float()
        levels = [x.float() for x in output.rois.levels]
        weights, main = level_weights(boxes, done)
        loss = main * map_loss(output.rois.mask.float(), target)
        for logits, weight in zip(levels, weights, strict=True):
            loss = loss + weight * map_loss(logits, target)
        edges = F.binary_cross_entropy_with_logits(
            output.rois.edges.float(), laplacian_edges(target), pos_weight=target.new_tensor(boxes.edge_positive)
        )
        # equation (10)
        apart = [F.mse_loss(a.sigmoid(), b.sigmoid()) for a, b in zip(levels[1:], levels[:-1], strict=True)]
        return loss + recipe.edge_weight * edges + boxes.consistency * torch.stack(apart).mean() + detector

    return total

"""What DCSNet's segmentation head minimises, box by box. [DCSNet, III]"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.networks import SegmentationOutput
from napari_medseg.networks.blocks.roi_align import roi_align
from src_train.losses import soft_dice

ALPHA, GAMMA, SMOOTH = 0.35, 2.0, 1e-5
EDGE_WEIGHT, CONSISTENCY_WEIGHT, EDGE_POSITIVE = 0.2, 0.05, 10.0
# up to a share of the epochs: weights of the four levels, finest first, and of the mask [DCSNet, III]
STEPS = ((0.3, (1.0, 0.8, 0.6, 0.4), 0.2), (0.6, (0.8, 0.9, 1.0, 1.1), 1.2), (1.0, (0.7, 0.8, 0.9, 1.0), 1.1))
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


def level_weights(done: float) -> tuple[tuple[float, ...], float]:
    """Weights of the levels, finest first, and of the mask, after a share of the epochs."""
    return next(((levels, mask) for until, levels, mask in STEPS if done < until), STEPS[-1][1:])


def map_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Half Dice, 0.3 focal, 0.2 boundary, as the paper says.

    Parameters
    ----------
    logits, target : Tensor
        (N, 1, H, W), float; the target 0 or 1.
    """
    dice = soft_dice(logits.sigmoid(), target, SMOOTH)
    plain = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = torch.exp(-plain)
    weight = ALPHA * target + (1 - ALPHA) * (1 - target)
    focal = (weight * (1 - right) ** GAMMA * plain).mean()
    boundary = soft_dice(soft_rim(logits.sigmoid()), soft_rim(target), SMOOTH)
    return 0.5 * dice + 0.3 * focal + 0.2 * boundary


def roi_loss(output: SegmentationOutput, masks: Tensor, *, done: float) -> Tensor:
    """The head's loss and the detector's.

    Parameters
    ----------
    output : SegmentationOutput
        Of a network in training: head maps, the boxes they were cut with, the detector's losses.
    masks : Tensor
        (B, 1, H, W), integer class index; cut with the very boxes that the maps were cut with.
    done : float
        Share of the epochs done, in [0, 1].
    """
    detector = torch.stack([value.float() for value in output.losses.values()]).sum()
    assert output.boxes is not None
    if not sum(map(len, output.boxes)):
        # no lesion in the batch: the detector alone learns
        return detector + 0 * output.rois.mask.float().sum()
    side = output.rois.mask.shape[-1]
    whole = (masks > 0).float()
    cut = [roi_align(mask, boxes, side, scale=1.0) for mask, boxes in zip(whole, output.boxes, strict=True)]
    target = (torch.cat(cut) >= 0.5).float()
    levels = [x.float() for x in output.rois.levels]
    weights, main = level_weights(done)
    total = main * map_loss(output.rois.mask.float(), target)
    for logits, weight in zip(levels, weights, strict=True):
        total = total + weight * map_loss(logits, target)
    edges = F.binary_cross_entropy_with_logits(
        output.rois.edges.float(), laplacian_edges(target), pos_weight=target.new_tensor(EDGE_POSITIVE)
    )
    # equation (10)
    apart = [F.mse_loss(a.sigmoid(), b.sigmoid()) for a, b in zip(levels[1:], levels[:-1], strict=True)]
    return total + EDGE_WEIGHT * edges + CONSISTENCY_WEIGHT * torch.stack(apart).mean() + detector

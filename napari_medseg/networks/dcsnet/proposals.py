"""Where something might be: the region proposal network.

Ren et al.: Faster R-CNN. 2015. Sizes, thresholds and parameter names are torchvision's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.boxes import (
    batched_nms,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    grid_anchors,
)
from napari_medseg.networks.dcsnet.sampling import match, sample

SIDES = (32, 64, 128, 256, 512)
RATIOS = (0.5, 1.0, 2.0)
WEIGHTS = (1.0, 1.0, 1.0, 1.0)
KEPT = {True: 2000, False: 1000}  # before and after suppression, in training and not


class ProposalHead(nn.Module):
    """A score and a box code for each anchor of a map.

    Shapes
    ------
    input : (B, channels, H, W), float
    output : scores (B, H W anchors) and codes (B, H W anchors, 4)
    """

    folds = (("conv", "act"),)

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * anchors, 1)
        self.act = nn.ReLU()
        for layer in (self.conv, self.cls_logits, self.bbox_pred):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias if layer.bias is not None else torch.empty(0))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score anchors."""
        x = self.act(self.conv(x))
        scores = self.cls_logits(x).permute(0, 2, 3, 1).flatten(1)
        b, _, h, w = x.shape
        codes = self.bbox_pred(x).reshape(b, -1, 4, h, w).permute(0, 3, 4, 1, 2).reshape(b, -1, 4)
        return scores, codes


class ProposalNetwork(nn.Module):
    """Boxes that may hold something, best first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = ProposalHead(channels, len(RATIOS))

    def forward(
        self, maps: list[Tensor], size: tuple[int, int], truth: list[Tensor] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Propose.

        Parameters
        ----------
        maps : list of Tensor
            (B, channels, H, W) each, finest first; as many as there are anchor sides.
        size : tuple of int
            (height, width) of the images, px.
        truth : list of Tensor, optional
            (N, 4) for each image: gives losses.

        Returns
        -------
        proposals : list of Tensor
            (K, 4) for each image.
        losses : dict
            ``proposal_score`` and ``proposal_box``, with ``truth``.
        """
        heads = [self.head(x) for x in maps]
        levels = [
            grid_anchors((x.shape[2], x.shape[3]), (size[0] // x.shape[2], size[1] // x.shape[3]), side, RATIOS)
            for x, side in zip(maps, SIDES, strict=True)
        ]
        # in single precision, as the codes: half of it would move anchors by pixels
        anchors = torch.cat(levels).to(maps[0].device)
        scores, codes = (torch.cat(parts, dim=1).float() for parts in zip(*heads, strict=True))
        counts = [len(level) for level in levels]
        found = [self._keep(s, c, anchors, counts, size) for s, c in zip(scores.detach(), codes.detach(), strict=True)]
        losses = {} if truth is None else self._losses(scores, codes, anchors, truth)
        return found, losses

    def _keep(self, scores: Tensor, codes: Tensor, anchors: Tensor, counts: list[int], size: tuple[int, int]) -> Tensor:
        """The best of each map, those that lie on better ones left out."""
        kept = KEPT[self.training]
        best, level, first = [], [], 0
        for number, count in enumerate(counts):
            top = scores[first : first + count].topk(min(kept, count)).indices + first
            best.append(top)
            level.append(torch.full_like(top, number))
            first += count
        chosen, levels = torch.cat(best), torch.cat(level)
        boxes = clip_boxes(decode_boxes(codes[chosen], anchors[chosen], WEIGHTS), size)
        large = ((boxes[:, 2:] - boxes[:, :2]) >= 1e-3).all(dim=1)
        boxes, chosen, levels = boxes[large], chosen[large], levels[large]
        return boxes[batched_nms(boxes, scores[chosen], levels, 0.7)[:kept]]

    @staticmethod
    def _losses(scores: Tensor, codes: Tensor, anchors: Tensor, truth: list[Tensor]) -> dict[str, Tensor]:
        wanted, taken, targets, drawn = [], [], [], 0
        for i, boxes in enumerate(truth):
            # every box keeps its best anchor, however badly that fits
            matched = match(box_iou(boxes, anchors), low=0.3, high=0.7, keep_best=True)
            positive, negative = sample(matched, size=256, share=0.5)
            index = torch.cat((positive, negative))
            wanted.append(scores[i, index])
            targets.append(torch.cat((torch.ones_like(positive), torch.zeros_like(negative))).to(scores))
            drawn += len(index)
            if len(positive):
                code = encode_boxes(boxes[matched[positive]], anchors[positive], WEIGHTS)
                taken.append(F.smooth_l1_loss(codes[i, positive], code, beta=1 / 9, reduction="sum"))
        score = F.binary_cross_entropy_with_logits(torch.cat(wanted), torch.cat(targets))
        box = torch.stack(taken).sum() / max(drawn, 1) if taken else codes.sum() * 0
        return {"proposal_score": score, "proposal_box": box}

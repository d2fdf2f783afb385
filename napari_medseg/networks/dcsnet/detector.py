"""Lesions as boxes: Faster R-CNN with a feature pyramid.

Parameter names are torchvision's, so that its COCO file loads, but for the two classes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.backbones.efficientnet_lite import WIDTHS, EfficientNetLite0
from napari_medseg.networks.backbones.resnet import EXPANSION, BodyAndPyramid, ResNet
from napari_medseg.networks.blocks.boxes import box_area, box_iou, clip_boxes, decode_boxes, encode_boxes, nms
from napari_medseg.networks.blocks.roi_align import roi_align
from napari_medseg.networks.dcsnet.proposals import ProposalNetwork
from napari_medseg.networks.dcsnet.sampling import match, sample

WEIGHTS = (10.0, 10.0, 5.0, 5.0)
CELLS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Boxes of one image: (N, 4) x0, y0, x1, y1, px, best first; their scores (N,)."""

    boxes: Tensor
    scores: Tensor


class BoxHead(nn.Module):
    """Two wide layers on a cut-out map.

    Shapes
    ------
    input : (N, channels, 7, 7), float
    output : (N, width), float
    """

    folds = (("fc6", "act6"), ("fc7", "act7"))

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fc6, self.act6 = nn.Linear(channels * CELLS**2, width), nn.ReLU()
        self.fc7, self.act7 = nn.Linear(width, width), nn.ReLU()
        self.places_first = False

    def forward(self, x: Tensor) -> Tensor:
        """Describe."""
        x = (x.permute(0, 2, 3, 1) if self.places_first else x).flatten(1)
        return self.act7(self.fc7(self.act6(self.fc6(x))))

    def merged(self) -> nn.Module:
        """The same for maps as they are cut out, whose channels lie last: they need not be laid out anew."""
        one = copy.deepcopy(self)
        weight = self.fc6.weight.detach()
        shape = (len(weight), -1, CELLS, CELLS)
        one.fc6.weight = nn.Parameter(weight.reshape(shape).permute(0, 2, 3, 1).flatten(1), requires_grad=False)
        one.places_first = True
        return one


class BoxPredictor(nn.Module):
    """A class and a box code for each class, the background first.

    Shapes
    ------
    input : (N, width), float
    output : (N, 2) and (N, 8), float
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(width, 2)
        self.bbox_pred = nn.Linear(width, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge."""
        return self.cls_score(x), self.bbox_pred(x)


class RoIHeads(nn.Module):
    """Both, under torchvision's names."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.box_head = BoxHead(channels, width)
        self.box_predictor = BoxPredictor(width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge cut-out maps."""
        return self.box_predictor(self.box_head(x))


def cut_by_level(maps: Sequence[Tensor], boxes: Tensor, image: int) -> tuple[Tensor, Tensor]:
    """Cut each box out of the map that suits its area: one of 224 px out of the third.

    Returns
    -------
    Tensor
        (N, C, 7, 7), level by level.
    Tensor
        (N,), int64: where each box is in there.
    """
    level = (4 + (box_area(boxes).sqrt() / 224).clamp(min=1e-6).log2() + 1e-6).floor().long().clamp(2, 5) - 2
    order = level.argsort(stable=True)
    groups = boxes[order].split(level.bincount(minlength=4).tolist())
    # an empty one would change the layout of them all
    found = [
        roi_align(features[image], own, CELLS, scale=1 / 2 ** (number + 2))
        for number, (features, own) in enumerate(zip(maps[:4], groups, strict=True))
        if len(own)
    ]
    return torch.cat(found) if found else maps[0].new_zeros((0, maps[0].shape[1], CELLS, CELLS)), order.argsort()


class Detector(nn.Module):
    """Finds boxes in an image.

    Parameters
    ----------
    backbone : {'resnet', 'efficientnet-lite0'}
    planes : int
        Width of the ResNet, 64 as published.
    depths : sequence of int
        Blocks of its stages.
    frozen : bool
        As for :class:`ResNet`.
    channels : int
        Of the pyramid.
    width : int
        Of the box head.
    score_threshold : float
        Boxes below are dropped.
    sure : float, optional
        Where boxes score above it, all others are dropped; where none does, the best box stays alone.
    most : int
        Boxes kept in an image.

    Shapes
    ------
    input : (B, 3, H, W), float; sides multiples of 64
    """

    def __init__(
        self,
        *,
        backbone: str = "resnet",
        planes: int = 64,
        depths: Sequence[int] = (3, 4, 6, 3),
        frozen: bool = True,
        channels: int = 256,
        width: int = 1024,
        score_threshold: float = 0.35,
        sure: float | None = None,
        most: int = 3,
    ) -> None:
        super().__init__()
        self.score_threshold, self.sure, self.most = score_threshold, sure, most
        if backbone == "resnet":
            body: nn.Module = ResNet(planes=planes, depths=depths, frozen=frozen)
            widths = [planes * EXPANSION * 2**i for i in range(4)]
        elif backbone == "efficientnet-lite0":
            body, widths = EfficientNetLite0(), list(WIDTHS)
        else:
            raise ValueError(f"backbone is '{backbone}'; expected 'resnet' or 'efficientnet-lite0'.")
        self.backbone = BodyAndPyramid(body, widths, channels)
        self.rpn = ProposalNetwork(channels)
        self.roi_heads = RoIHeads(channels, width)

    def forward(
        self, x: Tensor, truth: list[Tensor] | None = None
    ) -> tuple[list[Tensor], list[Detections], dict[str, Tensor]]:
        """Find boxes.

        Parameters
        ----------
        x : Tensor
            (B, 3, H, W), float.
        truth : list of Tensor, optional
            (N, 4) for each image: gives losses instead of detections.

        Returns
        -------
        maps : list of Tensor
            The pyramid.
        detections : list of Detections
            For each image; empty with ``truth``.
        losses : dict
            Four losses, with ``truth``.
        """
        size = (x.shape[2], x.shape[3])
        maps = self.backbone(x)
        proposals, losses = self.rpn(maps, size, truth)
        if truth is None:
            return maps, [self._judge(maps, boxes, i, size) for i, boxes in enumerate(proposals)], {}
        return maps, [], {**losses, **self._losses(maps, proposals, truth)}

    def _judge(self, maps: list[Tensor], proposals: Tensor, image: int, size: tuple[int, int]) -> Detections:
        scores, codes = self._described(maps, proposals, image)
        score = scores.float().softmax(dim=1)[:, 1]
        boxes = clip_boxes(decode_boxes(codes[:, 4:].float(), proposals, WEIGHTS), size)
        good = (score > self.score_threshold) & ((boxes[:, 2:] - boxes[:, :2]) >= 1e-2).all(dim=1)
        boxes, score = boxes[good], score[good]
        kept = nms(boxes, score, 0.5)[: self.most]
        if self.sure is not None and len(kept):
            # best first
            kept = kept[: max(1, int((score[kept] > self.sure).sum()))]
        return Detections(boxes=boxes[kept], scores=score[kept])

    def _described(self, maps: list[Tensor], boxes: Tensor, image: int) -> tuple[Tensor, Tensor]:
        """What the heads say of each box."""
        cut, place = cut_by_level(maps, boxes, image)
        scores, codes = self.roi_heads(cut)
        return scores[place], codes[place]

    def _losses(self, maps: list[Tensor], proposals: list[Tensor], truth: list[Tensor]) -> dict[str, Tensor]:
        scores, classes, boxes, drawn = [], [], [], 0
        for i, (found, wanted) in enumerate(zip(proposals, truth, strict=True)):
            # the true boxes count as proposals too: early on there are no others worth learning from
            candidates = torch.cat((found, wanted))
            matched = match(box_iou(wanted, candidates), low=0.5, high=0.5)
            positive, negative = sample(matched, size=512, share=0.25)
            index = torch.cat((positive, negative))
            score, code = self._described(maps, candidates[index], i)
            scores.append(score.float())
            classes.append((torch.arange(len(index), device=score.device) < len(positive)).long())
            drawn += len(index)
            if len(positive):
                target = encode_boxes(wanted[matched[positive]], candidates[positive], WEIGHTS)
                own = code[: len(positive), 4:].float()
                boxes.append(F.smooth_l1_loss(own, target, beta=1 / 9, reduction="sum"))
        zero = torch.cat(scores).sum() * 0
        return {
            "box_class": F.cross_entropy(torch.cat(scores), torch.cat(classes)),
            "box": torch.stack(boxes).sum() / max(drawn, 1) if boxes else zero,
        }

"""DCSNet: detect, cut out, segment, put back.

Zhang et al.: DCSNet. Published code: shanfengfan/DCSNet.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.boxes import clip_boxes
from napari_medseg.networks.dcsnet.detector import Detector
from napari_medseg.networks.dcsnet.segmenter import Segmenter
from napari_medseg.networks.output import SegmentationOutput

EMPTY = -10.0  # logit where no box lies


class DCSNet(nn.Module):
    """A detector, and a segmentation head that looks at each box enlarged.

    Published inference keeps the best box of an image; ``most_masks`` sets how many are segmented here. Boxes given by
    a person take the place of the detector's.

    Parameters
    ----------
    in_channels : int
        3: the backbone is made for colour.
    classes : int
    backbone, planes, depths, frozen
        As for :class:`Detector`.
    pyramid, box_width, width, layers : int
        Channels of the pyramid, width of the box head, channels and transformer layers of the segmentation head.
    jitter : float
        In training, true boxes are moved and scaled by this share of their sides, normally distributed.
    most_masks : int
        Boxes that are segmented in an image.
    score_threshold : float
    sure : float, optional
        As for :class:`Detector`.
    learned_masks : int
        In training, boxes of an image that the head learns from at a step, drawn at random: a picture of a hundred
        nuclei costs no more than one of a few.
    msfa : bool
        As for :class:`Segmenter`.
    keep_unused : bool
        Keep parts that reach no output: the published count includes them.

    Shapes
    ------
    input : (B, 3, H, W), float; sides multiples of 64
    output : ``SegmentationOutput`` with logits (B, classes, H, W), boxes and scores
    """

    # the part whose work hangs on the sides of the input alone; all else hangs on the boxes
    steady = "detector.backbone"

    def __init__(
        self,
        *,
        in_channels: int = 3,
        classes: int = 1,
        backbone: str = "resnet",
        planes: int = 64,
        depths: Sequence[int] = (3, 4, 6, 3),
        frozen: bool = True,
        pyramid: int = 256,
        box_width: int = 1024,
        width: int = 256,
        layers: int = 4,
        jitter: float = 0.05,
        most_masks: int = 20,
        score_threshold: float = 0.35,
        sure: float | None = None,
        learned_masks: int = 4,
        msfa: bool = True,
        keep_unused: bool = True,
    ) -> None:
        super().__init__()
        if in_channels != 3:
            raise ValueError(f"in_channels is {in_channels}; expected 3. Repeat a grey image three times.")
        self.classes, self.jitter, self.learned_masks = classes, jitter, learned_masks
        self.detector = Detector(
            backbone=backbone,
            planes=planes,
            depths=depths,
            frozen=frozen,
            channels=pyramid,
            width=box_width,
            score_threshold=score_threshold,
            sure=sure,
            most=most_masks,
        )
        self.seg_head = Segmenter(
            in_channels=pyramid, classes=classes, width=width, layers=layers, keep_unused=keep_unused, msfa=msfa
        )

    def forward(
        self,
        x: Tensor,
        *,
        boxes: list[Tensor] | None = None,
        truth: list[Tensor] | None = None,
        most: int | None = None,
    ) -> SegmentationOutput:
        """Segment a batch.

        Parameters
        ----------
        x : Tensor
            (B, 3, H, W), float; H and W multiples of 64.
        boxes : list of Tensor, optional
            (N, 4) for each image, x0, y0, x1, y1, px of the input: segmented instead of what the detector finds.
        truth : list of Tensor, optional
            As ``boxes``: the lesions there are. Gives the detector's losses, and head maps for jittered boxes.
        most : int, optional
            Segment at most so many of the boxes that the detector finds, the best ones.
        """
        size = (x.shape[2], x.shape[3])
        if truth is not None:
            maps, _, losses = self.detector(x, truth)
            moved = [self._moved(self._drawn(own), size) for own in truth]
            rois = self.seg_head(maps, moved)
            logits = self._put_back(rois.mask, moved, size)
            return SegmentationOutput(logits=logits, boxes=tuple(moved), losses=losses, rois=rois)
        if boxes is None:
            maps, found, _ = self.detector(x)
            boxes, scores = [d.boxes[:most] for d in found], tuple(d.scores[:most] for d in found)
        else:
            maps = self.detector.backbone(x)
            boxes = [clip_boxes(own.to(x), size) for own in boxes]
            scores = tuple(own.new_ones(len(own)) for own in boxes)
        rois = self.seg_head(maps, boxes)
        return SegmentationOutput(
            logits=self._put_back(rois.mask, boxes, size), boxes=tuple(boxes), scores=scores, rois=rois
        )

    def _drawn(self, boxes: Tensor) -> Tensor:
        """As many boxes as the head learns from."""
        if len(boxes) <= self.learned_masks:
            return boxes
        return boxes[torch.randperm(len(boxes), device=boxes.device)[: self.learned_masks]]

    def _moved(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """Boxes as a detector would find them: near, not exact."""
        sides, middle = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
        middle = middle + self.jitter * sides * torch.randn_like(middle)
        half = (sides + self.jitter * sides * torch.randn_like(sides)).clamp(min=2) / 2
        return clip_boxes(torch.cat((middle - half, middle + half), dim=1), size)

    def _put_back(self, masks: Tensor, boxes: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Logits (B, classes, H, W): each box's map resized into its box, the larger where boxes overlap."""
        # coordinates in single precision: above 128 half of it knows no half pixel
        masks = masks.float()
        y = torch.arange(size[0], device=masks.device, dtype=masks.dtype) + 0.5
        x = torch.arange(size[1], device=masks.device, dtype=masks.dtype) + 0.5
        empty = masks.new_full((self.classes, *size), EMPTY)
        if self.classes > 1:
            empty[0] = -EMPTY  # the background
        canvases, first = [], 0
        for own in boxes:
            canvas = empty
            for box, mask in zip(own, masks[first : first + len(own)], strict=True):
                u, v = (
                    (x - box[0]) / (box[2] - box[0]).clamp(min=1e-3),
                    (y - box[1]) / (box[3] - box[1]).clamp(min=1e-3),
                )
                grid = torch.stack(torch.meshgrid(2 * v - 1, 2 * u - 1, indexing="ij")[::-1], dim=-1)
                read = F.grid_sample(mask[None], grid[None].to(mask.dtype), padding_mode="border", align_corners=False)
                inside = ((v >= 0) & (v <= 1))[:, None] & ((u >= 0) & (u <= 1))[None]
                better = inside if self.classes > 1 else inside & (read[0, 0] > canvas[0])
                canvas = torch.where(better, read[0], canvas)
            canvases.append(canvas)
            first += len(own)
        return torch.stack(canvases)

"""The plain form of each network, the other side of ``speed.py``: as published code runs it.

Norms stay beside their convolutions, attention permutes and multiplies as the papers write it, the dynamic convolution
unfolds its map, the Sobel convolution is dense, depthwise kernels run one by one, boxes are cut out point by point from
their level, and every head is computed, whoever asks for it. Weights are those of the network that is given: its parts
are used, and only how they are put together differs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks import SegmentationOutput
from napari_medseg.networks.blocks.boxes import box_area, clip_boxes, decode_boxes, nms
from napari_medseg.networks.blocks.depthwise import ParallelDepthwise
from napari_medseg.networks.blocks.dual_attention import PositionAttention
from napari_medseg.networks.blocks.dynamic_conv import GuidedDynamicConv
from napari_medseg.networks.blocks.guidance import SobelGate
from napari_medseg.networks.blocks.patch_attention import PatchTransformer
from napari_medseg.networks.blocks.patch_tokens import PatchTokenTransformer
from napari_medseg.networks.dcsnet.detector import CELLS, WEIGHTS, Detections, Detector
from napari_medseg.networks.dcsnet.segmenter import CELLS as RESOLUTIONS
from napari_medseg.networks.dcsnet.segmenter import TARGET, RoIMaps, Segmenter, grown
from napari_medseg.networks.sgd_net import SGDNet

SAMPLES = 2


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Softmax of the products, times the values; (..., tokens, width)."""
    return (query @ key.transpose(-1, -2) * scale).softmax(dim=-1) @ value


def patch_transformer(self: PatchTransformer, x: Tensor) -> Tensor:
    """Five axes, as published: (B, places, heads, tokens, width)."""
    b, places = x.shape[0], 2**self.ndim
    tokens = self._to_sequences(x).reshape(b, places, -1, x.shape[1])
    length = tokens.shape[2]
    q, k, v = (
        part.reshape(b, places, length, self.heads, -1).transpose(2, 3)
        for part in self.qkv(self.norm(tokens)).chunk(3, dim=-1)
    )
    mixed = attend(q, k, v, q.shape[-1] ** -0.5).transpose(2, 3).reshape(b, places, length, -1)
    tokens = tokens + self.out(mixed)
    tokens = tokens + self.mlp(self.mlp_norm(tokens))
    return self._to_map(tokens.reshape(b * places, length, -1), x)


def patch_tokens(self: PatchTokenTransformer, x: Tensor) -> Tensor:
    """Group by group, each by products and softmax."""
    b, _, h, w = x.shape
    mixed = []
    groups = zip(*(layer(x).chunk(len(self.parts), dim=1) for layer in (self.query, self.key, self.value)), strict=True)
    for n, group in zip(self.parts, groups, strict=True):
        c = group[0].shape[1]
        q, k, v = (
            part.reshape(b, c, n, h // n, n, w // n).permute(0, 2, 4, 1, 3, 5).reshape(b, n * n, -1) for part in group
        )
        found = attend(q, k, v, q.shape[-1] ** -0.5)
        mixed.append(found.reshape(b, n, n, c, h // n, w // n).permute(0, 3, 1, 4, 2, 5).reshape(b, c, h, w))
    x = x + self.out(torch.cat(mixed, dim=1))
    return x + self.feed_forward(x)


def position_attention(self: PositionAttention, x: Tensor) -> Tensor:
    """Products of all places, unscaled."""
    q, k, v = (layer(x).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value))
    return x + self.share * attend(q, k, v, 1.0).transpose(1, 2).reshape(x.shape)


def parallel_depthwise(self: ParallelDepthwise, x: Tensor) -> Tensor:
    """One convolution a kernel, added up."""
    first, *rest = self.branches
    total = first(x)
    for branch in rest:
        total = total + branch(x)
    return total


def dynamic_conv(self: GuidedDynamicConv, x: Tensor, guidance: Tensor) -> Tensor:
    """The window of each place laid out, then weighed."""
    assert self.guide is not None and self.local is not None and self.norm is not None
    b, c, h, w = x.shape
    guidance = F.interpolate(guidance, size=(h, w), mode="bilinear", align_corners=False)
    near, far, kernels = self.attend(x + self.guide(guidance)).split(self.parts, dim=1)
    kernels = kernels.reshape(b, self.heads, self.side**2, h * w).softmax(dim=2)
    windows = F.unfold(self.norm(x), self.side, padding=self.side // 2)
    windows = windows.reshape(b, self.heads, c // self.heads, self.side**2, h * w)
    mixed = torch.einsum("bgckn,bgkn->bgcn", windows, kernels).reshape(x.shape)
    x = x + self.scale * (self.local(x * near.sigmoid()) + far.sigmoid() * mixed)
    return x + self.mlp_scale * self.mlp(self.mlp_norm(x))


def sobel_gate(self: SobelGate, x: Tensor) -> Tensor:
    """Two convolutions from all channels to all channels that hold one kernel throughout."""
    channels = x.shape[1]
    if not hasattr(self, "dense"):
        self.dense = [k.expand(channels, channels, -1, -1).contiguous() for k in self.kernels]
    across, down = (F.conv2d(x, dense, padding=1) for dense in self.dense)
    return x * (across.square() + down.square()).sqrt().sigmoid()


def sgd_net(self: SGDNet, x: Tensor) -> SegmentationOutput:
    """With all three maps at full size."""
    assert self.guidance is not None
    size = x.shape[2:]
    *shallow, deep = self.backbone(x)
    last = deep
    far = F.interpolate(self.transformer(shallow[0]), size=deep.shape[2:], mode="bilinear", align_corners=False)
    deep = self.attention(torch.cat((far, deep), dim=1))
    edges, guidance = self.guidance(last if self.edges_from == "encoder" else deep, shallow[0])
    edges = F.interpolate(edges, size=size, mode="bilinear", align_corners=False)
    shallow = [block(x_, guidance) for block, x_ in zip(self.dynamic, shallow, strict=True)]
    low, maps = self.reduce[3](deep), []
    for i, decode, head in zip((2, 1, 0), self.decoder, self.heads, strict=True):
        low = decode(self.reduce[i](shallow[i]), low)
        maps.append(F.interpolate(head(low), size=size, mode="bilinear", align_corners=False))
    return SegmentationOutput(logits=maps[-1], edge_logits=edges, aux=tuple(maps[:-1]))


def roi_align(features: Tensor, boxes: Tensor, size: int, *, scale: float) -> Tensor:
    """As :func:`napari_medseg.networks.blocks.roi_align.roi_align`: each point by bilinear reading, then their mean."""
    channels, h, w = features.shape
    if not len(boxes):
        return features.new_zeros((0, channels, size, size))
    scaled = boxes * scale
    low, sides = scaled[:, :2], (scaled[:, 2:] - scaled[:, :2]).clamp(min=1)
    steps = (torch.arange(size * SAMPLES, device=boxes.device) + 0.5) / (size * SAMPLES)
    x, y = ((low[:, i, None] + sides[:, i, None] * steps) for i in (0, 1))
    inside = ((y >= -1) & (y <= h))[:, :, None] & ((x >= -1) & (x <= w))[:, None]
    # where indices are coordinates, the first place lies at -1 and the last at 1
    across, down = 2 * x.clamp(0, w - 1) / max(w - 1, 1) - 1, 2 * y.clamp(0, h - 1) / max(h - 1, 1) - 1
    n, m = y.shape
    grid = torch.stack((across[:, None].expand(n, m, m), down[:, :, None].expand(n, m, m)), dim=-1)
    read = F.grid_sample(features[None], grid.reshape(1, n * m, m, 2), align_corners=True, padding_mode="border")
    points = read[0].reshape(channels, n, m, m).transpose(0, 1) * inside[:, None]
    return F.avg_pool2d(points, SAMPLES)


def judge(self: Detector, maps: list[Tensor], proposals: Tensor, image: int, size: tuple[int, int]) -> Detections:
    """Every proposal cut out and judged."""
    level = (4 + (box_area(proposals).sqrt() / 224).clamp(min=1e-6).log2() + 1e-6).floor().long().clamp(2, 5) - 2
    cut = maps[0].new_zeros((len(proposals), maps[0].shape[1], CELLS, CELLS))
    for number, features in enumerate(maps[:4]):
        here = torch.nonzero(level == number).flatten()
        cut[here] = roi_align(features[image], proposals[here], CELLS, scale=1 / 2 ** (number + 2))
    scores, codes = self.roi_heads(cut)
    score = scores.softmax(dim=1)[:, 1]
    boxes = clip_boxes(decode_boxes(codes[:, 4:], proposals, WEIGHTS), size)
    good = (score > self.score_threshold) & ((boxes[:, 2:] - boxes[:, :2]) >= 1e-2).all(dim=1)
    boxes, score = boxes[good], score[good]
    kept = nms(boxes, score, 0.5)[: self.most]
    if self.sure is not None and len(kept):
        kept = kept[: max(1, int((score[kept] > self.sure).sum()))]
    return Detections(boxes=boxes[kept], scores=score[kept])


def segmenter(self: Segmenter, maps: list[Tensor], boxes: list[Tensor]) -> RoIMaps:
    """With the head of every level and that of the edges."""
    assert self.transformer is not None and self.pixel_fusion is not None
    names = tuple(self.fpn_enhance)
    cut = [
        torch.cat([roi_align(x, own, cells, scale=1 / 2 ** (i + 2)) for x, own in zip(features, boxes, strict=True)])
        for i, (features, cells) in enumerate(zip(maps, RESOLUTIONS, strict=False))
    ]
    skips = [encode(self.fpn_enhance[name](x)) for name, encode, x in zip(names, self.encoder_blocks, cut, strict=True)]
    below = self._transform(skips, self.transformer)
    decoded = [below]
    for skip, join in zip(reversed(skips[:-1]), reversed(self.decoder_blocks[:-1]), strict=True):
        below = join(skip, grown(below, skip.shape[-1]))
        decoded.append(below)
    full = [grown(x, TARGET) for x in decoded]
    levels = tuple(head(x) for head, x in zip(self.decoder_level_heads, reversed(full), strict=True))
    fused = self.detail_enhance(self.pixel_fusion([self.detail_enhance(x) for x in full]))
    return RoIMaps(self.main_head(fused), self.edge_head(fused), levels)


# what each part does in its place
FORWARD: dict[type[nn.Module], Callable[..., Any]] = {
    PatchTransformer: patch_transformer,
    PatchTokenTransformer: patch_tokens,
    PositionAttention: position_attention,
    ParallelDepthwise: parallel_depthwise,
    GuidedDynamicConv: dynamic_conv,
    SobelGate: sobel_gate,
    SGDNet: sgd_net,
    Segmenter: segmenter,
}


def plain_form(network: nn.Module) -> nn.Module:
    """A copy of a network, not prepared, that computes as published code does.

    Parameters
    ----------
    network : nn.Module
        As :func:`napari_medseg.networks.create_network` builds it, in evaluation mode.
    """
    plain = copy.deepcopy(network).eval()
    for module in plain.modules():
        if type(module) in FORWARD:
            module.forward = MethodType(FORWARD[type(module)], module)
        if isinstance(module, Detector):
            module._judge = MethodType(judge, module)  # type: ignore[method-assign]
    return plain

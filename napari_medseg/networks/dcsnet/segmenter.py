"""What lies inside a box: four maps cut out along it, a transformer over all of them, a decoder, and a mask.

Sizes, order and the names of parameters follow the published network. [DCSNet, MSFA and segmentation head]
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import ConvNormAct, plus
from napari_medseg.networks.blocks.roi_align import roi_align

CELLS = (64, 32, 16, 8)  # of the maps cut out of the pyramid, finest first
TOKENS = 8  # along a side, of each map
TARGET = CELLS[0]


class RoIMaps(NamedTuple):
    """What the head says of N boxes, on a grid of 64 x 64 in each.

    Attributes
    ----------
    mask : Tensor
        (N, classes, 64, 64), logits.
    edges : Tensor or None
        (N, classes, 64, 64), logits; in training.
    levels : tuple of Tensor
        (N, classes, 64, 64) each, logits of the four decoder maps, finest first; in training.
    """

    mask: Tensor
    edges: Tensor | None
    levels: tuple[Tensor, ...]


def grown(x: Tensor, side: int) -> Tensor:
    """Resized so that corners stay on corners, as published."""
    return x if x.shape[-1] == side else F.interpolate(x, size=(side, side), mode="bilinear", align_corners=True)


class DetailEnhance(nn.Module):
    """A separable convolution with channel attention around a 1 x 1 shortcut.

    Shapes
    ------
    input, output : (N, channels, H, W), float
    """

    folds = (("pointwise", "act"),)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )
        self.shortcut = nn.Conv2d(channels, channels, 1)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Sharpen."""
        y = self.act(self.pointwise(self.depthwise(x)))
        return F.relu(plus(self.shortcut(x), y * self.attention(y)), inplace=True)


class PixelFusion(nn.Module):
    """The mean of several maps, weighed at each place by what they hold there.

    Shapes
    ------
    input : as many (N, channels, H, W) as levels
    output : (N, channels, H, W), float
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        narrow = channels // 4
        self.gate_generator = nn.Sequential(
            nn.Conv2d(levels * channels, narrow, 3, padding=1),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.Conv2d(narrow, narrow, 3, padding=1),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.Conv2d(narrow, levels, 1),
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Fuse."""
        weights = self.gate_generator(torch.cat(maps, dim=1)).softmax(dim=1).split(1, dim=1)
        total = maps[0] * weights[0]
        for x, weight in zip(maps[1:], weights[1:], strict=True):
            total = torch.addcmul(total, x, weight)
        return total


class SkipJoin(nn.Module):
    """``fuse_conv(cat(skip, below))``, and an up-sampling that nothing uses and published files hold.

    Shapes
    ------
    skip, below : (N, channels, H, W), float
    output : (N, channels, H, W), float
    """

    def __init__(self, channels: int, *, keep_unused: bool) -> None:
        super().__init__()
        self.skip_fusion = nn.ModuleDict(
            {"fuse_conv": ConvNormAct(2 * channels, channels, kernel_size=1, activation=nn.ReLU)}
        )
        self.upsample = (
            nn.Sequential(nn.ConvTranspose2d(channels, channels, 2, stride=2), nn.BatchNorm2d(channels), nn.ReLU())
            if keep_unused
            else None
        )

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        """Join."""
        return self.skip_fusion["fuse_conv"](torch.cat((skip, below), dim=1))


class Segmenter(nn.Module):
    """Masks inside boxes.

    Parameters
    ----------
    in_channels : int
        Of the pyramid.
    classes : int
    width : int
        Channels inside, 256 as published.
    layers : int
        Of the transformer.
    keep_unused : bool
        Keep the parts that reach no output (1 446 656 parameters in the published size): its count includes them.
    msfa : bool
        Without, the finest decoded map alone is segmented: no transformer, fusion or detail enhancement. For ablations.

    Shapes
    ------
    maps : (B, in_channels, H / 2^(i + 2), W / 2^(i + 2)), i = 0 .. 3
    boxes : (N, 4) for each image, x0, y0, x1, y1, px
    """

    def __init__(
        self, *, in_channels: int = 256, classes: int = 1, width: int = 256, layers: int = 4, keep_unused: bool = True,
        msfa: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.msfa, self.classes = msfa, classes
        names = [str(i) for i in range(len(CELLS))]
        half, quarter = width // 2, width // 4
        self.fpn_enhance = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d(in_channels, width, 1), nn.Conv2d(width, width, 3, padding=1, groups=width), nn.ReLU()
                )
                for name in names
            }
        )
        self.level_proj = (
            nn.ModuleDict({name: nn.Conv2d(in_channels, width, 1) for name in names}) if keep_unused else None
        )
        self.encoder_blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout2d(0.2),
                nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            ) for _ in names
        )  # fmt: skip
        self.patch_embed = nn.ModuleDict(
            {
                name: nn.Conv2d(width, width, side // TOKENS, stride=side // TOKENS)
                for name, side in zip(names, CELLS, strict=True)
            }
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, len(names) * TOKENS**2, width))
        self.level_embed = nn.Parameter(torch.zeros(len(names), width))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.trunc_normal_(self.level_embed, std=0.02)
        layer = nn.TransformerEncoderLayer(width, 8, dim_feedforward=4 * width, dropout=0.2, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, num_layers=layers, enable_nested_tensor=False) if msfa else None
        self.decoder_blocks = nn.ModuleList(
            SkipJoin(width, keep_unused=keep_unused) if keep_unused or name != names[-1] else nn.Identity()
            for name in names
        )
        self.detail_enhance = DetailEnhance(width) if msfa else nn.Identity()
        self.decoder_level_heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, half, 3, padding=1), nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, classes, 1)
            )
            for _ in names
        )
        self.main_head = nn.Sequential(
            nn.Conv2d(width, half, 3, padding=1), nn.BatchNorm2d(half), nn.ReLU(), nn.Dropout2d(0.2),
            nn.Conv2d(half, quarter, 3, padding=1), nn.BatchNorm2d(quarter), nn.ReLU(), nn.Dropout2d(0.2),
            nn.Conv2d(quarter, classes, 1),
        )  # fmt: skip
        self.pixel_fusion = PixelFusion(width, len(names)) if msfa else None
        self.loss_weights = nn.Parameter(torch.ones(len(names) + 1)) if keep_unused else None
        self.edge_head = nn.Sequential(
            nn.Conv2d(width, quarter, 3, padding=1), nn.BatchNorm2d(quarter), nn.ReLU(), nn.Conv2d(quarter, classes, 1)
        )

    def forward(self, maps: list[Tensor], boxes: list[Tensor]) -> RoIMaps:
        """Segment inside boxes, all boxes of all images in one batch in their order."""
        if not self.training and not any(map(len, boxes)):
            return RoIMaps(maps[0].new_zeros((0, self.classes, TARGET, TARGET)), None, ())
        skips = [
            encode(enhance(self._cut(features, boxes, cells, level)))
            for level, (features, cells, enhance, encode) in enumerate(
                zip(maps[: len(CELLS)], CELLS, self.fpn_enhance.values(), self.encoder_blocks, strict=True)
            )
        ]
        below = skips[-1] if self.transformer is None else self._transform(skips, self.transformer)
        decoded = [below]
        for skip, join in zip(reversed(skips[:-1]), reversed(self.decoder_blocks[:-1]), strict=True):
            below = join(skip, grown(below, skip.shape[-1]))
            decoded.append(below)
        # the coarsest first, as the fusion was published
        full = [grown(x, TARGET) for x in decoded]
        if self.pixel_fusion is None:
            fused = full[-1]
        else:
            fused = self.detail_enhance(self.pixel_fusion([self.detail_enhance(x) for x in full]))
        mask = self.main_head(fused)
        if not self.training:
            return RoIMaps(mask, None, ())
        levels = tuple(head(x) for head, x in zip(self.decoder_level_heads, reversed(full), strict=True))
        return RoIMaps(mask, self.edge_head(fused), levels)

    @staticmethod
    def _cut(features: Tensor, boxes: list[Tensor], cells: int, level: int) -> Tensor:
        scale = 1 / 2 ** (level + 2)
        return torch.cat([roi_align(x, own, cells, scale=scale) for x, own in zip(features, boxes, strict=True)])

    def _transform(self, skips: list[Tensor], transformer: nn.Module) -> Tensor:
        """The coarsest map after all maps have seen each other: (N, width, 8, 8)."""
        tokens = [
            embed(skip).flatten(2).transpose(1, 2) + self.level_embed[i]
            for i, (embed, skip) in enumerate(zip(self.patch_embed.values(), skips, strict=True))
        ]
        seen = transformer(torch.cat(tokens, dim=1) + self.pos_embed)
        # published code lays out the tokens of all four; only those of the coarsest reach the mask
        n, _, width = seen.shape
        return seen[:, -(TOKENS**2) :].transpose(1, 2).reshape(n, width, TOKENS, TOKENS)

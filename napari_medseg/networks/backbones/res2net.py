"""Res2Net v1b: residual blocks whose 3 x 3 convolution works on several scales.

Gao et al.: Res2Net, a new multi-scale backbone architecture. TPAMI 2021. Parameter names are those of the published
ImageNet file, so that it loads as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import plus

EXPANSION = 4


class ScaleBlock(nn.Module):
    """A bottleneck whose middle is cut into ``scale`` parts, each convolved on top of the one before.

    Parameters
    ----------
    in_channels : int
    planes : int
        A quarter of the channels out.
    stride : int
    first : bool
        The first block of a stage: its parts do not build on each other, its input is fitted by a shortcut.
    base_width, scale : int

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, 4 planes, H / stride, W / stride), float
    """

    def __init__(
        self, in_channels: int, planes: int, *, stride: int, first: bool, base_width: int = 26, scale: int = 4
    ) -> None:
        super().__init__()
        width = planes * base_width // 64
        out = planes * EXPANSION
        self.first, self.width, self.stride = first, width, stride
        self.conv1 = nn.Conv2d(in_channels, width * scale, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width * scale)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False) for _ in range(scale - 1)
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(scale - 1))
        self.conv3 = nn.Conv2d(width * scale, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.act1 = nn.ReLU()
        self.acts = nn.ModuleList(nn.ReLU() for _ in range(scale - 1))
        inner = ((f"convs.{i}", f"bns.{i}", f"acts.{i}") for i in range(scale - 1))
        self.folds = (("conv1", "bn1", "act1"), *inner, ("conv3", "bn3"))
        self.downsample: nn.Sequential | None = None
        if first:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False),
                nn.Conv2d(in_channels, out, 1, bias=False),
                nn.BatchNorm2d(out),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve at several scales."""
        *parts, rest = self.act1(self.bn1(self.conv1(x))).split(self.width, dim=1)
        done: list[Tensor] = []
        for conv, norm, act, part in zip(self.convs, self.bns, self.acts, parts, strict=True):
            if done and not self.first:
                part = part + done[-1]
            done.append(act(norm(conv(part))))
        if self.first:
            rest = F.avg_pool2d(rest, 3, stride=self.stride, padding=1)
        out = self.bn3(self.conv3(torch.cat((*done, rest), dim=1)))
        return F.relu(plus(out, x if self.downsample is None else self.downsample(x)), inplace=True)


class Res2Net(nn.Module):
    """A deep stem and four stages.

    Parameters
    ----------
    in_channels : int
    planes : int
        64 as published; the stages give 4, 8, 16 and 32 times as many channels.
    depths : sequence of int
        Blocks of the stages.
    imagenet_head : bool
        Keep the unused classifier, which published counts of parameters include.

    Shapes
    ------
    input : (B, in_channels, H, W), float; sides multiples of 32
    output : list of (B, 4 planes 2^i, H / 2^(i + 2), W / 2^(i + 2))
    """

    folds = (("conv1.6", "bn1", "act1"),)

    def __init__(
        self,
        *,
        in_channels: int = 3,
        planes: int = 64,
        depths: Sequence[int] = (3, 4, 6, 3),
        imagenet_head: bool = False,
    ) -> None:
        super().__init__()
        half = planes // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(in_channels, half, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, planes, 3, padding=1, bias=False),
        )
        self.bn1, self.act1 = nn.BatchNorm2d(planes), nn.ReLU()
        width, stages = planes, []
        for number, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                stride = 2 if number and i == 0 else 1
                blocks.append(ScaleBlock(width, planes * 2**number, stride=stride, first=i == 0))
                width = planes * 2**number * EXPANSION
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(width, 1000) if imagenet_head else None

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps at a quarter, an eighth, a sixteenth and a thirty-second of the input's sides."""
        x = F.max_pool2d(self.act1(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps

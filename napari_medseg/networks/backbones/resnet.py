"""ResNet-50 with batch norms that are frozen or live, and a feature pyramid on top.

He et al.: Deep residual learning. CVPR 2016. Lin et al.: Feature pyramid networks. CVPR 2017. Parameter names are
those of torchvision's files, so that these load as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import plus

EXPANSION = 4


class FrozenBatchNorm(nn.Module):
    """A batch norm whose scale and shift are fixed: buffers, no parameters.

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    eps = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift."""
        scale = self.get_buffer("weight") * (self.get_buffer("running_var") + self.eps).rsqrt()
        shift = self.get_buffer("bias") - self.get_buffer("running_mean") * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # files of trained batch norms hold a counter that means nothing here
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 around a shortcut.

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, 4 planes, H / stride, W / stride), float
    """

    folds = (("conv1", "bn1", "act1"), ("conv2", "bn2", "act2"), ("conv3", "bn3"))

    def __init__(self, in_channels: int, planes: int, *, stride: int, norm: type[nn.Module] = FrozenBatchNorm) -> None:
        super().__init__()
        out = planes * EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(in_channels, planes, 1, bias=False), norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = norm(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, out, 1, bias=False), norm(out)
        self.act1, self.act2 = nn.ReLU(), nn.ReLU()
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, out, 1, stride=stride, bias=False), norm(out))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve around the shortcut."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.act2(self.bn2(self.conv2(y)))
        y = plus(self.bn3(self.conv3(y)), x if self.downsample is None else self.downsample(x))
        return F.relu(y, inplace=True)


class ResNet(nn.Module):
    """Stem and four stages.

    Parameters
    ----------
    planes : int
        64 as published; the stages give 4, 8, 16 and 32 times as many channels.
    depths : sequence of int
    frozen : bool
        The stem and all norms stay as they are: as published, for pretrained weights. From random ones nothing would be
        learned through norms of scale 1, so that the maps fade from stage to stage.

    Shapes
    ------
    input : (B, 3, H, W), float; sides multiples of 32
    output : list of (B, 4 planes 2^i, H / 2^(i + 2), W / 2^(i + 2))
    """

    folds = (("conv1", "bn1", "act1"),)

    def __init__(self, *, planes: int = 64, depths: Sequence[int] = (3, 4, 6, 3), frozen: bool = True) -> None:
        super().__init__()
        norm: type[nn.Module] = FrozenBatchNorm if frozen else nn.BatchNorm2d
        self.conv1 = nn.Conv2d(3, planes, 7, stride=2, padding=3, bias=False).requires_grad_(not frozen)
        self.bn1, self.act1 = norm(planes), nn.ReLU()
        width, stages = planes, []
        for number, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                stride = 2 if number and i == 0 else 1
                blocks.append(Bottleneck(width, planes * 2**number, stride=stride, norm=norm))
                width = planes * 2**number * EXPANSION
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps at a quarter to a thirty-second of the sides."""
        x = F.max_pool2d(self.act1(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


class FeaturePyramid(nn.Module):
    """Maps of one width, each with what the coarser ones know, and one coarser still.

    Shapes
    ------
    input : list of (B, widths[i], H / 2^i, W / 2^i), finest first
    output : list of (B, channels, ...), as many and one more
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        # each in a sequence of one: torchvision's names
        self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(w, channels, 1)) for w in widths)
        self.layer_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1)) for _ in widths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """From the coarsest down."""
        top = self.inner_blocks[-1](maps[-1])
        found = [self.layer_blocks[-1](top)]
        for inner, layer, x in zip(
            reversed(self.inner_blocks[:-1]), reversed(self.layer_blocks[:-1]), reversed(maps[:-1]), strict=True
        ):
            top = plus(inner(x), F.interpolate(top, size=x.shape[2:], mode="nearest"))
            found.insert(0, layer(top))
        return [*found, F.max_pool2d(found[-1], 1, stride=2)]


class BodyAndPyramid(nn.Module):
    """Both, under torchvision's names ``body`` and ``fpn``.

    Parameters
    ----------
    body : nn.Module
        Gives four maps, as :class:`ResNet` does.
    widths : sequence of int
        Their channels.
    channels : int
        Of the pyramid.
    """

    def __init__(self, body: nn.Module, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.body = body
        self.fpn = FeaturePyramid(widths, channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Five maps of ``channels`` at 1/4 to 1/64 of the sides."""
        return self.fpn(self.body(x))

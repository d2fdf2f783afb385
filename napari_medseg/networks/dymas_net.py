"""DyMAS-Net.

No code was published: the blocks follow the paper's equations; widths and depths are ours, chosen so that all rows of
the paper's table of parameters fit within one per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.attention import ChannelSpatialAttention, DepthwiseGate
from napari_medseg.networks.blocks.conv import ConvNormAct, plus
from napari_medseg.networks.blocks.depthwise import ParallelDepthwise, StackedDepthwise
from napari_medseg.networks.blocks.sampling import DynamicUpsample
from napari_medseg.networks.output import SegmentationOutput


class HybridMultiScale(nn.Module):
    """An inverted bottleneck with three depthwise kernels added up, and shuffled channels.

    ``h = GELU(BN(e(x)))``, ``y = d3(h) + d5(h) + d7(h)``, ``BN(p(shuffle(y))) + x``. [DyMAS-Net, HMCB, eq. 1]

    Parameters
    ----------
    channels : int
        In and out.
    expansion : int
    branches : {'sum', 'concat'}
        The branches are added [eq. 1], or stacked [eq. 2].

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    shuffled = (("shuffle", "project.0"),)

    def __init__(self, channels: int, *, expansion: int = 2, branches: str = "sum") -> None:
        super().__init__()
        if branches not in ("sum", "concat"):
            raise ValueError(f"branches is '{branches}'; expected 'sum' or 'concat'.")
        wide, kernels = expansion * channels, (3, 5, 7)
        self.expand = ConvNormAct(channels, wide, kernel_size=1, bias=False, activation=nn.GELU)
        self.depthwise: nn.Module
        if branches == "sum":
            self.depthwise = ParallelDepthwise(wide, kernels)
        else:
            self.depthwise = StackedDepthwise(wide, kernels)
            wide *= len(kernels)
        self.shuffle = nn.ChannelShuffle(gcd(wide, channels))
        self.project = ConvNormAct(wide, channels, kernel_size=1, bias=False, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        """Mix at three scales."""
        return plus(self.project(self.shuffle(self.depthwise(self.expand(x)))), x)


def plain_double(channels: int) -> nn.Module:
    """Two 3 x 3 convolutions: what stands in the place of a multi-scale block that is left out."""
    same: dict[str, Any] = {"kernel_size": 3, "bias": False, "activation": nn.GELU}
    return nn.Sequential(ConvNormAct(channels, channels, **same), ConvNormAct(channels, channels, **same))


class DecoderStage(nn.Module):
    """Dynamic up-sampling, a gated skip, and the two joined.

    Parameters
    ----------
    in_channels, channels : int
        Of the map below and of the skip.
    hmcb, adsm, dafu, branches
        As for :class:`DyMASNet`.

    Shapes
    ------
    below : (B, in_channels, H, W), float
    skip : (B, channels, 2 H, 2 W), float
    output : (B, channels, 2 H, 2 W), float
    """

    def __init__(self, in_channels: int, channels: int, *, hmcb: bool, adsm: bool, dafu: bool, branches: str) -> None:
        super().__init__()
        same: dict[str, Any] = {"kernel_size": 1, "bias": False}
        self.up = DynamicUpsample(in_channels) if adsm else nn.Upsample(scale_factor=2, mode="bilinear")
        self.narrow = ConvNormAct(in_channels, channels, activation=nn.ReLU, **same)
        self.gate = DepthwiseGate(channels) if dafu else None
        self.join = ConvNormAct(2 * channels, channels, activation=nn.GELU, **same)
        self.mix = HybridMultiScale(channels, branches=branches) if hmcb else plain_double(channels)
        self.attention = ChannelSpatialAttention(channels) if dafu else nn.Identity()

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Join what comes from below with the skip."""
        up = self.narrow(self.up(below))
        skip = skip if self.gate is None else self.gate(skip, up)
        return self.attention(self.mix(self.join(torch.cat((skip, up), dim=1))))


class DyMASNet(nn.Module):
    """Five-stage encoder and decoder of multi-scale blocks with dynamic up-sampling.

    Parameters
    ----------
    in_channels, classes : int
    widths : sequence of int
        Of the five stages; multiples of 8.
    depths : sequence of int
        Multi-scale blocks in each stage.
    hmcb, adsm, dafu : bool
        Without, two 3 x 3 convolutions, bilinear up-sampling, or a plain skip stand in their places. For ablations.
    branches : {'sum', 'concat'}
        As for :class:`HybridMultiScale`.

    Shapes
    ------
    input : (B, in_channels, H, W), float; sides multiples of 16
    output : ``SegmentationOutput`` with logits (B, classes, H, W)
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        classes: int = 1,
        widths: Sequence[int] = (32, 64, 128, 256, 512),
        depths: Sequence[int] = (1, 2, 3, 3, 3),
        hmcb: bool = True,
        adsm: bool = True,
        dafu: bool = True,
        branches: str = "sum",
    ) -> None:
        super().__init__()
        if not len(widths) == len(depths) == 5:
            raise ValueError(f"widths and depths have {len(widths)} and {len(depths)} entries; expected 5 each.")
        self.stem = ConvNormAct(in_channels, widths[0], bias=False, activation=nn.GELU)
        self.encoder = nn.ModuleList()
        width = widths[0]
        for stage, (o, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks: list[nn.Module] = [
                HybridMultiScale(o, branches=branches) if hmcb else plain_double(o) for _ in range(depth)
            ]
            if stage:
                blocks.insert(0, ConvNormAct(width, o, kernel_size=1, bias=False, activation=nn.GELU))
            self.encoder.append(nn.Sequential(*blocks))
            width = o
        self.bottleneck = ChannelSpatialAttention(width) if dafu else nn.Identity()
        # from the deepest stage to the first, as the decoder runs
        pairs = zip(widths[:0:-1], widths[-2::-1], strict=True)
        parts: dict[str, Any] = {"hmcb": hmcb, "adsm": adsm, "dafu": dafu, "branches": branches}
        self.decoder = nn.ModuleList(DecoderStage(i, o, **parts) for i, o in pairs)
        self.head = nn.Conv2d(widths[0], classes, kernel_size=1)

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch.

        Parameters
        ----------
        x : Tensor
            (B, in_channels, H, W), float; H and W multiples of 16.
        """
        x = self.encoder[0](self.stem(x))
        skips = [x]
        for stage in self.encoder[1:]:
            x = stage(F.max_pool2d(x, kernel_size=2))
            skips.append(x)
        x = self.bottleneck(skips.pop())
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return SegmentationOutput(logits=self.head(x))

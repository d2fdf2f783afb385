"""LGMSNet for images and volumes.

Dong et al.: LGMSNet. ECAI 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import ConvNormAct, UpsampleConv, batch_norm, plus
from napari_medseg.networks.blocks.depthwise import SplitDepthwise
from napari_medseg.networks.blocks.fusion import SkipFusion
from napari_medseg.networks.blocks.patch_attention import PatchTransformer
from napari_medseg.networks.output import SegmentationOutput

KERNELS = (3, 5, 7, 9)
Norm = Callable[[int, int], nn.Module]


def instance_norm(channels: int, ndim: int) -> nn.Module:
    """Instance norm without scale and shift, as published for volumes."""
    return nn.InstanceNorm3d(channels) if ndim == 3 else nn.InstanceNorm2d(channels)


class LocalMultiScale(nn.Module):
    """Depthwise kernels of their own on equal parts of the channels, then a narrow residual path.

    ``a = GELU(GN(x + cat(d_k(x_k))))``, ``z = c3(c1(a)) + x``; ``c1`` narrows to a quarter, ``c3`` widens again, each
    with norm and SiLU. [LGMSNet, LMS; the text says SiLU after the group norm, the published code has GELU]

    Parameters
    ----------
    channels : int
        A multiple of 4 and of the number of kernels.
    kernels : sequence of int
        Odd sides, px.
    ndim : int
        2 for images, 3 for volumes.
    norm : callable

    Shapes
    ------
    input, output : (B, channels, *spatial), float
    """

    def __init__(self, channels: int, *, kernels: Sequence[int] = KERNELS, ndim: int, norm: Norm) -> None:
        super().__init__()
        self.depthwise = SplitDepthwise(channels, kernels, ndim=ndim)
        self.norm = nn.GroupNorm(4, channels)
        same: dict[str, Any] = {"activation": nn.SiLU, "bias": False, "ndim": ndim, "norm": norm}
        self.narrow = ConvNormAct(channels, channels // 4, kernel_size=1, **same)
        self.widen = ConvNormAct(channels // 4, channels, kernel_size=3, **same)

    def forward(self, x: Tensor) -> Tensor:
        """Mix at four scales."""
        return plus(self.widen(self.narrow(F.gelu(self.norm(self.depthwise(x))))), x)


class GlobalMultiScale(nn.Module):
    """Most channels through attention, the rest through a depthwise convolution, then joined with the input.

    [LGMSNet, GMS]

    Parameters
    ----------
    in_channels, channels : int
    hidden : int
        Width of the transformer's MLP.
    near : float
        Share of the channels that goes through the convolution.
    ndim : int
    norm : callable

    Shapes
    ------
    input : (B, in_channels, *spatial), float; sides even
    output : (B, channels, *spatial), float
    """

    def __init__(
        self, in_channels: int, channels: int, *, hidden: int, near: float = 0.25, ndim: int, norm: Norm
    ) -> None:
        super().__init__()
        if not 0 < near < 1:
            raise ValueError(f"near is {near}; expected a share of the channels between 0 and 1.")
        self.split = (channels - int(channels * near), int(channels * near))
        tokens, local = self.split
        same: dict[str, Any] = {"activation": nn.SiLU, "bias": False, "ndim": ndim, "norm": norm}
        self.enter = ConvNormAct(in_channels, channels, kernel_size=3, **same)
        self.mix = ConvNormAct(channels, channels, kernel_size=1, **same)
        # batch norm here in volumes too
        self.local = nn.Sequential(
            ConvNormAct(local, local, groups=local, bias=False, activation=nn.ReLU, ndim=ndim),
            ConvNormAct(local, local, kernel_size=1, groups=local, bias=False, activation=None, ndim=ndim),
        )
        self.attention = PatchTransformer(tokens, heads=4, head_width=8, hidden=hidden, ndim=ndim)
        self.join = ConvNormAct(channels, channels, kernel_size=1, **same)
        self.leave = ConvNormAct(channels + in_channels, channels, kernel_size=3, **same)

    def forward(self, x: Tensor) -> Tensor:
        """Mix near and far."""
        tokens, local = self.mix(self.enter(x)).split(self.split, dim=1)
        local = plus(self.local(local), local)
        joined = self.join(torch.cat((self.attention(tokens), local), dim=1))
        return self.leave(torch.cat((joined, x), dim=1))


class LGMSNet(nn.Module):
    """Five-stage encoder and decoder: local multi-scale blocks where maps are large, attention where they are small.

    Parameters
    ----------
    in_channels, classes : int
    widths : sequence of int
        Of the five stages.
    ndim : int
        2 for images, 3 for volumes.
    instance : bool
        Instance norm without parameters instead of batch norm, as published for volumes.
    kernels : sequence of int
        Of the local blocks, for their ablation.
    near : float
        Share of the channels of the wide blocks that sees only what is near, for their ablation.
    lms, gms : bool
        Without, a plain 3 x 3 convolution stands in the place of each such block. For ablations.

    Shapes
    ------
    input : (B, in_channels, *spatial), float; sides multiples of 32
    output : ``SegmentationOutput`` with logits (B, classes, *spatial)
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        classes: int = 1,
        widths: Sequence[int] = (16, 32, 64, 128, 128),
        ndim: int = 2,
        instance: bool = False,
        kernels: Sequence[int] = KERNELS,
        near: float = 0.25,
        lms: bool = True,
        gms: bool = True,
    ) -> None:
        super().__init__()
        if len(widths) != 5:
            raise ValueError(f"widths has {len(widths)} entries; expected 5. Give one a stage.")
        w1, w2, w3, w4, w5 = widths
        norm: Norm = instance_norm if instance else batch_norm
        rest: dict[str, Any] = {"ndim": ndim, "norm": norm}
        self._pool = F.max_pool2d if ndim == 2 else F.max_pool3d

        def plain(i: int, o: int) -> nn.Module:
            return ConvNormAct(i, o, kernel_size=3, bias=False, activation=nn.SiLU, **rest)

        def local(i: int, o: int) -> nn.Module:
            end = ConvNormAct(i, o, kernel_size=1, bias=False, activation=nn.SiLU, **rest)
            return nn.Sequential(LocalMultiScale(i, kernels=kernels, **rest) if lms else plain(i, i), end)

        def wide(i: int, o: int) -> nn.Module:
            return GlobalMultiScale(i, o, hidden=2 * o, near=near, **rest) if gms else plain(i, o)

        def fuse(o: int) -> nn.Module:
            return SkipFusion(o, fusion="concat", activation=nn.GELU, **rest)

        self.stem = ConvNormAct(in_channels, w1, activation=nn.ReLU, **rest)
        self.encoder = nn.ModuleList((local(w1, w1), local(w1, w2), local(w2, w3), wide(w3, w4), wide(w4, w5)))
        # from the deepest stage to the first, as the decoder runs
        pairs = ((w5, w4), (w4, w3), (w3, w2), (w2, w1))
        self.up = nn.ModuleList(UpsampleConv(i, o, activation=nn.ReLU, **rest) for i, o in pairs)
        self.deepest = wide(2 * w4, w4)
        self.fuse = nn.ModuleList(fuse(w) for w in (w3, w2, w1))
        self.refine = wide(w3, w3)
        self.head = (nn.Conv2d if ndim == 2 else nn.Conv3d)(w1, classes, kernel_size=1)

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch.

        Parameters
        ----------
        x : Tensor
            (B, in_channels, *spatial), float; sides multiples of 32.
        """
        x = self.encoder[0](self.stem(x))
        skips = [x]
        for stage in self.encoder[1:]:
            x = stage(self._pool(x, kernel_size=2))
            skips.append(x)
        x = skips.pop()
        x = self.deepest(torch.cat((skips.pop(), self.up[0](x)), dim=1))  # at 1/8
        x = self.refine(self.fuse[0](skips.pop(), self.up[1](x)))  # at 1/4
        x = self.fuse[1](skips.pop(), self.up[2](x))
        x = self.fuse[2](skips.pop(), self.up[3](x))
        return SegmentationOutput(logits=self.head(x))

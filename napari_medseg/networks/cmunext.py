"""CMUNeXt and its smallest member, CMUNeXt-XXS (Mobile-CMUNeXt).

Carvalho, Vestias: Fast Semantic Segmentation of Medical Images (XXS), after
Tang et al.: CMUNeXt, an efficient medical image segmentation network (the family).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import ConvActNorm, ConvNormAct, UpsampleConv, plus
from napari_medseg.networks.blocks.fusion import SkipFusion
from napari_medseg.networks.output import SegmentationOutput

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "hardswish": nn.Hardswish,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
}


class LargeKernelBlock(nn.Module):
    """Residual depthwise convolutions followed by an inverted bottleneck.

    ``y = p(r(r(x)))`` with ``r(x) = x + d(x)`` applied ``depthwise`` times; ``d``: k x k depthwise, ``p``: two
    1 x 1 through 4 x ``channels``. Every convolution is followed by the activation, then the norm. There is no
    outer residual. [CMUNeXt, III-B; XXS, III-B]

    Parameters
    ----------
    channels : int
        Channels in and out.
    kernel_size : int
        Odd side of the depthwise kernel, px.
    depthwise : int
        Residual depthwise convolutions in a row: 1 in the family, 2 in XXS.
    activation : callable
        Makes a fresh activation module.

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    norms_ahead = (("expand.2", "project.0"),)

    def __init__(self, channels: int, *, kernel_size: int, depthwise: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.depthwise = nn.ModuleList(
            ConvActNorm(channels, channels, kernel_size=kernel_size, groups=channels, activation=activation)
            for _ in range(depthwise)
        )
        self.expand = ConvActNorm(channels, 4 * channels, kernel_size=1, activation=activation)
        self.project = ConvActNorm(4 * channels, channels, kernel_size=1, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Mix in space, then across channels."""
        for conv in self.depthwise:
            x = plus(conv(x), x)
        return self.project(self.expand(x))


class EncoderStage(nn.Sequential):
    """Large-kernel blocks at the input's width, then a convolution to the stage's width.

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, out_channels, H, W), float
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        depth: int,
        kernel_size: int,
        depthwise: int,
        activation: Callable[[], nn.Module],
        stage_activation: Callable[[], nn.Module],
    ) -> None:
        blocks = [
            LargeKernelBlock(in_channels, kernel_size=kernel_size, depthwise=depthwise, activation=activation)
            for _ in range(depth)
        ]
        super().__init__(*blocks, ConvNormAct(in_channels, out_channels, activation=stage_activation))


class CMUNeXt(nn.Module):
    """Five-stage encoder and decoder with large depthwise kernels.

    Parameters
    ----------
    in_channels, classes : int
        Channels in and out.
    widths : sequence of int
        Channels of the five stages.
    depths : sequence of int
        Large-kernel blocks in each stage.
    kernels : sequence of int
        Side of the depthwise kernels in each stage, px, odd.
    depthwise : int
        Residual depthwise convolutions in each block.
    fusion : {'sum', 'concat'}
        How skips join the decoder.
    activation : {'hardswish', 'relu', 'gelu'}
        In blocks and fusions, where the norm comes last.
    stage_activation : {'hardswish', 'relu', 'gelu'}, optional
        In stem, stage ends and up-sampling, where the norm comes first; default: ``activation``.

    Shapes
    ------
    input : (B, in_channels, H, W), float; H and W multiples of 16
    output : ``SegmentationOutput`` with logits (B, classes, H, W)
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        classes: int = 1,
        widths: Sequence[int] = (16, 32, 128, 160, 256),
        depths: Sequence[int] = (1, 1, 1, 3, 1),
        kernels: Sequence[int] = (3, 3, 7, 7, 7),
        depthwise: int = 1,
        fusion: str = "concat",
        activation: str = "gelu",
        stage_activation: str | None = "relu",
    ) -> None:
        super().__init__()
        if not len(widths) == len(depths) == len(kernels) == 5:
            raise ValueError(
                f"widths, depths and kernels have {len(widths)}, {len(depths)} and {len(kernels)} entries; "
                "expected 5 each. Give one entry a stage."
            )
        act = ACTIVATIONS[activation]
        stage_act = ACTIVATIONS[stage_activation or activation]
        self.stem = ConvNormAct(in_channels, widths[0], activation=stage_act)
        ins = (widths[0], *widths[:-1])
        self.encoder = nn.ModuleList(
            EncoderStage(i, o, depth=d, kernel_size=k, depthwise=depthwise, activation=act, stage_activation=stage_act)
            for i, o, d, k in zip(ins, widths, depths, kernels, strict=True)
        )
        # from the deepest stage to the first, as the decoder runs
        self.up = nn.ModuleList(UpsampleConv(i, o, activation=stage_act) for i, o in pairwise(reversed(widths)))
        self.fuse = nn.ModuleList(SkipFusion(w, fusion=fusion, activation=act) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(widths[0], classes, kernel_size=1)

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch.

        Parameters
        ----------
        x : Tensor
            (B, in_channels, H, W), float; H and W multiples of 16.

        Returns
        -------
        SegmentationOutput
            logits (B, classes, H, W).
        """
        x = self.encoder[0](self.stem(x))  # (B, widths[0], H, W)
        skips = [x]
        for stage in self.encoder[1:]:
            x = stage(F.max_pool2d(x, kernel_size=2))  # (B, widths[i], H / 2^i, W / 2^i)
            skips.append(x)
        x = skips.pop()
        for up, fuse in zip(self.up, self.fuse, strict=True):
            x = fuse(skips.pop(), up(x))
        return SegmentationOutput(logits=self.head(x))

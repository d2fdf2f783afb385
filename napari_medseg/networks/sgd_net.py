"""SGD-Net: edges (SGE) that steer dynamic convolutions (SGDC).

Shi, Zhu, Swamy: SGDC. MIDL 2026 submission. Published are the two modules; the network around them is that of CTO
(Lin et al., 2023), which the paper says it adopts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.backbones.efficientnet_lite import WIDTHS, EfficientNetLite0
from napari_medseg.networks.backbones.res2net import EXPANSION, Res2Net
from napari_medseg.networks.blocks.conv import ConvNormAct
from napari_medseg.networks.blocks.dual_attention import DualAttention
from napari_medseg.networks.blocks.dynamic_conv import GuidedDynamicConv
from napari_medseg.networks.blocks.guidance import StructuralGuidance
from napari_medseg.networks.blocks.patch_tokens import PatchTokenTransformer
from napari_medseg.networks.output import SegmentationOutput


class ReverseDecoder(nn.Module):
    """Joins a map with what comes from below, and looks again where that saw nothing.

    ``u``: below, resized; ``r``: one channel from both; ``t``: one channel from ``(1 - sigmoid(u)) * x``;
    ``u + r + t``, the two single channels added to all. [CTO, boundary decoder]

    Shapes
    ------
    x : (B, channels, H, W), float
    below : (B, channels, h, w), float
    output : (B, channels, H, W), float
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.joint = nn.Sequential(
            ConvNormAct(2 * channels, channels, activation=nn.PReLU),
            ConvNormAct(channels, channels, activation=nn.PReLU),
            nn.Conv2d(channels, 1, 1),
        )
        self.reverse = nn.Sequential(
            ConvNormAct(channels, channels, bias=False, activation=nn.ReLU),
            ConvNormAct(channels, channels, bias=False, activation=nn.ReLU),
            ConvNormAct(channels, 1, bias=False, activation=None),
        )

    def forward(self, x: Tensor, below: Tensor) -> Tensor:
        """Join."""
        up = F.interpolate(below, size=x.shape[2:], mode="bilinear", align_corners=False)
        return up + self.joint(torch.cat((x, up), dim=1)) + self.reverse((1 - up.sigmoid()) * x)


class SGDNet(nn.Module):
    """Encoder, patch transformer, dual attention, edges, dynamic convolutions, reverse-attention decoder.

    Parameters
    ----------
    in_channels, classes : int
    backbone : {'res2net', 'efficientnet-lite0'}
        The encoder: the paper's, or one that is small.
    planes : int
        Width of Res2Net, 64 as published.
    depths : sequence of int
        Blocks of Res2Net's stages.
    edge_width : int
        Channels inside the edge branch.
    decoder_width : int
    heads, kernel_size : int
        Of the dynamic convolutions.
    imagenet_head : bool
        Keep the backbone's unused classifier: the paper's count includes it.
    edges_from : {'encoder', 'attention'}
        What the edge branch sees beside the first map: the encoder's last block [paper, 3.2], or what the dual
        attention made of it, as in files that were trained before.
    gate : {'sum', 'channel'}
        Of the edge branch, as for :class:`StructuralGuidance`.
    sge, sgdc : bool
        Without SGE there is no edge map and SGDC has no guidance but its own map; without SGDC the maps of the
        backbone go to the decoder as they are. For ablations.
    guidance : {'steers', 'added', 'self'}
        What SGDC's kernels follow: map and guidance joined inside the block; a map to which the guidance was added
        beforehand, with no guidance inside; or the map alone. For ablations [paper, tables 4 and 5].
    local, dynamic : bool
        SGDC's two paths. For ablations.

    Shapes
    ------
    input : (B, in_channels, H, W), float; sides multiples of 64
    output : ``SegmentationOutput`` with logits (B, classes, H, W), edge logits (B, 1, H, W), and in training two
        coarser ``aux`` maps of the same size
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        classes: int = 1,
        backbone: str = "res2net",
        planes: int = 64,
        depths: Sequence[int] = (3, 4, 6, 3),
        edge_width: int = 256,
        decoder_width: int = 64,
        heads: int = 4,
        kernel_size: int = 7,
        imagenet_head: bool = False,
        edges_from: str = "encoder",
        gate: str = "sum",
        sge: bool = True,
        sgdc: bool = True,
        guidance: str = "steers",
        local: bool = True,
        dynamic: bool = True,
    ) -> None:
        super().__init__()
        self.edges_from = _known(edges_from, ("encoder", "attention"), "edges_from")
        self.backbone: nn.Module
        if _known(backbone, ("res2net", "efficientnet-lite0"), "backbone") == "res2net":
            widths = [planes * EXPANSION * 2**i for i in range(4)]
            self.backbone = Res2Net(in_channels=in_channels, planes=planes, depths=depths, imagenet_head=imagenet_head)
        else:
            widths = list(WIDTHS)
            self.backbone = EfficientNetLite0(in_channels=in_channels)
        self.transformer = PatchTokenTransformer(widths[0])
        self.attention = DualAttention(widths[0] + widths[3], widths[3])
        self.guidance = StructuralGuidance(widths[3], widths[0], width=edge_width, gate=gate) if sge else None
        self.dynamic = nn.ModuleList(
            GuidedDynamicConv(
                w, heads=heads, kernel_size=kernel_size, guided=guidance, local=local, dynamic=dynamic, scale=1e-6
            )
            for w in (widths[:3] if sgdc else [])
        )
        self.reduce = nn.ModuleList(ConvNormAct(w, decoder_width, kernel_size=1, activation=nn.ReLU) for w in widths)
        # from the deepest stage to the first, as the decoder runs
        self.decoder = nn.ModuleList(ReverseDecoder(decoder_width) for _ in range(3))
        self.heads = nn.ModuleList(nn.Conv2d(decoder_width, classes, 1) for _ in range(3))

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch.

        Parameters
        ----------
        x : Tensor
            (B, in_channels, H, W), float; H and W multiples of 64.
        """
        size = x.shape[2:]
        *shallow, deep = self.backbone(x)  # 1/4, 1/8, 1/16, and 1/32 of the sides
        last = deep
        far = F.interpolate(self.transformer(shallow[0]), size=deep.shape[2:], mode="bilinear", align_corners=False)
        deep = self.attention(torch.cat((far, deep), dim=1))
        edges, guidance = None, shallow[0].new_zeros(len(x), GUIDANCE, 1, 1)
        if self.guidance is not None:
            edges, guidance = self.guidance(last if self.edges_from == "encoder" else deep, shallow[0])
            edges = F.interpolate(edges, size=size, mode="bilinear", align_corners=False)
        if len(self.dynamic):
            shallow = [block(x_, guidance) for block, x_ in zip(self.dynamic, shallow, strict=True)]
        low = self.reduce[3](deep)
        maps = []
        for i, decode, head in zip((2, 1, 0), self.decoder, self.heads, strict=True):
            low = decode(self.reduce[i](shallow[i]), low)
            # the coarser maps teach, and nobody else asks for them
            if i == 0 or self.training:
                maps.append(F.interpolate(head(low), size=size, mode="bilinear", align_corners=False))
        return SegmentationOutput(logits=maps[-1], edge_logits=edges, aux=tuple(maps[:-1]))


def _known(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise ValueError(f"{name} is '{value}'; expected one of: {', '.join(allowed)}.")
    return value


GUIDANCE = 16  # channels, of both modules as published

"""Edges as guidance: SGD-Net's SGE branch.

Published module: solstice0621/SGDC. Its Sobel convolution holds the same kernel for every pair of channels, so that
each output is the Sobel of the channels' sum; that is what is computed here, once instead of once a channel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import ConvNormAct, plus

# the published kernels; their sign does not matter to the magnitude
SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))


class SobelGate(nn.Module):
    """``x * sigmoid(|grad x|)``: brightens where there is an edge.

    Parameters
    ----------
    gate : {'sum', 'channel'}
        The gradient of the sum of all channels, which the published weights give, or of each channel by itself, as the
        paper's equation (1) reads.

    Shapes
    ------
    input, output : (B, C, H, W), float
    """

    def __init__(self, gate: str = "sum") -> None:
        super().__init__()
        if gate not in ("sum", "channel"):
            raise ValueError(f"gate is '{gate}'; expected 'sum' or 'channel'.")
        self.summed = gate == "sum"
        across = torch.tensor(SOBEL)
        self.register_buffer("kernels", torch.stack((across, across.T))[:, None], persistent=False)
        self.kernels: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Weigh by the edges."""
        kernels = self.kernels.to(x.dtype)
        if self.summed:
            squared = F.conv2d(x.sum(dim=1, keepdim=True), kernels, padding=1).square().sum(dim=1, keepdim=True)
        else:
            each = F.conv2d(x, kernels.repeat(x.shape[1], 1, 1, 1), padding=1, groups=x.shape[1])
            squared = each.square().unflatten(1, (x.shape[1], 2)).sum(dim=2)
        # the root has no slope at zero, where flat regions lie
        magnitude = (squared + (1e-12 if self.training else 0.0)).sqrt()
        return x * magnitude.sigmoid()


class BottleneckRefiner(nn.Module):
    """``ReLU(x + r(x))``, ``r``: 1 x 1 to a quarter, 3 x 3, 1 x 1 back, each with batch norm.

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // 4
        self.refine = nn.Sequential(
            ConvNormAct(channels, narrow, kernel_size=1, bias=False, activation=nn.ReLU),
            ConvNormAct(narrow, narrow, bias=False, activation=nn.ReLU),
            ConvNormAct(narrow, channels, kernel_size=1, bias=False, activation=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Refine."""
        return F.relu(plus(self.refine(x), x), inplace=True)


class StructuralGuidance(nn.Module):
    """An edge map and guidance channels from a deep and a shallow map. [SGD-Net, SGE]

    Parameters
    ----------
    deep_channels, shallow_channels : int
    width : int
        Channels inside.
    guidance : int
        Guidance channels out.
    gate : {'sum', 'channel'}
        As for :class:`SobelGate`.

    Shapes
    ------
    deep : (B, deep_channels, h, w), float
    shallow : (B, shallow_channels, H, W), float
    output : edge logits (B, 1, H, W) and guidance (B, guidance, H, W)
    """

    def __init__(
        self, deep_channels: int, shallow_channels: int, *, width: int = 256, guidance: int = 16, gate: str = "sum"
    ) -> None:
        super().__init__()
        self.sobel = SobelGate(gate)
        self.deep = ConvNormAct(deep_channels, width, kernel_size=1, bias=False, activation=nn.ReLU)
        self.shallow = ConvNormAct(shallow_channels, width, kernel_size=1, bias=False, activation=nn.ReLU)
        self.refine_deep, self.refine_shallow = BottleneckRefiner(width), BottleneckRefiner(width)
        self.fuse = ConvNormAct(2 * width, width, bias=False, activation=nn.ReLU)
        self.edges = nn.Conv2d(width, 1, 1, bias=False)
        self.guidance = nn.Conv2d(width, guidance, 1, bias=False)

    def forward(self, deep: Tensor, shallow: Tensor) -> tuple[Tensor, Tensor]:
        """Edge logits and guidance at the shallow map's size."""
        low = self.refine_deep(self.sobel(self.deep(deep)))
        high = self.refine_shallow(self.sobel(self.shallow(shallow)))
        low = F.interpolate(low, size=high.shape[2:], mode="bilinear", align_corners=False)
        fused = self.fuse(torch.cat((low, high), dim=1))
        return self.edges(fused), self.guidance(fused)

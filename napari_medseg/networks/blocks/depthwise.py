"""Depthwise kernels of several sizes side by side, and the one kernel that equals them.

Parallel depthwise convolutions are linear: padded with zeros to the largest side and added, they are one convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import CONV


def pad_kernel(weight: Tensor, side: int) -> Tensor:
    """A kernel (C, 1, *k) in the middle of zeros (C, 1, *side)."""
    margin = (side - weight.shape[-1]) // 2
    return F.pad(weight, (margin, margin) * (weight.dim() - 2))


class ParallelDepthwise(nn.Module):
    """The sum of depthwise convolutions of several sides, without bias.

    Parameters
    ----------
    channels : int
    kernels : sequence of int
        Odd sides, px.

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    def __init__(self, channels: int, kernels: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels, bias=False) for k in kernels
        )

    def kernel(self) -> Tensor:
        """The one kernel (C, 1, side, side) that does what all do together; gradients reach each of them."""
        weights = [branch.get_parameter("weight") for branch in self.branches]
        side = max(weight.shape[-1] for weight in weights)
        return torch.stack([pad_kernel(weight, side) for weight in weights]).sum(dim=0)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branches; in training by one convolution, a fifth faster. For inference they are merged for good."""
        if not self.training:
            return torch.stack([branch(x) for branch in self.branches]).sum(dim=0)
        weight = self.kernel()
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=len(weight))

    def merged(self) -> nn.Conv2d:
        """One convolution that gives the same."""
        weight = self.kernel().detach()
        channels, side = len(weight), weight.shape[-1]
        one = nn.Conv2d(channels, channels, side, padding=side // 2, groups=channels, bias=False)
        one.weight.data = weight
        return one


class StackedDepthwise(nn.Module):
    """Depthwise convolutions of several sides, their results side by side, without bias.

    Parameters
    ----------
    channels : int
    kernels : sequence of int
        Odd sides, px.

    Shapes
    ------
    input : (B, channels, H, W), float
    output : (B, len(kernels) * channels, H, W), float
    """

    def __init__(self, channels: int, kernels: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels, bias=False) for k in kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        """Stack the branches."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class SplitDepthwise(nn.Module):
    """``x + cat(d_k(part_k))``: equal parts of the channels, each with a depthwise kernel of its own side.

    Parameters
    ----------
    channels : int
        A multiple of the number of kernels.
    kernels : sequence of int
        Odd sides in the order of the channels, px.
    ndim : int
        2 for images, 3 for volumes.

    Shapes
    ------
    input, output : (B, channels, *spatial), float
    """

    def __init__(self, channels: int, kernels: Sequence[int], *, ndim: int = 2) -> None:
        super().__init__()
        if not all(k % 2 for k in kernels):
            raise ValueError(f"kernels are {tuple(kernels)}; expected odd sides. Choose others.")
        part = channels // len(kernels)
        if part * len(kernels) != channels:
            raise ValueError(f"channels is {channels}; expected a multiple of {len(kernels)}. Choose another width.")
        self.ndim = ndim
        self.parts = nn.ModuleList(CONV[ndim](part, part, k, padding=k // 2, groups=part) for k in kernels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve part by part, and add the input."""
        parts = x.chunk(len(self.parts), dim=1)
        return x + torch.cat([conv(part) for conv, part in zip(self.parts, parts, strict=True)], dim=1)

    def merged(self) -> nn.Module:
        """One convolution that gives the same: the input is a kernel of one in the middle."""
        weights: list[Tensor] = [conv.get_parameter("weight").detach() for conv in self.parts]
        side = max(weight.shape[-1] for weight in weights)
        weight = torch.cat([pad_kernel(w, side) for w in weights])
        weight[(slice(None), 0) + (side // 2,) * self.ndim] += 1
        channels = len(weight)
        one = CONV[self.ndim](channels, channels, side, padding=side // 2, groups=channels)
        one.get_parameter("weight").data = weight
        one.get_parameter("bias").data = torch.cat([conv.get_parameter("bias").detach() for conv in self.parts])
        return one

"""Plain convolution blocks."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F


class ConvNormAct(nn.Sequential):
    """3 x 3 convolution with bias, batch norm, activation, in that order.

    Parameters
    ----------
    in_channels, out_channels : int
    activation : callable
        Makes a fresh activation module.

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, out_channels, H, W), float
    """

    def __init__(self, in_channels: int, out_channels: int, *, activation: Callable[[], nn.Module]) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
            nn.BatchNorm2d(out_channels),
            activation(),
        )


class ConvActNorm(nn.Sequential):
    """Convolution with bias, activation, batch norm, in that order: the norm comes last.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Odd side of the kernel, px.
    groups : int
        Groups of the convolution; ``groups=in_channels`` is depthwise.
    activation : callable
        Makes a fresh activation module.

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
        kernel_size: int,
        groups: int = 1,
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups),
            activation(),
            nn.BatchNorm2d(out_channels),
        )


class UpsampleConv(nn.Module):
    """Bilinear up-sampling by two, then :class:`ConvNormAct`.

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, out_channels, 2 H, 2 W), float
    """

    def __init__(self, in_channels: int, out_channels: int, *, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.conv = ConvNormAct(in_channels, out_channels, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Double the sides and change the width."""
        return self.conv(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))

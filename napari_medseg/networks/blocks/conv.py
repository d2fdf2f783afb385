"""Plain convolution blocks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

CONV: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORM: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
RESIZE = {2: "bilinear", 3: "trilinear"}
Maker = Callable[[], nn.Module]


def batch_norm(channels: int, ndim: int) -> nn.Module:
    """Batch norm for images (2) or volumes (3)."""
    return BATCH_NORM[ndim](channels)


def plus(found: Tensor, x: Tensor) -> Tensor:
    """``found + x``; without gradients in the place of ``found``, which nobody else may need."""
    return found + x if torch.is_grad_enabled() else found.add_(x)


class ConvNormAct(nn.Sequential):
    """Convolution, norm, activation, in that order.

    Parameters
    ----------
    in_channels, out_channels : int
    activation : callable or None
        Makes a fresh activation module; None: there is none.
    kernel_size : int
        Odd side of the kernel, px.
    bias : bool
        Of the convolution.
    groups : int
        Of the convolution; ``groups=in_channels`` is depthwise.
    ndim : int
        2 for images, 3 for volumes.
    norm : callable
        ``norm(channels, ndim)`` makes the norm.

    Shapes
    ------
    input : (B, in_channels, *spatial), float
    output : (B, out_channels, *spatial), float
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        activation: Maker | None,
        kernel_size: int = 3,
        bias: bool = True,
        groups: int = 1,
        ndim: int = 2,
        norm: Callable[[int, int], nn.Module] = batch_norm,
    ) -> None:
        layers = [
            CONV[ndim](in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups, bias=bias),
            norm(out_channels, ndim),
        ]
        super().__init__(*layers, *([] if activation is None else [activation()]))


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
    ndim, norm
        As for :class:`ConvNormAct`.

    Shapes
    ------
    input : (B, in_channels, *spatial), float
    output : (B, out_channels, *spatial), float
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        groups: int = 1,
        activation: Maker,
        ndim: int = 2,
        norm: Callable[[int, int], nn.Module] = batch_norm,
    ) -> None:
        super().__init__(
            CONV[ndim](in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups),
            activation(),
            norm(out_channels, ndim),
        )


class UpsampleConv(nn.Module):
    """Linear up-sampling by two, then :class:`ConvNormAct`.

    Shapes
    ------
    input : (B, in_channels, *spatial), float
    output : (B, out_channels, *(2 spatial)), float
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        activation: Maker,
        ndim: int = 2,
        norm: Callable[[int, int], nn.Module] = batch_norm,
    ) -> None:
        super().__init__()
        self.enlarge = nn.Upsample(scale_factor=2, mode=RESIZE[ndim], align_corners=False)
        self.conv = ConvNormAct(in_channels, out_channels, activation=activation, ndim=ndim, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Double the sides and change the width."""
        return self.conv(self.enlarge(x))

"""Gates over channels and over places."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_medseg.networks.blocks.conv import plus


class ChannelSpatialAttention(nn.Module):
    """Channels weighed by their means, then places weighed by mean and maximum over the channels.

    ``x * sigmoid(u(ReLU(d(mean(x)))))``, then ``x * sigmoid(c7([mean_c(x), max_c(x)]))``; ``d``, ``u``: 1 x 1 to an
    eighth and back. [DyMAS-Net, CSAB]

    Parameters
    ----------
    channels : int
    reduction : int

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__()
        hidden = channels // reduction
        self.channels = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.Sigmoid(),
        )
        self.places = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels, then places."""
        x = x * self.channels(x)
        return x * self.places(torch.cat((x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)), dim=1))


class DepthwiseGate(nn.Module):
    """A skip weighed by itself and by what comes from below.

    ``x * sigmoid(BN(p(d(g))) + BN(p(d(x))))``; ``d``: 3 x 3 depthwise, ``p``: 1 x 1. [DyMAS-Net, DSAG, eq. 5]

    Shapes
    ------
    skip, below : (B, channels, H, W), float
    output : (B, channels, H, W), float
    """

    def __init__(self, channels: int) -> None:
        super().__init__()

        def path() -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            )

        self.of_below, self.of_skip = path(), path()

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        """Weigh the skip."""
        return skip * plus(self.of_below(below), self.of_skip(skip)).sigmoid()

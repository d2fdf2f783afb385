"""Attention among places and among channels, side by side.

Fu et al.: Dual attention network for scene segmentation. CVPR 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import ConvNormAct


class PositionAttention(nn.Module):
    """Every place adds what places like it hold, by a learned share that starts at zero.

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over places."""
        q, k, v = (layer(x).flatten(2).transpose(1, 2)[:, None] for layer in (self.query, self.key, self.value))
        # published without the usual scale by the root of the width
        mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return x + self.share * mixed[:, 0].transpose(1, 2).reshape(x.shape)


class ChannelAttention(nn.Module):
    """Every channel adds the channels that are least like it, by a learned share that starts at zero.

    Shapes
    ------
    input, output : (B, channels, H, W), float
    """

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over channels."""
        flat = x.flatten(2)
        affinity = flat @ flat.transpose(1, 2)
        weights = (affinity.amax(dim=-1, keepdim=True) - affinity).softmax(dim=-1)
        return x + self.share * (weights @ flat).reshape(x.shape)


class DualAttention(nn.Module):
    """Both attentions on a quarter of the channels, each between two 3 x 3 convolutions; their sum is widened.

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, channels, H, W), float
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        inner = in_channels // 4

        def path(attention: nn.Module) -> nn.Sequential:
            return nn.Sequential(
                ConvNormAct(in_channels, inner, bias=False, activation=nn.ReLU),
                attention,
                ConvNormAct(inner, inner, bias=False, activation=nn.ReLU),
            )

        self.places, self.channels = path(PositionAttention(inner)), path(ChannelAttention())
        self.out = nn.Sequential(nn.Dropout(0.1), nn.Conv2d(inner, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend both ways."""
        return self.out(self.places(x) + self.channels(x))

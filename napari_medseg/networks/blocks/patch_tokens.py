"""Attention among whole patches of several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DilatedConv(nn.Conv2d):
    """A convolution that computes in full precision on a CPU, under autocast too.

    With channels last, and 24 or 40 of them, the gradient of a dilated kernel is NaN in bfloat16 (torch 2.13, a
    processor with avx512_bf16).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        if not input.is_cpu:
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.to(self.weight.dtype))


def _layer(channels: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        DilatedConv(channels, channels, 3, padding=dilation, dilation=dilation),
        nn.BatchNorm2d(channels),
        nn.LeakyReLU(0.2),
    )


class PatchTokenTransformer(nn.Module):
    """The channels in equal groups, each with patches of its own size; a token is a whole patch.

    ``x += c(attention(x))``, ``x += f(x)``; ``c`` and the two layers of ``f``: 3 x 3, batch norm, leaky ReLU, the
    first of ``f`` dilated by two. [SGD-Net, after CTO]

    Parameters
    ----------
    channels : int
        A multiple of the number of patch sizes.
    parts : sequence of int
        Patches along a side, a group each: 2 makes four patches of half the sides.

    Shapes
    ------
    input, output : (B, channels, H, W), float; sides multiples of every part
    """

    def __init__(self, channels: int, *, parts: Sequence[int] = (2, 4, 8, 16)) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.query, self.key, self.value = (nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.out = _layer(channels)
        self.feed_forward = nn.Sequential(_layer(channels, dilation=2), _layer(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Let patches see each other."""
        groups = zip(
            *(layer(x).chunk(len(self.parts), dim=1) for layer in (self.query, self.key, self.value)), strict=True
        )
        mixed = [self._attend(q, k, v, n) for (q, k, v), n in zip(groups, self.parts, strict=True)]
        x = x + self.out(torch.cat(mixed, dim=1))
        return x + self.feed_forward(x)

    @staticmethod
    def _attend(query: Tensor, key: Tensor, value: Tensor, n: int) -> Tensor:
        b, c, h, w = query.shape

        def tokens(x: Tensor) -> Tensor:
            cut = x.reshape(b, c, n, h // n, n, w // n).permute(0, 2, 4, 1, 3, 5)
            return cut.reshape(b, 1, n * n, c * (h // n) * (w // n))

        mixed = F.scaled_dot_product_attention(tokens(query), tokens(key), tokens(value))
        back = mixed.reshape(b, n, n, c, h // n, w // n).permute(0, 3, 1, 4, 2, 5)
        return back.reshape(b, c, h, w)

"""How skips join a decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.networks.blocks.conv import ConvActNorm, Maker, batch_norm, plus


class SkipFusion(nn.Module):
    """Joins a skip and an up-sampled map: 3 x 3 grouped convolution, then an inverted bottleneck.

    ``concat``: the two are stacked, and the convolution has one group for each [CMUNeXt, III-C].
    ``sum``: the two are added first, and the convolution has two groups [XXS; its equation (1) convolves the two
    apart and adds after, its 40 K parameters and its published code add first].

    Shapes
    ------
    skip, up : (B, channels, *spatial), float
    output : (B, channels, *spatial), float
    """

    norms_ahead = (("mix.2", "expand.0"), ("expand.2", "project.0"))

    def __init__(
        self,
        channels: int,
        *,
        fusion: str,
        activation: Maker,
        ndim: int = 2,
        norm: Callable[[int, int], nn.Module] = batch_norm,
    ) -> None:
        super().__init__()
        if fusion not in ("sum", "concat"):
            raise ValueError(f"fusion is '{fusion}'; expected 'sum' or 'concat'. Choose one of these.")
        self.concat = fusion == "concat"
        joined = 2 * channels if self.concat else channels
        same: dict[str, Any] = {"activation": activation, "ndim": ndim, "norm": norm}
        self.mix = ConvActNorm(joined, joined, kernel_size=3, groups=2, **same)
        self.expand = ConvActNorm(joined, 4 * channels, kernel_size=1, **same)
        self.project = ConvActNorm(4 * channels, channels, kernel_size=1, **same)

    def forward(self, skip: Tensor, up: Tensor) -> Tensor:
        """Join the two maps."""
        joined = torch.cat((skip, up), dim=1) if self.concat else plus(up, skip)
        return self.project(self.expand(self.mix(joined)))

"""Convolution whose kernel is another at every place: SGD-Net's SGDC.

Published module: solstice0621/SGDC.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import plus


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of a map.

    Shapes
    ------
    input, output : (B, C, H, W), float
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, input: Tensor) -> Tensor:
        """Standardise each place over its channels."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def dynamic_convolution(x: Tensor, kernels: Tensor, side: int) -> Tensor:
    """Sum over a window, weighed at each place by a kernel of its own; zeros beyond the border.

    Adds up ``side * side`` shifted views of the map instead of unfolding it: the unfolded map is ``side * side`` times
    as large, and eight times slower on a CPU.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W), float.
    kernels : Tensor
        (B, heads, side * side, H, W), float: rows of the window first; a head's kernel serves C / heads channels.
    side : int
        Odd.

    Returns
    -------
    Tensor
        (B, C, H, W).
    """
    b, c, h, w = x.shape
    heads = kernels.shape[1]
    padded = F.pad(x, (side // 2,) * 4)
    total = torch.zeros_like(x).reshape(b, heads, c // heads, h, w)
    for dy in range(side):
        for dx in range(side):
            view = padded[:, :, dy : dy + h, dx : dx + w].reshape(b, heads, c // heads, h, w)
            total = torch.addcmul(total, view, kernels[:, :, dy * side + dx, None])
    return total.reshape(b, c, h, w)


class GuidedDynamicConv(nn.Module):
    """A residual block: a gated 3 x 3 depthwise path and a dynamic convolution that guidance steers, then an MLP.

    ``[a1, a2, k] = 1x1(x + p(g))``; ``y = d3(x sig(a1)) + sig(a2) sum_k softmax(k) window(LN(x))``; ``x += s1 y``;
    ``x += s2 MLP(LN(x))``. The gates act on ``x`` as it is, as published; equations (2) and (3) have its norm.
    [SGD-Net, SGDC]

    Parameters
    ----------
    channels : int
        A multiple of ``heads``.
    guidance : int
        Channels of the guidance.
    heads, kernel_size : int
    guided : {'steers', 'added', 'self'}
        The guidance joins the map where gates and kernels are made; it is added to the map itself before all else; or
        the map is alone. The last two are the paper's ablations.
    local, dynamic : bool
        Either path may be left out. For ablations.
    scale : float
        Start of the layer scales: the block begins as the identity, almost.

    Shapes
    ------
    x : (B, channels, H, W), float
    guidance : (B, guidance, h, w), float
    output : (B, channels, H, W), float
    """

    def __init__(
        self,
        channels: int,
        *,
        guidance: int = 16,
        heads: int = 4,
        kernel_size: int = 7,
        guided: str = "steers",
        local: bool = True,
        dynamic: bool = True,
        scale: float = 1e-6,
    ) -> None:
        super().__init__()
        if guided not in ("steers", "added", "self"):
            raise ValueError(f"guidance is '{guided}'; expected 'steers', 'added' or 'self'.")
        if not (local or dynamic):
            raise ValueError("local and dynamic are both False; expected one of the two paths at least.")
        if not kernel_size % 2 or channels % heads:
            raise ValueError(
                f"kernel_size is {kernel_size} and heads {heads}; expected an odd side, and {channels} channels "
                "that the heads can share."
            )
        self.heads, self.side, self.guided = heads, kernel_size, guided
        self.guide = None if guided == "self" else nn.Conv2d(guidance, channels, 1)
        self.parts = (channels if local else 0, channels if dynamic else 0, heads * kernel_size**2 if dynamic else 0)
        self.attend = nn.Conv2d(channels, sum(self.parts), 1)
        self.norm = ChannelLayerNorm(channels) if dynamic else None
        self.mlp_norm = ChannelLayerNorm(channels)
        self.local = nn.Conv2d(channels, channels, 3, padding=1, groups=channels) if local else None
        self.mlp = nn.Sequential(nn.Conv2d(channels, 4 * channels, 1), nn.GELU(), nn.Conv2d(4 * channels, channels, 1))
        self.scale = nn.Parameter(torch.full((channels, 1, 1), scale))
        self.mlp_scale = nn.Parameter(torch.full((channels, 1, 1), scale))

    def forward(self, x: Tensor, guidance: Tensor) -> Tensor:
        """Convolve as the guidance says."""
        b, _, h, w = x.shape
        seen = x
        if self.guide is not None:
            guidance = F.interpolate(guidance, size=(h, w), mode="bilinear", align_corners=False)
            seen = plus(self.guide(guidance), x)
            if self.guided == "added":
                x = seen
        near, far, kernels = self.attend(seen).split(self.parts, dim=1)
        found = []
        if self.local is not None:
            found.append(self.local(x * near.sigmoid()))
        if self.norm is not None:
            kernels = kernels.reshape(b, self.heads, self.side**2, h, w).softmax(dim=2)
            found.append(far.sigmoid() * dynamic_convolution(self.norm(x), kernels, self.side))
        x = x + self.scale * (found[0] if len(found) == 1 else found[0] + found[1])
        return x + self.mlp_scale * self.mlp(self.mlp_norm(x))

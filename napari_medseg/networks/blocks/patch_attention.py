"""Attention among pixels that hold the same place in their patch."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.fused import on_cpu

VECTOR = 16  # floats that a processor multiplies at once


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention (n, heads, tokens, width); on a CPU narrow heads get zeros, a fifth quicker."""
    width = query.shape[-1]
    if width >= VECTOR or not on_cpu(query):
        return F.scaled_dot_product_attention(query, key, value)
    wide = [F.pad(part, (0, VECTOR - width)) for part in (query, key, value)]
    return F.scaled_dot_product_attention(*wide, scale=width**-0.5)[..., :width]


class PatchTransformer(nn.Module):
    """One pre-norm transformer layer over as many sequences as a patch has pixels.

    A patch is two pixels wide: of a map (H, W) four sequences of H W / 4 tokens each, one for each place in a patch.
    ``x += attention(LN(x))``, ``x += MLP(LN(x))`` with SiLU. [LGMSNet, GMS, after MobileViT]

    Parameters
    ----------
    channels : int
        Width of a token.
    heads, head_width : int
    hidden : int
        Width of the MLP.
    ndim : int
        2 for images, 3 for volumes.

    Shapes
    ------
    input, output : (B, channels, *spatial), float; sides even
    """

    def __init__(self, channels: int, *, heads: int, head_width: int, hidden: int, ndim: int = 2) -> None:
        super().__init__()
        inner = heads * head_width
        self.ndim, self.heads = ndim, heads
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * inner, bias=False)
        self.out = nn.Linear(inner, channels)
        self.mlp_norm = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.SiLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Let every token see its sequence."""
        tokens = self._to_sequences(x)  # (B * places, tokens, channels)
        n, length, _ = tokens.shape
        qkv = self.qkv(self.norm(tokens)).reshape(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # four axes: the fused kernel takes no five
        mixed = attend(qkv[0], qkv[1], qkv[2])  # (n, heads, tokens, head_width)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(n, length, -1))
        tokens = tokens + self.mlp(self.mlp_norm(tokens))
        return self._to_map(tokens, x)

    def _to_sequences(self, x: Tensor) -> Tensor:
        b, c, *sides = x.shape
        cut = [n for side in sides for n in (side // 2, 2)]  # patches and places, axis by axis
        places = [3 + 2 * i for i in range(self.ndim)]
        patches = [2 + 2 * i for i in range(self.ndim)]
        return x.reshape(b, c, *cut).permute(0, *places, *patches, 1).reshape(b * 2**self.ndim, -1, c)

    def _to_map(self, tokens: Tensor, like: Tensor) -> Tensor:
        b, c, *sides = like.shape
        x = tokens.reshape(b, *[2] * self.ndim, *[side // 2 for side in sides], c)
        order = [n for i in range(self.ndim) for n in (1 + self.ndim + i, 1 + i)]
        return x.permute(0, x.dim() - 1, *order).reshape(b, c, *sides)

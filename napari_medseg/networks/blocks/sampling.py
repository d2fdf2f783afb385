"""Up-sampling whose sampling points are learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DynamicUpsample(nn.Module):
    """Twice as large, each new pixel read from where the map itself says.

    A new pixel would lie a quarter of a pixel off the old one's middle; a convolution adds an offset, another says how
    far it may reach: ``position + 0.5 * offset * range``. With offsets of zero this is bilinear up-sampling.
    [DyMAS-Net, ADSM, after DySample]

    Parameters
    ----------
    channels : int
        A multiple of ``groups``.
    groups : int
        Groups of channels that share their sampling points.
    hidden : int
        Width of the range's convolution.

    Shapes
    ------
    input : (B, channels, H, W), float
    output : (B, channels, 2 H, 2 W), float
    """

    def __init__(self, channels: int, *, groups: int = 4, hidden: int = 8) -> None:
        super().__init__()
        self.groups = groups
        points = groups * 4 * 2  # four new pixels for an old one, two coordinates each
        self.offset = nn.Conv2d(channels, points, 3, padding=1)
        nn.init.normal_(self.offset.weight, std=0.001)
        nn.init.zeros_(self.offset.bias)
        self.range = nn.Sequential(
            nn.Conv2d(channels, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, points, 3, padding=1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Double the sides."""
        b, c, h, w = x.shape
        g = self.groups
        # coordinates in single precision: half a pixel of a wide map is too fine for half
        moved = (0.5 * self.offset(x) * self.range(x)).float().reshape(b, g, 2, 2, 2, h, w)
        # made on the device: nothing is copied there, so that a CUDA graph can hold it
        quarter = (torch.arange(2, device=x.device, dtype=moved.dtype) - 0.5) / 2
        y = torch.arange(h, device=x.device)[:, None] + quarter.reshape(2, 1, 1, 1) + moved[:, :, :, :, 0]
        x_ = torch.arange(w, device=x.device)[None, :] + quarter.reshape(1, 2, 1, 1) + moved[:, :, :, :, 1]
        # the middle of pixel i lies at (2 i + 1) / n - 1
        grid = torch.stack(((2 * x_ + 1) / w - 1, (2 * y + 1) / h - 1), dim=-1)  # (b, g, 2, 2, h, w, 2)
        grid = grid.permute(0, 1, 4, 2, 5, 3, 6).reshape(b * g, 2 * h, 2 * w, 2)
        read = F.grid_sample(
            x.reshape(b * g, c // g, h, w).to(grid.dtype),
            grid,
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        )
        return read.reshape(b, c, 2 * h, 2 * w).to(x.dtype)

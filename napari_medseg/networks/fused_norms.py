"""Group and instance norms of maps whose channels lie last, on a CPU.

PyTorch's own group norm sums such maps up value by value in float32, and takes the spread from squares of what may be
far from zero: outputs moved by 1e-4 of their range (torch 2.13). Its instance norm lays such maps out anew. Here sums
are taken in two passes, as exactly as for other layouts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.fused import on_cpu

# numbers that are squared at once: more would not stay in the processor's caches
STRIP = 1 << 19


class PlacewiseNorm(nn.Module):
    """What a group norm or an instance norm does, channels last where that is quicker.

    Parameters
    ----------
    norm : nn.GroupNorm, nn.InstanceNorm2d or nn.InstanceNorm3d

    Shapes
    ------
    input, output : (B, C, *spatial), float
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    @staticmethod
    def takes(norm: nn.Module) -> bool:
        """Whether it is a norm over groups of channels that keeps no statistics."""
        if isinstance(norm, nn.GroupNorm):
            return True
        return isinstance(norm, (nn.InstanceNorm2d, nn.InstanceNorm3d)) and not norm.track_running_stats

    def forward(self, x: Tensor) -> Tensor:
        """Standardise each group of each image."""
        norm: Any = self.norm
        form = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        if not (on_cpu(x) and x.is_contiguous(memory_format=form)) or x.is_contiguous():
            return norm(x)
        groups = norm.num_groups if isinstance(norm, nn.GroupNorm) else x.shape[1]
        images = [self._one(image, groups) for image in x.split(1)]
        return images[0] if len(images) == 1 else torch.cat(images)

    def _one(self, x: Tensor, groups: int) -> Tensor:
        norm: Any = self.norm
        rows = x.movedim(1, -1).reshape(-1, x.shape[1])
        mean = _of_groups(rows.mean(dim=0), groups)
        strips = rows.split(max(1, STRIP // rows.shape[1]))
        squares = torch.stack([(strip - mean).square_().sum(dim=0) for strip in strips]).sum(dim=0)
        spread = _of_groups(squares / len(rows), groups)
        return F.batch_norm(x, mean, spread, norm.weight, norm.bias, False, 0.0, norm.eps)


def _of_groups(values: Tensor, groups: int) -> Tensor:
    """The mean over each group, for each of its channels."""
    return values.reshape(groups, -1).mean(dim=1, keepdim=True).expand(-1, len(values) // groups).reshape(-1)

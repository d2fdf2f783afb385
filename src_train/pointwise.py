"""Convolutions of single places as products of matrices, for a thread that works alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# of so many images torch asks oneDNN
_MANY = 16


def is_pointwise(convolution: nn.Module) -> bool:
    """Whether each place of its output comes from the same place of its input alone."""
    if not isinstance(convolution, nn.Conv2d) or convolution.groups != 1:
        return False
    return {*convolution.kernel_size, *convolution.stride} == {1} and convolution.padding in (0, (0, 0), "valid")


def goes_as_product(maps: Tensor) -> bool:
    """Whether a product is quicker for these maps.

    With one thread and few images torch sends such convolutions in full precision down a path of its own that lays the
    maps out anew. In half precision, and with several threads, oneDNN does them, and well.
    """
    if maps.device.type != "cpu" or torch.is_autocast_enabled("cpu") or torch.get_num_threads() > 1:
        return False
    full = maps.dtype in (torch.float32, torch.float64)
    return full and len(maps) < _MANY and maps.is_contiguous(memory_format=torch.channels_last)


def product(maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What ``F.conv2d`` gives, up to rounding.

    Parameters
    ----------
    maps : Tensor
        (B, C, H, W), floating, channels last.
    weight : Tensor
        (D, C, 1, 1), of the same type.
    bias : Tensor or None
        (D,).

    Returns
    -------
    Tensor
        (B, D, H, W), channels last.
    """
    count, _, height, width = maps.shape
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2)  # (B H W, C)
    found: Tensor = _Product.apply(rows, weight.flatten(1), bias)
    return found.view(count, height, width, -1).permute(0, 3, 1, 2)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return F.linear(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (gradient,) = gradients
        rows, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        # of long and narrow matrices the narrower one is turned: the other way took four times as long (MKL)
        turned = weight.shape[0] > weight.shape[1]
        of_weight = (rows.T @ gradient).T if turned else gradient.T @ rows
        return (
            gradient @ weight if wanted[0] else None,
            of_weight if wanted[1] else None,
            gradient.sum(dim=0) if wanted[2] else None,
        )

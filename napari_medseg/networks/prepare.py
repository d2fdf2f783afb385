"""Faster forms of a trained network that give the same output."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def prepare_for_inference(network: nn.Module) -> nn.Module:
    """Merge parallel depthwise kernels and fold batch norms into the convolutions ahead of them.

    Changes the network in place, which can then no longer be trained; its output stays the same up to rounding.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.

    Raises
    ------
    ValueError
        If the network is in training mode: its batch norms have no fixed scale then.
    """
    if network.training:
        raise ValueError("the network is in training mode; expected evaluation mode. Call eval() first.")
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "merged"):
                setattr(parent, name, child.merged().eval())
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for i, conv, norm in _pairs(module):
                module[i] = fuse_conv_bn_eval(conv, norm)
                module[i + 1] = nn.Identity()
    return network


def _pairs(layers: nn.Sequential) -> Iterator[tuple[int, nn.Module, nn.Module]]:
    """Convolutions directly followed by a batch norm."""
    for i in range(len(layers) - 1):
        a, b = layers[i], layers[i + 1]
        if isinstance(a, (nn.Conv2d, nn.Conv3d)) and isinstance(b, (nn.BatchNorm2d, nn.BatchNorm3d)):
            yield i, a, b

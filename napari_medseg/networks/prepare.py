"""Faster forms of a trained network that give the same output."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from napari_medseg.networks.backbones.resnet import FrozenBatchNorm
from napari_medseg.networks.fused import fuse
from napari_medseg.networks.fused_norms import PlacewiseNorm

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d, FrozenBatchNorm)


def prepare_for_inference(network: nn.Module) -> nn.Module:
    """Merge parallel depthwise kernels, fold batch norms into the convolutions beside them, and fuse activations.

    Modules say more than order tells: ``folds``, names of convolutions, of the norms that follow them and of the
    activations behind; ``norms_ahead``, of norms and of the 1 x 1 convolutions that alone read them; and ``shuffled``,
    of changes of the channels' order and of the convolutions that alone read them.

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
        for convolution, norm in _pairs(module):
            module.set_submodule(convolution, _folded(module.get_submodule(convolution), module.get_submodule(norm)))
            module.set_submodule(norm, nn.Identity())
        for shuffle, convolution in getattr(module, "shuffled", ()):
            module.set_submodule(
                convolution, _unshuffled(module.get_submodule(shuffle), module.get_submodule(convolution))
            )
            module.set_submodule(shuffle, nn.Identity())
        for norm, convolution in getattr(module, "norms_ahead", ()):
            scaled, following = module.get_submodule(norm), module.get_submodule(convolution)
            if isinstance(scaled, _NORMS):
                module.set_submodule(convolution, _with_norm_ahead(scaled, following))
                module.set_submodule(norm, nn.Identity())
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if PlacewiseNorm.takes(child):
                setattr(parent, name, PlacewiseNorm(child))
    fuse(network)
    return network


def find_norms(network: nn.Module) -> Iterator[tuple[Any, Any, bool]]:
    """Convolutions with a batch norm beside them that they could do the work of; whether it stands ahead of them."""
    for module in network.modules():
        for convolution, norm in _pairs(module):
            yield module.get_submodule(convolution), module.get_submodule(norm), False
        for norm, convolution in getattr(module, "norms_ahead", ()):
            if isinstance(scaled := module.get_submodule(norm), _NORMS):
                yield module.get_submodule(convolution), scaled, True


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of convolutions and of the batch norms that follow them directly: in a sequence, or as the module says."""
    layers = dict(module.named_modules())
    in_order = itertools.pairwise(dict(module.named_children())) if isinstance(module, nn.Sequential) else ()
    for first, second in (*in_order, *(chain[:2] for chain in getattr(module, "folds", ()))):
        # some layers are there in some sizes only
        if isinstance(layers.get(first), _CONVOLUTIONS) and isinstance(layers.get(second), _NORMS):
            yield first, second


def _folded(convolution: Any, norm: Any) -> nn.Module:
    """A convolution that scales and shifts as the norm behind it did."""
    folded = copy.deepcopy(convolution)
    folded.weight, folded.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return folded


def _unshuffled(shuffle: Any, convolution: Any) -> nn.Module:
    """A convolution that reads its channels in the order they had before."""
    assert convolution.groups == 1
    channels = convolution.in_channels
    came_from = torch.arange(channels).reshape(shuffle.groups, -1).T.flatten()
    taken = copy.deepcopy(convolution)
    weight = torch.empty_like(convolution.weight.detach())
    weight[:, came_from] = convolution.weight.detach()
    taken.weight = nn.Parameter(weight, requires_grad=False)
    return taken


def _with_norm_ahead(norm: Any, convolution: Any) -> nn.Module:
    """A convolution of single places that takes what came into the norm ahead of it.

    Of a wider kernel it would not be the same: what is padded has not been through the norm.
    """
    assert set(convolution.kernel_size) == {1} and convolution.groups == 1
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    shift = norm.bias - norm.running_mean * scale
    taken = copy.deepcopy(convolution)
    matrix = convolution.weight.flatten(1)
    taken.weight = nn.Parameter((matrix * scale).reshape(convolution.weight.shape), requires_grad=False)
    bias = matrix @ shift + (0 if convolution.bias is None else convolution.bias)
    taken.bias = nn.Parameter(bias, requires_grad=False)
    return taken

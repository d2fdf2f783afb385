"""Convolutions that do the work of norms whose statistics stand still, while a network learns."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from napari_medseg.networks.prepare import find_norms
from src_train.pointwise import goes_as_product, is_pointwise, product

_PLAIN = (nn.Conv2d.forward, nn.Conv3d.forward)


def fold_frozen(network: nn.Module) -> None:
    """Let convolutions do what the norms beside them do, with gradients for both as before.

    A norm of fixed statistics is a factor and an offset a channel: a convolution that is scaled by them needs no pass
    over its maps, neither forward nor backward. Convolutions of single places are products of matrices where that is
    quicker. Parameters and their names stay what they are; only ``forward`` of the modules is another, until
    :func:`unfold`.

    Parameters
    ----------
    network : nn.Module
        Whose batch norms stay in evaluation mode.
    """
    # a norm may be near two convolutions; one does its work
    done: set[int] = set()
    beside: dict[nn.Module, dict[str, Any]] = {}
    for convolution, norm, ahead in find_norms(network):
        if id(norm) not in done and type(convolution).forward in _PLAIN and norm.weight is not None:
            done.add(id(norm))
            beside.setdefault(convolution, {})["ahead" if ahead else "behind"] = norm
            norm.__dict__["forward"] = _as_it_is
    for module in network.modules():
        if type(module).forward in _PLAIN and is_pointwise(module):
            beside.setdefault(module, {})
    for convolution, norms in beside.items():
        convolution.__dict__["forward"] = partial(_together, convolution, **norms)


def unfold(network: nn.Module) -> None:
    """Give all modules the ``forward`` of their class again."""
    for module in network.modules():
        module.__dict__.pop("forward", None)


def _as_it_is(maps: Tensor) -> Tensor:
    return maps


def _together(convolution: Any, maps: Tensor, *, ahead: Any = None, behind: Any = None) -> Tensor:
    weight, bias = convolution.weight, convolution.bias
    if ahead is not None:
        factor, offset = _linear(ahead)
        # a sum, as a product of matrices would be in half precision
        moved = (weight.flatten(1) * offset).sum(dim=1)
        bias = moved if bias is None else bias + moved
        weight = weight * factor.reshape(1, -1, *[1] * (weight.dim() - 2))
    if behind is not None:
        factor, offset = _linear(behind)
        bias = offset if bias is None else bias * factor + offset
        weight = weight * factor.reshape(-1, *[1] * (weight.dim() - 1))
    if is_pointwise(convolution) and goes_as_product(maps):
        return product(maps, weight, bias)
    found: Tensor = convolution._conv_forward(maps, weight, bias)
    return found


def _linear(norm: Any) -> tuple[Tensor, Tensor]:
    """Factor and offset of each channel."""
    factor = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return factor, norm.bias - norm.running_mean * factor

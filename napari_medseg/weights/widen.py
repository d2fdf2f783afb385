"""Weights of one class as the start for several: the layers that tell classes apart are widened, all others stay."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from napari_medseg.errors import WeightsError
from napari_medseg.networks import create_network
from napari_medseg.weights.load import load_network


def load_widened(network: str, weights: str, classes: tuple[str, ...]) -> nn.Module:
    """A network from weights of as many classes or fewer.

    Of one class (a sigmoid) each new class gets half of its logit and the background the other half, negative: what was
    foreground is foreground still, of which class is for training to tell. Of several, the known ones stay and the new
    ones begin as fresh.

    Parameters
    ----------
    network, weights : str
        As :func:`load_network` takes them.
    classes : tuple of str
        Foreground classes of the result.

    Returns
    -------
    nn.Module
        In evaluation mode.

    Raises
    ------
    WeightsError
        If the weights have more classes, or another layer than those of the output depends on their number.
    """
    module, entry = load_network(network, weights)
    if len(entry.classes) == len(classes):
        return module
    if len(entry.classes) > len(classes):
        raise WeightsError(
            f"{weights} tells {len(entry.classes)} classes apart; expected at most {len(classes)}. Choose others."
        )
    wide = create_network(network, classes=replace(entry, classes=classes).output_channels, **entry.options)
    old = module.state_dict()
    wide.load_state_dict({name: _widened(old[name], new, name) for name, new in wide.state_dict().items()})
    return wide.eval()


def _widened(old: Tensor, new: Tensor, name: str) -> Tensor:
    if old.shape == new.shape:
        return old
    if old.shape[1:] != new.shape[1:]:
        raise WeightsError(f"tensor {name} is {tuple(old.shape)}; expected one that differs in its channels only.")
    if len(old) == 1:
        return torch.cat([-old / 2, *[old / 2] * (len(new) - 1)])
    return torch.cat([old, new[len(old) :]])

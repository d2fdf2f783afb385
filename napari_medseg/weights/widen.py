"""Weights of one class as the start for several: the layers that tell classes apart are widened, all others stay."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_medseg.errors import WeightsError
from napari_medseg.networks import create_network
from napari_medseg.weights.load import load_network


def load_widened(network: str, weights: str, labels: Sequence[int]) -> nn.Module:
    """A network from weights of as many classes or fewer.

    Of one class (a sigmoid) each new class gets half of its logit and the background the other half, negative: what was
    foreground is foreground still, of which class is for training to tell. Of several, the known ones stay what they
    are, by their numbers, and the new ones begin as fresh.

    Parameters
    ----------
    network, weights : str
        As :func:`load_network` takes them.
    labels : sequence of int
        Numbers of the result's classes, in the order of its output; from one class to one, any will do.

    Returns
    -------
    nn.Module
        In evaluation mode.

    Raises
    ------
    WeightsError
        If the weights have more classes or others, or another layer than those of the output depends on their number.
    """
    module, entry = load_network(network, weights)
    labels = tuple(labels)
    if entry.labels == labels or len(entry.labels) == len(labels) == 1:
        return module
    if len(entry.labels) > len(labels):
        raise WeightsError(
            f"{weights} tells {len(entry.labels)} classes apart; expected at most {len(labels)}. Choose others."
        )
    if len(entry.labels) > 1 and not set(entry.labels) <= set(labels):
        raise WeightsError(
            f"the classes of {weights} have the numbers {', '.join(map(str, entry.labels))}; expected these among "
            f"{', '.join(map(str, labels))}. Choose others, or map the masks' numbers to theirs."
        )
    wide = create_network(network, classes=len(labels) + 1, **entry.options)
    old = module.state_dict()
    # from which channel each new one comes, the background first; of one class none is known
    source = [0, *(entry.labels.index(n) + 1 if n in entry.labels else -1 for n in labels)]
    new = wide.state_dict().items()
    wide.load_state_dict({name: _widened(old[name], fresh, name, source) for name, fresh in new})
    return wide.eval()


def _widened(old: Tensor, new: Tensor, name: str, source: Sequence[int]) -> Tensor:
    if old.shape == new.shape:
        return old
    if old.shape[1:] != new.shape[1:]:
        raise WeightsError(f"tensor {name} is {tuple(old.shape)}; expected one that differs in its channels only.")
    if len(old) == 1:
        return torch.cat([-old / 2, *[old / 2] * (len(new) - 1)])
    return torch.stack([new[channel] if place < 0 else old[place] for channel, place in enumerate(source)])

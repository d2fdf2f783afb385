"""What tests of networks share: each network in full width where its width matters, else slim."""

from functools import cache

import torch
from torch import nn

from napari_medseg.networks import create_network

# the largest two with all their layers, but narrower: what most tests ask does not hang on the width
SLIM = {
    "sgd-net": {"planes": 16, "edge_width": 32, "decoder_width": 32},
    "dcsnet": {"planes": 16, "pyramid": 64, "box_width": 64, "width": 64},
}


def fresh(name: str, **options) -> nn.Module:
    """New, the same at each call, in training mode."""
    torch.manual_seed(0)
    return create_network(name, **{**SLIM.get(name, {}), **options})


@cache
def shared(name: str, classes: int = 1) -> nn.Module:
    """One for all tests that only look, in evaluation."""
    return fresh(name, classes=classes).eval()


def trained_parameters(name: str, **options) -> int:
    """Counted without memory for them."""
    with torch.device("meta"):
        network = create_network(name, **options)
    return sum(p.numel() for p in network.parameters() if p.requires_grad)

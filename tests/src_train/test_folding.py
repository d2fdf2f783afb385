"""Norms that stand still are done by convolutions: the same output, the same gradients, the same names."""

import copy

import pytest
import torch
from torch import nn

from napari_medseg.networks import create_network, get_spec, list_networks
from src_train.folding import fold_frozen, unfold
from src_train.scoring import freeze_norm
from tests.networks.helpers import fresh
from tests.networks.test_prepare import lively


def frozen(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = create_network(name).double().train()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    freeze_norm(network)
    return network


@pytest.mark.parametrize("name", ["cmunext-xxs", "cmunext-s", "lgms-net", "sgd-net-s"])
def test_output_and_gradients_stay(name):
    plain = frozen(name)
    folded = copy.deepcopy(plain)
    fold_frozen(folded)
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    found = {}
    for key, network in (("plain", plain), ("folded", folded)):
        torch.manual_seed(1)
        logits = network(images).logits
        logits.square().mean().backward()
        found[key] = logits.detach(), [p.grad for p in network.parameters()]
    assert torch.allclose(found["plain"][0], found["folded"][0], rtol=1e-9, atol=1e-9)
    for one, other in zip(found["plain"][1], found["folded"][1], strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, rtol=1e-7, atol=1e-9)
    assert plain.state_dict().keys() == folded.state_dict().keys()


@pytest.mark.parametrize("name", list_networks())
def test_every_network_gives_the_same(name):
    network, spec = lively(fresh(name)), get_spec(name)
    images = torch.randn(1, spec.input.channels, *[64 if spec.input.ndim == 2 else 32] * spec.input.ndim)
    box = {"boxes": [torch.tensor([[4.0, 8, 40, 60]])]} if spec.capabilities.boxes else {}
    with torch.inference_mode():
        plain = network(images, **box).logits
        fold_frozen(network)
        folded = network(images, **box).logits
    assert (plain - folded).abs().max() < 1e-4 * plain.abs().max()


def test_some_norms_are_done_and_a_copy_can_be_as_it_was():
    network = frozen("cmunext-xxs")
    fold_frozen(network)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert sum("forward" in m.__dict__ for m in norms) > len(norms) / 3
    unfold(network)
    assert not any("forward" in m.__dict__ for m in network.modules())

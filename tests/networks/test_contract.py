"""One contract for every network in the registry."""

import json
import os
from math import prod
from pathlib import Path

import pytest
import torch
from torch import nn

from napari_medseg.errors import UnknownNameError
from napari_medseg.networks import create_network, full_options, get_spec, list_networks
from tests.networks.helpers import fresh, shared, trained_parameters

NETWORKS = list_networks()


def batch(name: str, *, n: int = 2, multiples: tuple[int, int] = (2, 2)) -> torch.Tensor:
    """Images of so many multiples of what a network takes; of volumes, one multiple a side: they are dear."""
    spec = get_spec(name).input
    sides = [spec.multiple * m for m in multiples] if spec.ndim == 2 else [spec.multiple] * 3
    if multiples == (2, 2) and spec.ndim == 2:
        sides = [64, 64]
    return torch.randn(n, spec.channels, *sides, generator=torch.Generator().manual_seed(3))


def prompts(name: str, x: torch.Tensor, *, key: str = "boxes") -> dict[str, list[torch.Tensor]]:
    """A box for each image, where a network takes boxes: rounding must not decide what is found."""
    if not get_spec(name).capabilities.boxes:
        return {}
    return {key: [torch.tensor([[8.0, 4, 56, 48]]) for _ in x]}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_the_papers(name):
    spec = get_spec(name)
    counted = trained_parameters(name, classes=spec.classes)
    assert spec.parameters in (counted, None)
    if name.endswith("-s") and not name.startswith("cmunext"):
        assert counted <= 5_000_000


# of volumes all are one shape
SHAPES = {2: [((2, 2), 3), ((2, 5), 1), ((3, 1), 3)], 3: [((2, 2), 1), ((2, 2), 3)]}


@pytest.mark.parametrize(
    ("name", "multiples", "classes"), [(n, *shape) for n in NETWORKS for shape in SHAPES[get_spec(n).input.ndim]]
)
def test_output_has_the_inputs_size(name, multiples, classes):
    x = batch(name, multiples=multiples)
    with torch.inference_mode():
        out = shared(name, classes)(x, **prompts(name, x))
    assert out.logits.shape == (2, classes, *x.shape[2:])
    assert torch.isfinite(out.logits).all()
    assert (out.edge_logits is not None) == get_spec(name).capabilities.edges
    if out.edge_logits is not None:
        assert out.edge_logits.shape == (2, 1, *x.shape[2:])
    assert out.aux == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_reaches_every_parameter(name):
    network = fresh(name)
    x = batch(name)
    out = network(x, **prompts(name, x, key="truth"))
    maps = [out.logits, *out.aux, *([] if out.edge_logits is None else [out.edge_logits])]
    if out.rois is not None:
        maps += [out.rois.mask, *out.rois.levels, out.rois.edges, *out.losses.values()]
    torch.stack([x.square().mean() for x in maps]).sum().backward()
    # a bias ahead of a batch norm has a gradient of zero up to rounding, but it has one
    missing = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert [key for key in missing if not key.startswith(get_spec(name).unused)] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_is_deterministic_and_each_image_stands_alone(name):
    network, x = shared(name), batch(name)
    with torch.inference_mode():
        both, again = network(x, **prompts(name, x)).logits, network(x, **prompts(name, x)).logits
        first = network(x[:1], **prompts(name, x[:1])).logits
    assert torch.equal(both, again)
    torch.testing.assert_close(both[:1], first, atol=1e-4 * float(first.abs().max()), rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_state_dict_round_trip(name):
    a, b = shared(name), fresh(name).eval()
    for tensor in b.state_dict().values():
        tensor.zero_()
    b.load_state_dict(a.state_dict())
    x = batch(name, n=1)
    with torch.inference_mode():
        assert torch.equal(a(x, **prompts(name, x)).logits, b(x, **prompts(name, x)).logits)


@pytest.mark.parametrize("name", NETWORKS)
def test_autocast_stays_close(name):
    network, x = shared(name), batch(name, n=1)
    with torch.inference_mode():
        plain = network(x, **prompts(name, x)).logits
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = network(x, **prompts(name, x)).logits.float()
    # instance norms of fresh weights enlarge roundings: they scale up maps that are nearly flat
    bound = 0.05 if get_spec(name).input.ndim == 2 else 0.15
    assert (plain - mixed).norm() < bound * max(1.0, float(plain.norm()))


GOLDENS = Path(__file__).parent / "goldens.json"


def filled(name: str) -> nn.Module:
    """The network with numbers that hang on their place alone, not on how layers are initialised."""
    network = create_network(name).eval()
    generator = torch.Generator().manual_seed(7)
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if tensor.dim() > 1:
            spread = 3.0 / max(1, tensor[0].numel()) ** 0.5
            tensor.copy_((torch.rand(tensor.shape, generator=generator) - 0.48) * spread)
        else:
            tensor.fill_(1.0 if key.endswith(("weight", "running_var")) else 0.05)
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_is_the_one_recorded(name):
    """Guards against a silent change of layers, order or padding; MEDSEG_RECORD=1 records anew, only on purpose."""
    spec = get_spec(name).input
    sides = [64] * 2 if spec.ndim == 2 else [32] * 3
    ramp = torch.linspace(-1, 1, spec.channels * prod(sides)).reshape(1, spec.channels, *sides)
    x = (ramp * 40).sin()
    with torch.inference_mode():
        out = filled(name)(x, **prompts(name, x))
    logits = out.logits[0, 0] if out.rois is None else out.rois.mask[0, 0]
    flat = logits.reshape(-1)
    spread = flat.std()
    places = [flat[int(len(flat) * share)] for share in (0.11, 0.5, 0.77, 0.87)]
    found = [round(float((place - flat.mean()) / spread), 3) for place in places]
    stored = json.loads(GOLDENS.read_text())
    if os.environ.get("MEDSEG_RECORD"):
        GOLDENS.write_text(json.dumps({**stored, name: found}, indent=1) + "\n")
    assert float(spread) > 1e-4 * float(flat.abs().max())
    assert max(map(abs, found)) > 0.1
    assert name in stored, "record what a new network gives: MEDSEG_RECORD=1, once"
    assert found == pytest.approx(stored[name], abs=0.01)


def test_macs_are_the_papers():
    """Counted as thop counts: convolutions, 4 per element of a batch norm with scale, 11 per up-sampled element."""
    spec = get_spec("cmunext-xxs")
    network = create_network("cmunext-xxs").eval()
    total = 0.0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            kernel = module.weight.shape[1:].numel()
            total += output.numel() * kernel
        elif isinstance(module, nn.BatchNorm2d):
            total += 4 * output.numel()

    for module in network.modules():
        module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.zeros(1, 3, 256, 256))
    side, up = 256, 0
    for width in (10, 12, 16, 24):  # the maps that are up-sampled, from the largest
        up += width * side * side
        side //= 2
    assert spec.macs_256 is not None
    assert abs(total + 11 * up - spec.macs_256) < 0.01 * spec.macs_256


def test_an_unknown_network_is_named_with_the_choices():
    with pytest.raises(UnknownNameError, match=r"network is 'cmunext-xxl'; expected one of: cmunext-xxs"):
        create_network("cmunext-xxl")


@pytest.mark.parametrize("name", [n for n in NETWORKS if get_spec(n).earlier is not None])
def test_a_file_of_before_tells_nothing_and_is_built_as_it_was_declared_then(name):
    """Whatever is declared by now stands in it, too."""
    spec = get_spec(name)
    assert set(spec.options) <= set(spec.earlier.options)
    assert full_options(name, {"classes": 2}) == {**spec.earlier.options, "classes": 2}

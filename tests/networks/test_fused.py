"""Layers that oneDNN computes in one step with their activation, against the layers one by one."""

import copy

import pytest
import torch
from torch import nn

from napari_medseg.networks.backbones.efficientnet_lite import EvenPadConv
from napari_medseg.networks.blocks.depthwise import ParallelDepthwise
from napari_medseg.networks.blocks.patch_attention import attend
from napari_medseg.networks.dcsnet.detector import BoxHead
from napari_medseg.networks.dymas_net import HybridMultiScale
from napari_medseg.networks.fused import Fused, fuse, unpack, usable
from napari_medseg.networks.fused_norms import PlacewiseNorm
from napari_medseg.networks.prepare import prepare_for_inference

needs_onednn = pytest.mark.skipif(not usable(), reason="this build of torch has no oneDNN")
LAYERS = {
    "plain": (lambda: nn.Conv2d(3, 8, 3, padding=1), (2, 3, 9, 7)),
    "single places": (lambda: nn.Conv2d(8, 4, 1, bias=False), (1, 8, 5, 6)),
    "stride": (lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2), (1, 6, 9, 8)),
    "dilated": (lambda: nn.Conv2d(6, 6, 3, padding=2, dilation=2), (1, 6, 9, 8)),
    "depthwise": (lambda: nn.Conv2d(24, 24, 7, padding=3, groups=24), (1, 24, 9, 8)),
    "uneven": (lambda: EvenPadConv(6, 6, 3, stride=2, groups=6), (1, 6, 8, 8)),
    "volume": (lambda: nn.Conv3d(4, 6, 3, padding=1), (1, 4, 4, 6, 5)),
    "depthwise volume": (lambda: nn.Conv3d(8, 8, 9, padding=4, groups=8), (1, 8, 6, 6, 5)),
    "linear": (lambda: nn.Linear(12, 5), (2, 7, 12)),
}
KNOWN = (nn.ReLU(), nn.ReLU6(), nn.GELU(), nn.Hardswish(), nn.SiLU(), nn.Sigmoid(), nn.LeakyReLU(0.2), nn.PReLU())


def one_by_one(layer, activation, x):
    return layer(x) if activation is None else activation(layer(x))


@needs_onednn
@pytest.mark.parametrize("activation", (None, *KNOWN), ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_a_fused_layer_gives_the_same(name, activation):
    torch.manual_seed(0)
    make, shape = LAYERS[name]
    layer, x = make(), 3 * torch.randn(shape)
    assert Fused.takes(layer, activation)
    fused = Fused(copy.deepcopy(layer), activation)
    with torch.inference_mode():
        # the second time with the weights as they lie
        for _ in range(2):
            torch.testing.assert_close(fused(x), one_by_one(layer, activation, x), atol=1e-5, rtol=1e-5)
    assert fused._packed is not None


def test_what_onednn_does_not_know_is_left():
    assert not Fused.takes(nn.Conv2d(3, 3, 3), nn.Tanh())
    assert not Fused.takes(nn.Conv2d(3, 3, 3), nn.GELU(approximate="tanh"))
    assert not Fused.takes(nn.Conv2d(3, 3, 3), nn.PReLU(3))
    assert not Fused.takes(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"))
    assert not Fused.takes(nn.ConvTranspose2d(3, 3, 2))


def used():
    """A fused layer that has computed, the layer it was made of, and an input."""
    torch.manual_seed(0)
    layer, x = nn.Conv2d(6, 8, 3, padding=1, groups=2), torch.randn(1, 6, 9, 8)
    fused = Fused(copy.deepcopy(layer), nn.ReLU())
    with torch.inference_mode():
        fused(x)
    return fused, layer, x


@pytest.mark.parametrize(
    "ask",
    [
        lambda fused: fused.state_dict()["layer.weight"],
        lambda fused: copy.deepcopy(fused).layer.weight,
        lambda fused: fused.to(torch.float64).layer.weight.float(),
        lambda fused: (unpack(nn.Sequential(fused)), fused.layer.weight)[1],
    ],
)
def test_weights_come_back_as_they_were(ask):
    fused, layer, _ = used()
    assert torch.equal(ask(fused), layer.weight)


def test_with_gradients_or_other_numbers_layers_run_one_by_one():
    fused, layer, x = used()
    x.requires_grad_()
    found = fused(x)
    torch.testing.assert_close(found, layer(x).relu())
    found.sum().backward()
    assert x.grad is not None
    with torch.inference_mode():
        torch.testing.assert_close(fused.double()(x.double()), layer.double()(x.double()).relu())


def test_nothing_in_gives_nothing_out():
    fused, _, x = used()
    with torch.inference_mode():
        assert fused(x[:0]).shape == (0, 8, 9, 8)


# as torch's exporter for ONNX does it
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_trace_holds_ordinary_steps():
    fused, layer, x = used()
    unpack(fused)
    with torch.no_grad():
        traced = torch.jit.trace(fused, x)
    assert "mkldnn" not in str(traced.inlined_graph)
    torch.testing.assert_close(traced(x), layer(x).relu())


def test_activations_are_fused_in_order_and_as_a_module_says():
    class Named(nn.Module):
        folds = (("conv", "norm", "act"),)

        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.act = nn.Conv2d(2, 2, 1), nn.Identity(), nn.ReLU()

    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Identity(), nn.GELU(), Named(), nn.Tanh())
    fuse(network)
    assert isinstance(network[0], Fused) and isinstance(network[0].activation, nn.GELU)
    assert isinstance(network[2], nn.Identity) and isinstance(network[4], nn.Tanh)
    assert isinstance(network[3].conv.activation, nn.ReLU) and isinstance(network[3].act, nn.Identity)


@pytest.mark.parametrize(
    ("norm", "shape", "form"),
    [
        (nn.GroupNorm(4, 16), (2, 16, 128, 128), torch.channels_last),
        (nn.InstanceNorm2d(8), (2, 8, 96, 96), torch.channels_last),
        (nn.InstanceNorm3d(16), (1, 16, 24, 32, 24), torch.channels_last_3d),
    ],
)
def test_norms_are_exact_with_channels_last(norm, shape, form):
    """Far from zero, where sums in single precision lose most."""
    torch.manual_seed(0)
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    x = 0.3 * torch.randn(shape) + 2
    with torch.inference_mode():
        found = PlacewiseNorm(norm)(x.contiguous(memory_format=form))
        exact = copy.deepcopy(norm).double()(x.double())
    assert found.is_contiguous(memory_format=form)
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)


def test_shuffled_channels_are_read_where_they_lie():
    torch.manual_seed(0)
    block, x = HybridMultiScale(8).eval(), torch.randn(1, 8, 9, 7)
    with torch.inference_mode():
        plain = block(x)
        fast = prepare_for_inference(block)
        torch.testing.assert_close(fast(x), plain, atol=1e-5, rtol=1e-4)
    assert isinstance(fast.shuffle, nn.Identity)
    assert not isinstance(fast.depthwise, ParallelDepthwise)


def test_a_box_head_reads_places_first():
    torch.manual_seed(0)
    head, x = BoxHead(4, 6).eval(), torch.randn(3, 4, 7, 7)
    with torch.inference_mode():
        torch.testing.assert_close(head.merged()(x.to(memory_format=torch.channels_last)), head(x))


@pytest.mark.parametrize("width", [3, 8, 16])
def test_narrow_heads_attend_alike(width):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 30, width)
    with torch.inference_mode():
        wanted = (q @ k.transpose(-1, -2) * width**-0.5).softmax(dim=-1) @ v
        torch.testing.assert_close(attend(q, k, v), wanted, atol=1e-5, rtol=1e-4)

"""The fast forms against the plain ones."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from napari_medseg.networks import create_network, get_spec, list_networks, prepare_for_inference
from napari_medseg.networks.backbones.resnet import FrozenBatchNorm
from napari_medseg.networks.blocks.depthwise import ParallelDepthwise, SplitDepthwise
from napari_medseg.networks.blocks.patch_attention import PatchTransformer
from napari_medseg.networks.blocks.sampling import DynamicUpsample
from tests.networks.helpers import fresh


def lively(network: nn.Module) -> nn.Module:
    """Batch norms with statistics of their own, as after training."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, (nn.modules.batchnorm._BatchNorm, FrozenBatchNorm)):
            for tensor in (module.running_mean, module.bias):
                tensor.data = torch.rand(tensor.shape, generator=generator) - 0.5
            for tensor in (module.running_var, module.weight):
                tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return network.eval()


@pytest.mark.parametrize("name", list_networks())
def test_a_prepared_network_gives_the_same(name):
    network, spec = lively(fresh(name)), get_spec(name)
    x = torch.randn(1, spec.input.channels, *[64 if spec.input.ndim == 2 else 32] * spec.input.ndim)
    box = {"boxes": [torch.tensor([[4.0, 8, 40, 60]])]} if spec.capabilities.boxes else {}
    with torch.inference_mode():
        plain = network(x, **box).logits
        fast = prepare_for_inference(network)(x, **box).logits
    assert (plain - fast).abs().max() < 1e-4 * plain.abs().max()
    left = sum(isinstance(module, (ParallelDepthwise, SplitDepthwise)) for module in network.modules())
    assert left == 0
    assert not [name for name, module in network.named_modules() if isinstance(module, FrozenBatchNorm)]


@pytest.mark.parametrize("name", ["sgd-net", "sgd-net-s", "dcsnet-s", "dcsnet"])
def test_no_norm_of_a_backbone_is_left(name):
    network = prepare_for_inference(fresh(name).eval())
    backbone = network.detector.backbone if name.startswith("dcs") else network.backbone
    assert not [one for one, module in backbone.named_modules() if isinstance(module, nn.BatchNorm2d)]


def test_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match="evaluation mode"):
        prepare_for_inference(create_network("cmunext-xxs"))


def test_parallel_kernels_are_one_kernel():
    module, x = ParallelDepthwise(6, (3, 5, 7)), torch.randn(2, 6, 11, 9)
    apart = torch.stack([branch(x) for branch in module.branches]).sum(dim=0)
    torch.testing.assert_close(module(x), apart, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(module.merged()(x), apart, atol=1e-5, rtol=1e-4)
    gradients = [
        torch.autograd.grad(y.square().sum(), [branch.weight for branch in module.branches], retain_graph=True)
        for y in (module(x), apart)
    ]
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("ndim", [2, 3])
def test_split_kernels_and_the_input_are_one_kernel(ndim):
    module, x = SplitDepthwise(8, (3, 5, 7, 9), ndim=ndim), torch.randn(2, 8, *[10] * ndim)
    torch.testing.assert_close(module.merged()(x), module(x), atol=1e-5, rtol=1e-4)


def test_dynamic_upsampling_without_offsets_is_bilinear():
    module, x = DynamicUpsample(8), torch.randn(2, 8, 5, 7)
    nn.init.zeros_(module.offset.weight)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(module(x), expected, atol=1e-5, rtol=0)


def test_dynamic_upsampling_reads_where_it_is_told():
    """One pixel to the right everywhere: the offset is 4, the range one half, the step a half of their product."""
    module, x = DynamicUpsample(4), torch.randn(1, 4, 6, 6)
    nn.init.zeros_(module.offset.weight)
    nn.init.zeros_(module.range[2].weight)
    nn.init.zeros_(module.range[2].bias)
    bias = torch.zeros(4, 4, 2)
    bias[..., 1] = 4
    module.offset.bias.data = bias.reshape(-1)
    moved = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[..., 2:]
    torch.testing.assert_close(module(x)[..., :-2], moved, atol=1e-5, rtol=0)


@pytest.mark.parametrize("ndim", [2, 3])
def test_patches_are_cut_and_put_back(ndim):
    module = PatchTransformer(8, heads=2, head_width=4, hidden=16, ndim=ndim)
    x = torch.arange(2 * 8 * 4 * 6 * (8 if ndim == 3 else 1)).float().reshape(2, 8, 4, 6, *([8] if ndim == 3 else []))
    sequences = module._to_sequences(x)
    assert sequences.shape == (2 * 2**ndim, x[0, 0].numel() // 2**ndim, 8)
    # the first sequence holds the first pixel of each patch, in order
    first = x[0][(slice(None), *[slice(None, None, 2)] * ndim)].flatten(1).T
    assert torch.equal(sequences[0], first)
    assert torch.equal(module._to_map(sequences, x), x)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_pixel_sees_only_its_own_place_in_other_patches(ndim):
    torch.manual_seed(0)
    module = PatchTransformer(8, heads=2, head_width=4, hidden=16, ndim=ndim)
    x = torch.randn(1, 8, *[4] * ndim)
    changed = x.clone()
    changed[(0, slice(None), *[0] * ndim)] += torch.randn(8)
    different = (module(x) != module(changed)).any(dim=1)[0]
    assert different[(slice(None, None, 2),) * ndim].all()
    assert different.sum() == 2**ndim

"""Blocks against slow plain references."""

import pytest
import torch
from torch.nn import functional as F

from napari_medseg.networks.backbones.res2net import Res2Net
from napari_medseg.networks.blocks.dual_attention import ChannelAttention, PositionAttention
from napari_medseg.networks.blocks.dynamic_conv import GuidedDynamicConv, dynamic_convolution
from napari_medseg.networks.blocks.guidance import SOBEL, SobelGate
from napari_medseg.networks.blocks.patch_tokens import DilatedConv, PatchTokenTransformer


@pytest.mark.parametrize("side", [1, 3, 7])
@pytest.mark.parametrize("heads", [1, 2])
def test_dynamic_convolution_equals_the_unfolded_one(side, heads):
    torch.manual_seed(0)
    b, c, h, w = 2, 4, 6, 9
    x, kernels = torch.randn(b, c, h, w), torch.randn(b, heads, side**2, h, w)
    windows = F.unfold(x, side, padding=side // 2).reshape(b, heads, c // heads, side**2, h, w)
    expected = (windows * kernels[:, :, None]).sum(dim=3).reshape(b, c, h, w)
    torch.testing.assert_close(dynamic_convolution(x, kernels, side), expected, atol=1e-5, rtol=1e-4)


def test_the_guided_convolution_follows_its_equations():
    """Layer scales of one: at their start of 1e-6 a wrong branch would not show."""
    torch.manual_seed(0)
    block = GuidedDynamicConv(8, guidance=3, heads=2, kernel_size=3, scale=1.0)
    x, guidance = torch.randn(1, 8, 5, 6), torch.randn(1, 3, 10, 12)
    small = F.interpolate(guidance, size=(5, 6), mode="bilinear", align_corners=False)
    gates = block.attend(x + block.guide(small))
    norm = F.layer_norm(x.permute(0, 2, 3, 1), (8,), block.norm.weight, block.norm.bias, 1e-6).permute(0, 3, 1, 2)
    near = block.local(x * gates[:, :8].sigmoid())
    far = torch.zeros_like(x)
    padded = F.pad(norm, (1, 1, 1, 1))
    for c in range(8):
        kernel = gates[0, 16 + 9 * (c // 4) : 25 + 9 * (c // 4)].softmax(dim=0)
        for y in range(5):
            for z in range(6):
                far[0, c, y, z] = (padded[0, c, y : y + 3, z : z + 3].reshape(-1) * kernel[:, y, z]).sum()
    middle = x + near + gates[:, 8:16].sigmoid() * far
    torch.testing.assert_close(block(x, guidance), middle + block.mlp(block.mlp_norm(middle)), atol=1e-4, rtol=1e-4)


def test_the_sobel_of_the_sum_equals_the_dense_one():
    x = torch.randn(2, 5, 8, 7)
    across = torch.tensor(SOBEL)
    dense = [F.conv2d(x, kernel.expand(5, 5, 3, 3).contiguous(), padding=1) for kernel in (across, across.T)]
    expected = x * (dense[0].square() + dense[1].square()).sqrt().sigmoid()
    torch.testing.assert_close(SobelGate().eval()(x), expected, atol=1e-5, rtol=1e-4)


def test_the_sobel_of_each_channel_gates_that_channel():
    x = torch.randn(2, 5, 8, 7)
    across = torch.tensor(SOBEL)
    for c in range(5):
        one = x[:, c : c + 1]
        parts = [F.conv2d(one, kernel[None, None], padding=1).square() for kernel in (across, across.T)]
        expected = one * (parts[0] + parts[1]).sqrt().sigmoid()
        torch.testing.assert_close(SobelGate("channel").eval()(x)[:, c : c + 1], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("gate", ["sum", "channel"])
def test_flat_maps_have_a_gradient_without_nan(gate):
    x = torch.ones(1, 3, 6, 6, requires_grad=True)
    SobelGate(gate).train()(x).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_position_attention_is_the_plain_formula():
    torch.manual_seed(0)
    block, x = PositionAttention(16), torch.randn(2, 16, 3, 4)
    block.share.data.fill_(0.7)
    q, k, v = (layer(x).flatten(2) for layer in (block.query, block.key, block.value))
    weights = (q.transpose(1, 2) @ k).softmax(dim=-1)
    expected = x + 0.7 * (v @ weights.transpose(1, 2)).reshape(x.shape)
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-4)


def test_attentions_begin_as_the_identity():
    x = torch.randn(1, 16, 4, 4)
    assert torch.equal(PositionAttention(16)(x), x)
    assert torch.equal(ChannelAttention()(x), x)


def test_a_token_is_a_whole_patch():
    """With one patch a side there is one token, and attention gives back the value."""
    torch.manual_seed(0)
    block, x = PatchTokenTransformer(8, parts=(1, 1)).eval(), torch.randn(1, 8, 4, 4)
    values = x + block.out(block.value(x))
    torch.testing.assert_close(block(x), values + block.feed_forward(values), atol=1e-4, rtol=1e-3)


def test_patches_attend_as_the_plain_formula():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, 4, 4)
    got = PatchTokenTransformer._attend(q, k, v, 2)
    cut = [[x[0, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for i in range(2) for j in range(2)] for x in (q, k, v)]
    tokens = [torch.stack([patch.reshape(-1) for patch in part]) for part in cut]
    mixed = (tokens[0] @ tokens[1].T / 8**0.5).softmax(dim=-1) @ tokens[2]
    for n, (i, j) in enumerate((i, j) for i in range(2) for j in range(2)):
        patch = got[0, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        torch.testing.assert_close(patch.reshape(-1), mixed[n], atol=1e-5, rtol=1e-4)


def test_the_backbone_is_the_published_one():
    network = Res2Net(imagenet_head=True)
    assert sum(p.numel() for p in network.parameters()) == 25_718_352
    names = set(network.state_dict())
    for name in ("conv1.0.weight", "bn1.weight", "layer1.0.convs.2.weight", "layer4.2.bns.0.bias", "fc.bias"):
        assert name in names
    assert network.layer2[0].downsample[1].weight.shape == (512, 256, 1, 1)
    with torch.inference_mode():
        shapes = [tuple(x.shape) for x in network.eval()(torch.zeros(1, 3, 64, 96))]
    assert shapes == [(1, 256, 16, 24), (1, 512, 8, 12), (1, 1024, 4, 6), (1, 2048, 2, 3)]


@pytest.mark.parametrize("channels", [24, 40, 64])
def test_dilated_kernels_learn_in_half_precision(channels):
    """On processors that compute in bfloat16 the gradient was NaN, with channels last and 24 or 40 of them."""
    torch.manual_seed(0)
    layer = DilatedConv(channels, channels, 3, padding=2, dilation=2).to(memory_format=torch.channels_last)
    x = torch.randn(8, channels, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x).square().mean().backward()
    assert torch.isfinite(layer.weight.grad).all()

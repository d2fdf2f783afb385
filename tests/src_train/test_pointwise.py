"""Convolutions of single places as products: the same numbers, and only where torch's own way is slow."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from src_train.pointwise import goes_as_product, is_pointwise, product


@pytest.fixture
def alone():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def maps_of(channels: int, *, images: int = 2, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(images, channels, 6, 5, dtype=dtype).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("into", "out"), [(8, 32), (32, 8), (4, 4), (3, 1)])
def test_output_and_gradients_are_those_of_the_convolution(into, out, bias):
    convolution = nn.Conv2d(into, out, 1, bias=bias).double()
    maps = maps_of(into).requires_grad_()
    found = {}
    for way in (F.conv2d, product):
        result = way(maps, convolution.weight, convolution.bias)
        found[way] = [result, *torch.autograd.grad(result.square().sum(), [maps, *convolution.parameters()])]
    for one, other in zip(found[F.conv2d], found[product], strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)
    assert found[product][0].is_contiguous(memory_format=torch.channels_last)


def test_what_is_not_learned_has_no_gradient():
    convolution = nn.Conv2d(4, 8, 1).double().requires_grad_(False)
    maps = maps_of(4).requires_grad_()
    product(maps, convolution.weight, convolution.bias).sum().backward()
    assert maps.grad is not None
    assert convolution.weight.grad is None


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(4, 8, 1, padding="same"), False),
        (nn.Conv2d(4, 8, 1, padding=1), False),
        (nn.Conv2d(4, 8, 1, stride=2), False),
        (nn.Conv2d(4, 8, 1, groups=2), False),
        (nn.Conv2d(4, 8, (1, 3)), False),
        (nn.Conv3d(4, 8, 1), False),
        (nn.Linear(4, 8), False),
    ],
)
def test_kinds_of_modules(module, said):
    assert is_pointwise(module) is said


def test_maps_that_torch_does_well_are_left_to_it(alone):
    assert goes_as_product(maps_of(8, dtype=torch.float32))
    assert not goes_as_product(maps_of(8, images=16))
    assert not goes_as_product(maps_of(8, dtype=torch.bfloat16))
    assert not goes_as_product(maps_of(8).contiguous())
    with torch.autocast("cpu", torch.bfloat16):
        assert not goes_as_product(maps_of(8))
    torch.set_num_threads(2)
    assert not goes_as_product(maps_of(8))

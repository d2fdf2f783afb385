"""The other side of the benchmark of speed says the same as the networks that ship."""

import pytest
import torch

from benchmarks.plain import plain_form, roi_align
from napari_medseg.networks import get_spec, list_networks, prepare_for_inference
from napari_medseg.networks.blocks.dynamic_conv import GuidedDynamicConv
from napari_medseg.networks.blocks.roi_align import roi_align as ours
from tests.networks.helpers import fresh
from tests.networks.test_prepare import lively


@pytest.mark.parametrize("name", list_networks())
def test_plain_and_prepared_say_the_same(name):
    network, spec = lively(fresh(name)), get_spec(name)
    for module in network.modules():
        if isinstance(module, GuidedDynamicConv):
            # else they are the identity
            torch.nn.init.ones_(module.scale)
            torch.nn.init.ones_(module.mlp_scale)
    x = torch.randn(1, spec.input.channels, *[64 if spec.input.ndim == 2 else 32] * spec.input.ndim)
    ways = [{"boxes": [torch.tensor([[4.0, 8, 40, 60]])]}, {"most": 1}] if spec.capabilities.boxes else [{}]
    plain = plain_form(network)
    fast = prepare_for_inference(network)
    with torch.inference_mode():
        for how in ways:
            wanted, found = plain(x, **how).logits, fast(x, **how).logits
            assert (wanted - found).abs().max() <= 1e-4 * (wanted.max() - wanted.min())


def test_boxes_are_cut_out_alike():
    torch.manual_seed(0)
    features = torch.randn(5, 12, 16)
    boxes = torch.tensor(
        [[0.0, 0, 64, 48], [-9, -20, 30, 20], [50, 40, 90, 70], [10, 10, 10.5, 10.5], [200, 0, 240, 9]]
    )
    torch.testing.assert_close(roi_align(features, boxes, 7, scale=0.25), ours(features, boxes, 7, scale=0.25))

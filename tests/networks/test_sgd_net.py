"""SGD-Net's wiring: what the paper says of it, seen from what moves with what."""

import pytest
import torch

from napari_medseg.networks import create_network

SLIM = {"backbone": "res2net", "planes": 8, "depths": (1, 1, 1, 1), "edge_width": 16, "decoder_width": 8}


@pytest.mark.parametrize(("name", "options"), [("sgd-net", {**SLIM, "imagenet_head": False}), ("sgd-net-s", {})])
@pytest.mark.parametrize("source", [None, "encoder", "attention"])
def test_edges_are_found_in_the_encoders_last_block_not_in_what_attention_made_of_it(name, options, source):
    """Paper, 3.2; files of before have it the other way round."""
    torch.manual_seed(0)
    if source is not None:
        options = {**options, "edges_from": source}
    network = create_network(name, **options).eval()
    seen = []
    network.guidance.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    last = []
    network.backbone.register_forward_hook(lambda module, inputs, maps: last.append(maps[-1]))
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        network(x)
    assert torch.equal(seen[0][0], last[0]) == (source != "attention")


def test_the_gate_of_each_channel_is_an_option():
    torch.manual_seed(0)
    network = create_network("sgd-net-s").eval()
    other = create_network("sgd-net-s", gate="channel").eval()
    # the same tensors: files of the one load into the other
    other.load_state_dict(network.state_dict())
    with torch.inference_mode():
        a, b = (one(torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))) for one in (network, other))
    assert not torch.equal(a.edge_logits, b.edge_logits)

"""What is left out is left out: counts of the papers' ablation tables, and networks that still run."""

import pytest
import torch

from napari_medseg.networks import create_network, get_spec
from tests.networks.helpers import trained_parameters

# millions of parameters: (options, the paper's row, how near ours comes)
ROWS = [
    ("dymas-net", {"adsm": False, "dafu": False}, 5.61, 0.01),
    ("dymas-net", {"hmcb": False, "dafu": False}, 21.01, 0.01),
    ("dymas-net", {"hmcb": False, "adsm": False}, 21.17, 0.01),
    ("dymas-net", {"adsm": False}, 5.89, 0.01),
    ("dymas-net", {"hmcb": False}, 21.39, 0.01),
    ("dcsnet", {"msfa": False}, 55.46, 0.0002),
]


@pytest.mark.parametrize(("name", "options", "paper", "tolerance"), ROWS)
def test_counts_are_those_of_the_papers_ablations(name, options, paper, tolerance):
    assert trained_parameters(name, **options) / 1e6 == pytest.approx(paper, rel=tolerance)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, options) for name, options, _, _ in ROWS if name == "dymas-net"),
        ("sgd-net-s", {"sge": False}),
        ("sgd-net-s", {"sgdc": False}),
        ("sgd-net-s", {"sge": False, "sgdc": False}),
        ("sgd-net-s", {"guidance": "added"}),
        ("sgd-net-s", {"guidance": "self"}),
        ("sgd-net-s", {"local": False}),
        ("sgd-net-s", {"dynamic": False}),
        ("sgd-net-s", {"gate": "channel"}),
        ("sgd-net-s", {"edges_from": "attention"}),
        ("sgd-net-s", {"backbone": "res2net", "planes": 16}),
        ("dymas-net", {"branches": "concat"}),
        ("lgms-net", {"kernels": (3, 3, 3, 3)}),
        ("lgms-net", {"near": 0.5}),
        ("lgms-net", {"lms": False}),
        ("lgms-net", {"gms": False}),
        ("dcsnet-s", {"msfa": False}),
        ("dcsnet-s", {"jitter": 0.0}),
    ],
)
def test_networks_run_and_learn_without_a_part(name, options):
    torch.manual_seed(0)
    network = create_network(name, **options)
    x = torch.randn(2, 3, 64, 64)
    boxes = {"truth": [torch.tensor([[8.0, 4, 56, 48]])] * 2} if get_spec(name).capabilities.boxes else {}
    out = network(x, **boxes)
    assert out.logits.shape == (2, 1, 64, 64)
    assert (out.edge_logits is None) == (not get_spec(name).capabilities.edges or options.get("sge") is False)
    if options.get("jitter") == 0:
        torch.testing.assert_close(out.boxes[0], boxes["truth"][0])
    maps = [out.logits, *out.aux, *([] if out.edge_logits is None else [out.edge_logits])]
    if out.rois is not None:
        maps += [out.rois.mask, *out.rois.levels, out.rois.edges, *out.losses.values()]
    torch.stack([m.square().mean() for m in maps]).sum().backward()
    # what leads to the part alone: the papers' counts keep it
    leads = ("guidance.guidance.", "seg_head.pos_embed", "seg_head.level_embed", "seg_head.patch_embed.")
    idle = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert [key for key in idle if not key.startswith((*get_spec(name).unused, *leads))] == []

"""DCSNet: boxes in, masks back in their place."""

import time

import pytest
import torch

from napari_medseg.networks.dcsnet.network import EMPTY, DCSNet
from napari_medseg.networks.declared.dcsnet import SPECS

SMALL = {"planes": 8, "depths": (1, 1, 1, 1), "pyramid": 16, "box_width": 32, "width": 16, "layers": 1}


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_parameters_are_the_papers(spec):
    network = DCSNet(**spec.options)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == spec.parameters
    if spec.name == "dcsnet":
        assert sum(p.numel() for p in network.parameters()) == 59_429_928


def test_masks_are_put_back_into_their_boxes():
    network = DCSNet(**SMALL)
    masks = torch.full((2, 1, 64, 64), 3.0)
    masks[0, 0, :, :32] = -2.0  # the left half of the first box
    boxes = [torch.tensor([[8.0, 4, 24, 20], [16, 12, 40, 28]]), torch.zeros(0, 4)]
    found = network._put_back(masks, boxes, (32, 64))
    assert found.shape == (2, 1, 32, 64)
    assert (found[1] == EMPTY).all()
    canvas = found[0, 0]
    assert canvas[5, 9] == -2
    assert canvas[5, 22] == 3
    assert canvas[15, 18] == 3  # where boxes overlap the larger counts
    assert canvas[3, 9] == canvas[21, 9] == canvas[5, 7] == EMPTY
    assert (canvas > 0).sum() == 8 * 16 + 24 * 16 - 8 * 8


def test_boxes_that_are_given_take_the_place_of_the_detectors():
    torch.manual_seed(0)
    network, x = DCSNet(**SMALL).eval(), torch.randn(2, 3, 64, 128)
    given = [torch.tensor([[10.0, 10, 50, 40], [60, 5, 200, 60]]), torch.zeros(0, 4)]
    with torch.inference_mode():
        out = network(x, boxes=given)
    assert out.logits.shape == (2, 1, 64, 128)
    assert out.boxes[0].tolist() == [[10, 10, 50, 40], [60, 5, 128, 60]]
    outside = torch.ones(64, 128, dtype=torch.bool)
    outside[10:40, 10:50] = outside[5:60, 60:128] = False
    assert (out.logits[0, 0][outside] == EMPTY).all()
    assert (out.logits[0, 0][~outside] != EMPTY).all()
    assert (out.logits[1] == EMPTY).all()


def test_as_many_lesions_as_there_are():
    torch.manual_seed(0)
    network, x = DCSNet(**SMALL, most_masks=5).eval(), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert 1 < len(network(x).boxes[0]) <= 5
        network.detector.most = 1
        assert len(network(x).boxes[0]) == 1


def test_training_gives_losses_and_jittered_boxes():
    torch.manual_seed(0)
    network, x = DCSNet(**SMALL).train(), torch.randn(2, 3, 64, 64)
    truth = [torch.tensor([[10.0, 10, 40, 40]]), torch.tensor([[20.0, 20, 50, 60], [2, 2, 12, 14]])]
    out = network(x, truth=truth)
    assert set(out.losses) == {"proposal_score", "proposal_box", "box_class", "box"}
    assert out.rois.mask.shape == (3, 1, 64, 64)
    assert len(out.rois.levels) == 4
    moved, true = torch.cat(out.boxes), torch.cat(truth)
    assert not torch.equal(moved, true)
    sides = (true[:, 2:] - true[:, :2]).repeat(1, 2)
    assert ((moved - true).abs() < 0.4 * sides).all()


def test_the_head_learns_from_a_few_of_many_boxes():
    torch.manual_seed(0)
    network, x = DCSNet(**SMALL, learned_masks=3).train(), torch.randn(1, 3, 64, 64)
    truth = [torch.tensor([[4.0 * i, 4.0 * i, 4.0 * i + 9, 4.0 * i + 9] for i in range(12)])]
    seen = [tuple(network(x, truth=truth).boxes[0][:, 0].round().tolist()) for _ in range(3)]
    assert {len(boxes) for boxes in seen} == {3}
    assert len(set(seen)) > 1


def test_jitter_has_the_papers_width():
    torch.manual_seed(0)
    network = DCSNet(**SMALL)
    boxes = torch.tensor([[100.0, 200, 300, 600]]).repeat(4000, 1)
    moved = network._moved(boxes, (1000, 1000))
    middle = (moved[:, 2:] + moved[:, :2]) / 2
    torch.testing.assert_close(middle.std(dim=0), torch.tensor([10.0, 20.0]), atol=0.6, rtol=0.05)
    torch.testing.assert_close(
        (moved[:, 2:] - moved[:, :2]).std(dim=0), torch.tensor([10.0, 20.0]), atol=0.6, rtol=0.05
    )


def test_a_box_becomes_a_mask_without_the_detector():
    network = DCSNet(**SMALL).eval()
    calls = []
    network.detector.rpn.register_forward_hook(lambda *_: calls.append(time.monotonic()))
    with torch.inference_mode():
        network(torch.randn(1, 3, 64, 64), boxes=[torch.tensor([[5.0, 5, 50, 50]])])
    assert calls == []

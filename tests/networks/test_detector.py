"""The detector: counts, matching, and that it learns to find a bright rectangle."""

import pytest
import torch

from napari_medseg.networks.dcsnet.detector import Detector
from napari_medseg.networks.dcsnet.sampling import BETWEEN, NONE, match, sample


def test_the_detector_is_torchvisions():
    network = Detector()
    assert sum(p.numel() for p in network.parameters()) == 41_299_161
    names = network.state_dict()
    for name in (
        "rpn.head.cls_logits.weight",
        "roi_heads.box_head.fc6.weight",
        "roi_heads.box_predictor.bbox_pred.bias",
    ):
        assert name in names


def test_references_match_by_overlap():
    overlap = torch.tensor([[0.9, 0.5, 0.1, 0.2], [0.0, 0.6, 0.2, 0.25]])
    assert match(overlap, low=0.3, high=0.7).tolist() == [0, BETWEEN, NONE, NONE]
    # each box keeps its best, though it is not good enough
    assert match(overlap, low=0.3, high=0.7, keep_best=True).tolist() == [0, 1, NONE, NONE]
    assert match(overlap[:0], low=0.3, high=0.7).tolist() == [NONE] * 4


def test_samples_are_at_most_the_share():
    matched = torch.tensor([0] * 10 + [NONE] * 20 + [BETWEEN] * 5)
    positive, negative = sample(matched, size=12, share=0.5)
    assert (len(positive), len(negative)) == (6, 6)
    assert (matched[positive] >= 0).all()
    assert (matched[negative] == NONE).all()
    positive, negative = sample(matched[:3], size=12, share=0.5)
    assert (len(positive), len(negative)) == (3, 0)


def scene(generator):
    x = torch.rand(2, 3, 64, 64, generator=generator) * 0.2
    truth = []
    for image in x:
        y, x0 = torch.randint(4, 30, (2,), generator=generator).tolist()
        h, w = torch.randint(16, 30, (2,), generator=generator).tolist()
        image[:, y : y + h, x0 : x0 + w] += 0.7
        truth.append(torch.tensor([[x0, y, x0 + w, y + h]], dtype=torch.float))
    return (x - 0.5) / 0.25, truth


@pytest.mark.slow
def test_it_learns_to_find():
    torch.manual_seed(0)
    network = Detector(planes=8, depths=(1, 1, 1, 1), channels=16, width=32)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(110):
        x, truth = scene(generator)
        _, _, losses = network(x, truth)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    x, truth = scene(generator)
    with torch.inference_mode():
        _, found, _ = network.eval()(x)
    for wanted, detections in zip(truth, found, strict=True):
        best = detections.boxes[0]
        assert (best - wanted[0]).abs().max() < 8
        assert detections.scores[0] > 0.5


def test_sure_boxes_or_the_best_one():
    torch.manual_seed(0)
    network = Detector(planes=8, depths=(1, 1, 1, 1), channels=16, width=32, most=20).eval()
    x = torch.randn(1, 3, 64, 64)
    network.score_threshold = 0.0
    with torch.inference_mode():
        (everything,) = network(x)[1]
        assert len(everything.boxes) > 3
        network.sure = float(everything.scores[2]) - 1e-6
        (some,) = network(x)[1]
        assert torch.equal(some.boxes, everything.boxes[:3])
        network.sure = 1.0
        (one,) = network(x)[1]
        assert torch.equal(one.boxes, everything.boxes[:1])
        network.score_threshold = 1.0
        assert len(network(x)[1][0].boxes) == 0


def test_an_image_without_a_lesion_teaches_too():
    torch.manual_seed(0)
    network = Detector(planes=8, depths=(1, 1, 1, 1), channels=16, width=32)
    _, _, losses = network(torch.randn(1, 3, 64, 64), [torch.zeros(0, 4)])
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    with torch.inference_mode():
        _, found, _ = network.eval()(torch.randn(1, 3, 64, 64))
    assert len(found[0].boxes) <= 3

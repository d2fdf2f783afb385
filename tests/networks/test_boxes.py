"""Boxes, anchors, RoIAlign and the pyramid against slow plain references."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_medseg.networks.backbones.resnet import BodyAndPyramid, FeaturePyramid, ResNet
from napari_medseg.networks.blocks.boxes import (
    batched_nms,
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    grid_anchors,
    nms,
)
from napari_medseg.networks.blocks.roi_align import roi_align


def random_boxes(n, seed=0, extent=40.0):
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(n, 2, generator=generator) * extent
    return torch.cat((low, low + 0.5 + torch.rand(n, 2, generator=generator) * extent / 2), dim=1)


def slow_iou(a, b):
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda q: (q[2] - q[0]) * (q[3] - q[1])  # noqa: E731
    return w * h / (area(a) + area(b) - w * h)


def test_iou_is_the_plain_formula():
    a, b = random_boxes(7), random_boxes(5, seed=1)
    expected = torch.tensor([[slow_iou(p, q) for q in b.tolist()] for p in a.tolist()])
    torch.testing.assert_close(box_iou(a, b), expected)


@given(st.integers(0, 10_000), st.integers(0, 30), st.sampled_from([0.1, 0.5, 0.7]))
@settings(max_examples=60, deadline=None)
def test_nms_is_the_greedy_one(seed, n, threshold):
    boxes = random_boxes(n, seed)
    scores = torch.rand(n, generator=torch.Generator().manual_seed(seed))
    kept = []
    for i in sorted(range(n), key=lambda i: -scores[i]):
        if all(slow_iou(boxes[i].tolist(), boxes[j].tolist()) <= threshold for j in kept):
            kept.append(i)
    assert nms(boxes, scores, threshold).tolist() == kept


def test_groups_do_not_suppress_each_other():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    kept = batched_nms(boxes, torch.tensor([0.5, 0.9, 0.7]), torch.tensor([0, 1, 0]), 0.5)
    assert kept.tolist() == [1, 2]
    assert batched_nms(boxes[:0], torch.zeros(0), torch.zeros(0), 0.5).tolist() == []


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_decoding_is_the_inverse_of_encoding(seed):
    boxes, references, weights = random_boxes(9, seed), random_boxes(9, seed + 1), (10.0, 10.0, 5.0, 5.0)
    codes = encode_boxes(boxes, references, weights)
    torch.testing.assert_close(decode_boxes(codes, references, weights), boxes, atol=1e-3, rtol=1e-3)


def test_codes_are_shifts_and_logs():
    codes = encode_boxes(torch.tensor([[4.0, 6, 8, 14]]), torch.tensor([[0.0, 0, 4, 4]]), (1.0, 2.0, 3.0, 4.0))
    torch.testing.assert_close(codes, torch.tensor([[1.0, 2 * 2.0, 0.0, 4 * math.log(2)]]))


def test_boxes_are_cut_to_the_image():
    found = clip_boxes(torch.tensor([[-3.0, 2, 50, 60]]), (20, 30))
    assert found.tolist() == [[0, 2, 30, 20]]


def test_anchors_stand_at_every_place():
    anchors = grid_anchors((2, 3), (8, 16), 32, (0.5, 1.0, 2.0))
    assert anchors.shape == (18, 4)
    # the square one of the first place, then that of the place to its right, then of the row below
    assert anchors[1].tolist() == [-16, -16, 16, 16]
    assert anchors[4].tolist() == [0, -16, 32, 16]
    assert anchors[10].tolist() == [-16, -8, 16, 24]
    # a ratio of a half is twice as wide as high
    assert anchors[0].tolist() == [-23, -11, 23, 11]


def slow_roi_align(features, box, size, scale):
    """Point by point, as Mask R-CNN says."""
    c, h, w = features.shape
    x0, y0, x1, y1 = (float(v) * scale for v in box)
    width, height = max(x1 - x0, 1.0), max(y1 - y0, 1.0)
    out = torch.zeros(c, size, size)
    for i in range(size):
        for j in range(size):
            for di in (0.25, 0.75):
                for dj in (0.25, 0.75):
                    y, x = y0 + (i + di) * height / size, x0 + (j + dj) * width / size
                    if y < -1 or y > h or x < -1 or x > w:
                        continue
                    y, x = min(max(y, 0.0), h - 1.0), min(max(x, 0.0), w - 1.0)
                    a, b = int(y), int(x)
                    p, q = min(a + 1, h - 1), min(b + 1, w - 1)
                    u, v = y - a, x - b
                    top = features[:, a, b] * (1 - v) + features[:, a, q] * v
                    low = features[:, p, b] * (1 - v) + features[:, p, q] * v
                    out[:, i, j] += (top * (1 - u) + low * u) / 4
    return out


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_roi_align_is_the_plain_one(scale):
    features = torch.randn(3, 9, 11, generator=torch.Generator().manual_seed(2))
    boxes = torch.cat((random_boxes(6) * 0.5, torch.tensor([[-9.0, -9, 60, 60], [3, 3, 3.1, 3.1]])))
    expected = torch.stack([slow_roi_align(features, box, 4, scale) for box in boxes])
    torch.testing.assert_close(roi_align(features, boxes, 4, scale=scale), expected, atol=1e-4, rtol=1e-4)
    assert roi_align(features, boxes[:0], 4, scale=scale).shape == (0, 3, 4, 4)


def test_the_pyramid_adds_what_the_coarser_map_knows():
    torch.manual_seed(0)
    pyramid = FeaturePyramid([4, 8], 6)
    fine, coarse = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)
    found = pyramid([fine, coarse])
    top = pyramid.inner_blocks[1](coarse)
    middle = pyramid.inner_blocks[0](fine) + top.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(found[0], pyramid.layer_blocks[0](middle))
    torch.testing.assert_close(found[1], pyramid.layer_blocks[1](top))
    torch.testing.assert_close(found[2], found[1][:, :, ::2, ::2])


def test_the_backbone_is_torchvisions():
    network = BodyAndPyramid(ResNet(), [256, 512, 1024, 2048], 256)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    assert (trained, frozen) == (26_789_888, 9_408)
    for name in ("body.conv1.weight", "body.layer3.5.bn3.running_var", "fpn.inner_blocks.3.0.bias"):
        assert name in network.state_dict()
    with torch.inference_mode():
        shapes = [tuple(x.shape[1:]) for x in network(torch.zeros(1, 3, 64, 128))]
    assert shapes == [(256, 16, 32), (256, 8, 16), (256, 4, 8), (256, 2, 4), (256, 1, 2)]


def test_at_random_live_norms_keep_the_maps_alive_and_frozen_ones_let_them_fade():
    """Standard deviations of the four stages before the first step."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        live, frozen = ([float(m.std()) for m in ResNet(planes=16, frozen=still)(x)] for still in (False, True))
    assert min(live) > 0.5
    assert max(live) < 2
    assert frozen == sorted(frozen, reverse=True)
    assert frozen[3] < frozen[0] / 8


def test_a_frozen_norm_is_a_norm_in_evaluation():
    from napari_medseg.networks.backbones.resnet import FrozenBatchNorm

    norm = torch.nn.BatchNorm2d(5).eval()
    for tensor in norm.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(5) + 0.5)
    frozen = FrozenBatchNorm(5)
    frozen.load_state_dict(norm.state_dict())
    x = torch.randn(2, 5, 3, 3)
    torch.testing.assert_close(frozen(x), norm(x))
    assert F.mse_loss(frozen(x), x) > 0
    assert list(frozen.parameters()) == []

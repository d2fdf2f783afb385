"""What the losses see."""

from dataclasses import replace

import pytest
import torch

from napari_medseg.networks import SegmentationOutput, get_spec
from src_train.losses import build_loss, rim
from src_train.roi_losses import map_loss, soft_rim
from src_train.targets import boxes_of


def test_the_rim_is_a_pixel_to_each_side():
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    mask[..., 3:6, 3:6] = 1
    edge = rim(mask)[0, 0]
    assert edge.sum() == 5 * 5 - 1
    assert edge[4, 4] == 0
    assert edge[2, 2] == edge[3, 3] == 1


def test_boxes_stand_around_the_parts_of_a_mask():
    mask = torch.zeros(1, 40, 60, dtype=torch.uint8)
    mask[0, 10:20, 30:40] = 1
    mask[0, 20, 40] = 1  # touches over a corner: the same part
    mask[0, 35, 2:4] = 2  # two pixels: too small
    mask[0, 0:4, 0:4] = 2
    assert sorted(boxes_of(mask).tolist()) == [[0, 0, 9, 9], [25, 5, 46, 26]]
    assert boxes_of(torch.zeros(1, 5, 5)).shape == (0, 4)


def test_the_boundary_term_sees_a_wrong_border():
    """The published term is zero whatever the border; ours is not."""
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    near, far = target.clone(), torch.zeros_like(target)
    far[..., 4:28, 4:28] = 1
    edges = [soft_rim(x) for x in (target, near, far)]
    assert edges[0].sum() == 18 * 18 - 14 * 14
    losses = [float(map_loss(20 * (2 * x - 1), target)) for x in (near, far)]
    assert losses[0] < 1e-3
    assert losses[1] > losses[0] + 0.2


def test_further_maps_and_edges_count_as_the_recipe_says():
    target = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    target[..., 2:6, 2:6] = 1
    good, bad = 20.0 * (2 * target.float() - 1), torch.full((1, 1, 8, 8), -20.0)
    edges = 20.0 * (2 * rim(target) - 1)
    recipe = replace(get_spec("sgd-net-s").recipe, losses={"dice": 1.0}, aux_weight=2.0, edge_weight=3.0)
    loss = build_loss(recipe)

    def value(logits, edge, *aux):
        return float(loss(SegmentationOutput(logits=logits, edge_logits=edge, aux=aux), target))

    assert value(good, edges, good, good) == pytest.approx(0, abs=1e-3)
    assert value(bad, edges, good, good) == pytest.approx(1, abs=1e-2)
    assert value(good, edges, bad, good) == pytest.approx(2, abs=1e-2)
    assert value(good, bad, good, good) == pytest.approx(3, abs=1e-2)

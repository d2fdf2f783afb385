"""What the losses see."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from napari_medseg.networks import SegmentationOutput, get_spec, list_networks
from napari_medseg.networks.dcsnet.segmenter import RoIMaps
from src_train.losses import build_loss, make_dice, rim
from src_train.objective import build_objective
from src_train.roi_losses import build_map_loss, build_roi_loss, laplacian_edges, level_weights, soft_rim
from src_train.targets import VOID, boxes_of

DCSNET = get_spec("dcsnet").recipe


def test_the_rim_is_a_pixel_to_each_side():
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    mask[..., 3:6, 3:6] = 1
    edge = rim(mask)[0, 0]
    assert edge.sum() == 5 * 5 - 1
    assert edge[4, 4] == 0
    assert edge[2, 2] == edge[3, 3] == 1


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("sides", [(16, 12), (8, 6, 10)], ids=["image", "volume"])
def test_dice_is_monais(classes, sides):
    from monai.losses import DiceLoss

    torch.manual_seed(0)
    logits = torch.randn(2, classes, *sides)
    target = torch.randint(0, max(2, classes), (2, 1, *sides), dtype=torch.uint8)
    # an image without a class has a loss too
    target[1] = 0
    reference = DiceLoss(smooth_nr=0.3, smooth_dr=0.3, include_background=classes == 1, to_onehot_y=classes > 1)
    found = logits.sigmoid() if classes == 1 else logits.softmax(1)
    wanted = reference(found, target.float() if classes == 1 else target.long())
    torch.testing.assert_close(make_dice(0.3)(logits, target), wanted, rtol=1e-6, atol=0)


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
    losses = [float(build_map_loss(DCSNET)(20 * (2 * x - 1), target)) for x in (near, far)]
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


@pytest.mark.parametrize("network", ["cmunext-xxs", "sgd-net-s", "lgms-net", "dymas-net"])
@pytest.mark.parametrize("classes", [1, 3])
def test_what_is_ignored_teaches_nothing_and_the_rest_counts_as_if_it_were_alone(network, classes):
    torch.manual_seed(0)
    recipe, channels = get_spec(network).recipe, 1 if classes == 1 else classes + 1
    # the lower half is void; the upper one is what an image of its own would be
    target = torch.randint(0, classes + 1, (2, 1, 16, 12), dtype=torch.uint8)
    target[..., 8:, :] = VOID
    logits, edges = torch.randn(2, channels, 16, 12, requires_grad=True), torch.randn(2, 1, 16, 12, requires_grad=True)
    output = SegmentationOutput(logits=logits, edge_logits=edges, aux=(logits * 2,))
    loss = build_loss(recipe, void=True)(output, target)
    loss.backward()
    assert logits.grad[..., :8, :].abs().sum() > 0
    assert not logits.grad[..., 8:, :].any()
    if edges.grad is not None:
        # next to what is ignored, nobody knows whether there is an edge
        assert not edges.grad[..., 7:, :].any()
    upper = replace(recipe, edge_weight=0.0)
    half = SegmentationOutput(logits=logits[..., :8, :], edge_logits=None, aux=(logits[..., :8, :] * 2,))
    whole = SegmentationOutput(logits=logits, edge_logits=None, aux=(logits * 2,))
    alone = build_loss(upper)(half, target[..., :8, :])
    assert build_loss(upper, void=True)(whole, target).item() == pytest.approx(alone.item(), rel=1e-5)


def test_all_void_is_no_loss_at_all_and_no_nan():
    logits = torch.randn(1, 1, 8, 8, requires_grad=True)
    loss = build_loss(get_spec("cmunext-xxs").recipe, void=True)(
        SegmentationOutput(logits=logits), torch.full((1, 1, 8, 8), VOID, dtype=torch.uint8)
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert not logits.grad.any()


def test_edges_of_boxes_are_the_laplacians():
    mask = torch.zeros(1, 1, 12, 12)
    mask[..., 4:9, 3:12] = 1  # goes on beyond the right border
    edges = laplacian_edges(mask)[0, 0]
    expected = torch.zeros(12, 12)
    expected[4:9, 3:12] = 1
    expected[5:8, 4:12] = 0
    assert torch.equal(edges, expected)


@pytest.mark.parametrize(
    ("done", "levels", "mask"),
    [(0.0, (1.0, 0.8, 0.6, 0.4), 0.2), (0.3, (0.8, 0.9, 1.0, 1.1), 1.2), (0.6, (0.7, 0.8, 0.9, 1.0), 1.1)],
)
def test_levels_count_in_the_papers_three_steps(done, levels, mask):
    assert level_weights(DCSNET.boxes, done) == (levels, mask)
    assert level_weights(DCSNET.boxes, min(done + 0.29, 1.0)) == (levels, mask)
    assert level_weights(DCSNET.boxes, 1.0) == ((0.7, 0.8, 0.9, 1.0), 1.1)


def test_consistency_is_the_mean_over_neighbours():
    """Equation (10). Levels that are apart by one half, all else right: what is left is that term."""
    target = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    rois = RoIMaps(
        torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64), tuple(torch.zeros(1, 1, 64, 64) for _ in range(4))
    )
    boxes = (torch.tensor([[0.0, 0, 64, 64]]),)

    def loss(*levels):
        maps = tuple(torch.full((1, 1, 64, 64), value) for value in levels)
        out = SegmentationOutput(
            logits=target.float(), boxes=boxes, losses={"a": torch.zeros(())}, rois=rois._replace(levels=maps)
        )
        return float(build_roi_loss(DCSNET)(out, target, 0.0))

    # the same four levels in another order of neighbours, weights of levels alike: only the term differs
    smooth, jumping = loss(20.0, 20.0, -20.0, -20.0), loss(20.0, -20.0, 20.0, -20.0)
    weights = level_weights(DCSNET.boxes, 0.0)[0]
    right, wrong = (float(build_map_loss(DCSNET)(torch.full((1, 1, 64, 64), v), target.float())) for v in (-20.0, 20.0))
    moved = (wrong - right) * (weights[2] - weights[1])
    assert jumping - smooth - moved == pytest.approx(0.05 * (3 - 1) / 3, abs=1e-3)


class Answers(nn.Module):
    """Gives what it was told to, and remembers how it was asked."""

    def __init__(self, output):
        super().__init__()
        self.output, self.asked = output, None

    def forward(self, x, **how):
        self.asked = how
        return self.output


def in_boxes():
    generator = torch.Generator().manual_seed(5)
    maps = [torch.randn(3, 1, 64, 64, generator=generator) for _ in range(6)]
    masks = torch.zeros(2, 1, 64, 64, dtype=torch.uint8)
    masks[0, 0, 10:30, 12:40] = masks[1, 0, 40:60, 5:30] = 1
    boxes = (torch.tensor([[8.0, 6, 44, 34]]), torch.tensor([[2.0, 36, 34, 62], [0.0, 0, 20, 20]]))
    told = {"a": torch.tensor(0.25), "b": torch.tensor(0.5)}
    rois = RoIMaps(maps[0], maps[1], tuple(maps[2:]))
    return SegmentationOutput(logits=torch.zeros(2, 1, 64, 64), boxes=boxes, losses=told, rois=rois), masks


def test_the_loss_in_boxes_is_the_recipes_and_was_the_same_before_it_stood_there():
    output, masks = in_boxes()
    asked = Answers(output)

    def loss(recipe, done=0.0):
        return float(build_objective(recipe)(asked, torch.zeros(2, 3, 64, 64), masks, done))

    # by the code that had the numbers in it
    for done, known in ((0.0, 2.628202), (0.4, 3.735687), (0.9, 3.458217)):
        assert loss(DCSNET, done) == pytest.approx(known, rel=1e-5)
    assert [own.tolist() for own in asked.asked["truth"]] == [[[7, 5, 45, 35]], [[0, 35, 35, 64]]]
    # the detector's own part, which no recipe weighs
    silent = replace(DCSNET, losses={"dice": 0.0}, edge_weight=0.0, boxes=replace(DCSNET.boxes, consistency=0.0))
    assert loss(silent) == pytest.approx(0.75)
    changes = (
        {"losses": {**DCSNET.losses, "dice": 0.9}},
        {"focal": (0.5, 1.0)},
        {"edge_weight": 1.0},
        {"smooth": 10.0},
        {"boxes": replace(DCSNET.boxes, consistency=1.0)},
        {"boxes": replace(DCSNET.boxes, edge_positive=1.0)},
        {"boxes": replace(DCSNET.boxes, steps=((1.0, (0.0,) * 4, 1.0),))},
    )
    for change in changes:
        assert abs(loss(replace(DCSNET, **change)) - loss(DCSNET)) > 1e-3, change


def test_a_network_that_gives_boxes_learns_by_whole_maps_where_its_recipe_says_so():
    output, masks = in_boxes()
    asked, recipe = Answers(output), get_spec("cmunext-xxs").recipe
    found = build_objective(recipe)(asked, torch.zeros(2, 3, 64, 64), masks, 0.0)
    assert asked.asked == {}
    assert torch.equal(found, build_loss(recipe)(output, masks))


@pytest.mark.parametrize("name", list_networks())
def test_every_recipe_names_losses_that_there_are(name):
    recipe = get_spec(name).recipe
    build_objective(recipe)
    with pytest.raises(KeyError, match="hinge"):
        build_objective(replace(recipe, losses={"hinge": 1.0}))

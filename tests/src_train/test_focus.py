"""A corrected rim counts for more, wherever augmentation takes it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_medseg.networks import SegmentationOutput, get_spec
from src_train.augment import Augmentation
from src_train.dataset import Sample, TrainingSet
from src_train.losses import FOCUS, build_loss, cross_entropy


@pytest.mark.parametrize("classes", [1, 3])
def test_pixels_of_the_focus_count_so_many_times(classes):
    torch.manual_seed(0)
    logits = torch.randn(2, 1 if classes == 1 else classes + 1, 8, 9)
    target = torch.randint(0, classes + 1, (2, 1, 8, 9))
    focus = (torch.rand(2, 1, 8, 9) > 0.7).to(torch.uint8)
    # plain reference: those pixels once more, FOCUS times in all
    chosen = [(b, y, x) for b, _, y, x in focus.nonzero().tolist()]
    every = [(b, y, x) for b in range(2) for y in range(8) for x in range(9)]
    places = torch.tensor(every + chosen * int(FOCUS - 1)).T
    picked = logits[places[0], :, places[1], places[2]]
    wanted = target[places[0], 0, places[1], places[2]]
    plain = (
        F.binary_cross_entropy_with_logits(picked[:, 0], wanted.float())
        if classes == 1
        else F.cross_entropy(picked, wanted)
    )
    assert cross_entropy(logits, target, focus) == pytest.approx(float(plain), rel=1e-5)
    assert cross_entropy(logits, target, focus * 0) == pytest.approx(float(cross_entropy(logits, target)), rel=1e-5)


def test_a_recipe_takes_the_focus_from_the_second_channel():
    loss = build_loss(get_spec("cmunext-xxs").recipe)
    torch.manual_seed(0)
    output = SegmentationOutput(logits=torch.randn(2, 1, 16, 16))
    mask = (torch.rand(2, 1, 16, 16) > 0.5).to(torch.uint8)
    focus = torch.zeros_like(mask)
    plain = loss(output, mask)
    assert loss(output, torch.cat((mask, focus), dim=1)) == pytest.approx(float(plain), rel=1e-5)
    focus[:, :, :4] = 1
    assert loss(output, torch.cat((mask, focus), dim=1)) != pytest.approx(float(plain), rel=1e-3)


def test_mask_and_focus_are_augmented_alike():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (40, 50, 3), np.uint8)
    mask = np.zeros((40, 50), np.uint8)
    mask[8:30, 10:35] = 1
    samples = [Sample("a", image, mask, focus=mask > 0), Sample("b", image, mask)]
    data = TrainingSet(
        samples, sides=(64, 64), classes=1, augmentation=Augmentation("full"), input=get_spec("cmunext-xxs").input
    )
    for both in data.batch([(0, seed) for seed in range(10)])[1]:
        assert both.shape == (2, 64, 64)
        # the focus was drawn over the whole object: it lies on it still, up to a pixel of resizing
        inner = F.max_pool2d(both[1:].float(), 3, 1, 1) >= both[:1]
        assert inner.all()
        assert (both[0] != both[1]).float().mean() < 0.1
    assert not data.batch([(1, 0)])[1][0, 1].any()
    plain = TrainingSet(samples[1:], sides=(64, 64), classes=1, augmentation=None, input=get_spec("cmunext-xxs").input)
    assert plain.batch([(0, 0)])[1].shape == (1, 1, 64, 64)

"""How a learning rate goes on, as the papers and PyTorch have it."""

import numpy as np
import pytest
import torch

from napari_medseg.networks import get_spec
from src_train.optim import learning_rate_at


def test_the_schedules_of_the_papers():
    recipe = get_spec("lgms-net-3d").recipe
    rates = [learning_rate_at(recipe, start=1.0, epoch=e, epochs=110) for e in range(110)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == rates[11] == 1
    assert rates[60] == pytest.approx(0.5, abs=0.02)
    assert rates[109] < 0.01
    assert learning_rate_at(recipe, start=1.0, epoch=49, epochs=5000) == 1
    assert learning_rate_at(recipe, start=1.0, epoch=24, epochs=5000) == 0.5
    plateau = get_spec("dcsnet").recipe
    scores = [0.5, *[0.4] * 6]
    assert [learning_rate_at(plateau, start=1.0, epoch=9, epochs=100, scores=scores[:n]) for n in (0, 1, 6, 7)] == [
        *(1.0, 1.0, 1.0),
        0.5,
    ]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("step", [0.3, 3e-5])
def test_the_plateau_is_pytorchs(mode, step):
    """Losses and scores that wander, or get better by so little that it is none; down to DCSNet's least rate."""
    recipe = get_spec("dcsnet").recipe
    start = recipe.learning_rate
    reference = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=start)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(reference, mode=mode, factor=0.5, patience=5, min_lr=1e-7)
    rng, value, seen = np.random.default_rng(0), 2.0, []
    for _ in range(120):
        value = abs(value + step * rng.normal(-0.05 if mode == "min" else 0.05))
        torchs.step(value)
        # the trainer's scores are the better, the larger
        seen.append(value if mode == "max" else -value)
        found = learning_rate_at(recipe, start=start, epoch=9, epochs=200, scores=seen)
        assert found == pytest.approx(reference.param_groups[0]["lr"], rel=1e-9)
    assert found < start / 8

"""Optimizers and schedules that recipes name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from napari_medseg.networks import Recipe

PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.5, 5


def build_optimizer(
    parameters: Iterable[nn.Parameter], recipe: Recipe, *, learning_rate: float
) -> torch.optim.Optimizer:
    """The recipe's optimizer.

    Raises
    ------
    KeyError
        If the recipe names an optimizer that is not known.
    """
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "sgd": lambda params, **kw: torch.optim.SGD(params, momentum=0.9, **kw),
    }
    return makers[recipe.optimizer](parameters, lr=learning_rate, weight_decay=recipe.weight_decay)


def learning_rate_at(recipe: Recipe, *, start: float, epoch: int, epochs: int, scores: Sequence[float] = ()) -> float:
    """Learning rate of an epoch: a pure function, so that a resumed run needs no schedule's state.

    Parameters
    ----------
    recipe : Recipe
        ``schedule`` is ``cosine``, ``poly`` (power 0.9), ``plateau`` (half after five validations without a better
        score) or ``constant``; over the first ``warm_up`` epochs, at most a
        tenth of all, the rate rises to where it starts.
    start : float
        Learning rate after the warm-up.
    epoch, epochs : int
        This epoch, from 0, and how many there are.
    scores : sequence of float
        Of the validations so far, in order.

    Raises
    ------
    KeyError
        If the schedule is not known.
    """
    # a run shorter than the paper's does not spend half of it on the way up
    warm_up = min(recipe.warm_up, epochs // 10)
    if epoch < warm_up:
        return start * (epoch + 1) / warm_up
    done = (epoch - warm_up) / max(epochs - warm_up, 1)
    # a run that starts lower also ends lower
    end = min(recipe.final_learning_rate, start)
    rates = {
        "cosine": end + (start - end) * (1 + math.cos(math.pi * done)) / 2,
        "poly": end + (start - end) * (1 - done) ** 0.9,
        "plateau": max(end, start * PLATEAU_FACTOR ** plateaus(scores)),
        "constant": start,
    }
    return rates[recipe.schedule]


def plateaus(scores: Sequence[float]) -> int:
    """How often a better score was waited for in vain, as PyTorch's ReduceLROnPlateau counts."""
    best, bad, count = -math.inf, 0, 0
    for score in scores:
        if score > best:
            best, bad = score, 0
        else:
            bad += 1
        if bad > PLATEAU_PATIENCE:
            bad, count = 0, count + 1
    return count


def stale(scores: Sequence[float]) -> int:
    """Validations since the best one."""
    return 0 if not scores else len(scores) - 1 - max(range(len(scores)), key=lambda i: (scores[i], -i))

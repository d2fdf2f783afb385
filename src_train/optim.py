"""Optimizers and schedules that recipes name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from napari_medseg.networks import Recipe


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


def learning_rate_at(recipe: Recipe, *, start: float, epoch: int, epochs: int) -> float:
    """Learning rate of an epoch: a pure function, so that a resumed run needs no schedule's state.

    Parameters
    ----------
    recipe : Recipe
        ``schedule`` is ``cosine``, ``poly`` (power 0.9) or ``constant``.
    start : float
        Learning rate of the first epoch.
    epoch, epochs : int
        This epoch, from 0, and how many there are.

    Raises
    ------
    KeyError
        If the schedule is not known.
    """
    done = epoch / max(epochs, 1)
    # a run that starts lower also ends lower
    end = min(recipe.final_learning_rate, start)
    rates = {
        "cosine": end + (start - end) * (1 + math.cos(math.pi * done)) / 2,
        "poly": end + (start - end) * (1 - done) ** 0.9,
        "constant": start,
    }
    return rates[recipe.schedule]

"""Optimizers and schedules that recipes name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from napari_medseg.networks import Recipe

# the last is PyTorch's own: what is better by a smaller share is not better
PLATEAU_FACTOR, PLATEAU_PATIENCE, PLATEAU_THRESHOLD = 0.5, 5, 1e-4
# of a cycle: the share of it on the way up, and what is left of the rate at its end
RISE, REST = 0.15, 0.002


def build_optimizer(
    network: nn.Module, recipe: Recipe, *, learning_rate: float, encoder: Sequence[str] = (), encoder_rate: float = 1.0
) -> torch.optim.Optimizer:
    """The recipe's optimizer over what is trained, the encoder in a group of its own.

    Parameters
    ----------
    encoder : sequence of str
        Beginnings of names of its parameters.
    encoder_rate : float
        Learning rate of these as a share of the others', kept as ``share`` in the groups.

    Raises
    ------
    KeyError
        If the recipe names an optimizer that is not known.
    """
    makers: dict[str, Callable[..., torch.optim.Optimizer]] = {
        # one call for all parameters: of small networks, a step takes a fifth
        "adam": lambda params, **kw: torch.optim.Adam(params, fused=True, **kw),
        "adamw": lambda params, **kw: torch.optim.AdamW(params, fused=True, **kw),
        "sgd": lambda params, **kw: torch.optim.SGD(params, momentum=0.9, **kw),
    }
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    apart = tuple(encoder) if encoder_rate != 1 else ()
    groups: list[dict[str, Any]] = [
        {"params": [p for name, p in named if not name.startswith(apart)], "share": 1.0},
        {"params": [p for name, p in named if name.startswith(apart)], "share": encoder_rate},
    ]
    return makers[recipe.optimizer](
        [group for group in groups if group["params"]], lr=learning_rate, weight_decay=recipe.weight_decay
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group its share of a learning rate."""
    for group in optimizer.param_groups:
        # a checkpoint of an earlier version knows of no shares
        group["lr"] = rate * group.get("share", 1.0)


def learning_rate_at(recipe: Recipe, *, start: float, epoch: float, epochs: int, scores: Sequence[float] = ()) -> float:
    """Learning rate of an epoch: a pure function, so that a resumed run needs no schedule's state.

    Parameters
    ----------
    recipe : Recipe
        ``schedule`` is ``cosine``, ``poly`` (power 0.9), ``plateau`` (half after five validations without a better
        score), ``onecycle`` (up over the first 15 %, then down along a cosine to 0.2 %) or ``constant``; over the first
        ``warm_up`` epochs, at most a tenth of all, the rate rises to where it starts.
    start : float
        Learning rate after the warm-up.
    epoch : float
        Epochs done, from 0; between two of them in a cycle.
    epochs : int
        How many there are.
    scores : sequence of float
        Of the validations so far, in order.

    Raises
    ------
    KeyError
        If the schedule is not known.
    """
    if recipe.schedule == "onecycle":
        done = min(epoch / max(epochs, 1), 1.0)
        falling = (1 + math.cos(math.pi * (done - RISE) / (1 - RISE))) / 2
        return start * (max(done / RISE, 0.02) if done < RISE else max(falling, REST))
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
        if math.isinf(best) or score > best + PLATEAU_THRESHOLD * abs(best):
            best, bad = score, 0
        else:
            bad += 1
        if bad > PLATEAU_PATIENCE:
            bad, count = 0, count + 1
    return count


def stale(scores: Sequence[float]) -> int:
    """Validations since the best one."""
    return 0 if not scores else len(scores) - 1 - max(range(len(scores)), key=lambda i: (scores[i], -i))

"""Which references learn from which boxes."""

from __future__ import annotations

import torch
from torch import Tensor

NONE, BETWEEN = -1, -2


def match(overlap: Tensor, *, low: float, high: float, keep_best: bool = False) -> Tensor:
    """For each reference the box it belongs to.

    Parameters
    ----------
    overlap : Tensor
        (boxes, references), overlap over union.
    low, high : float
        Below ``low`` a reference is background, from ``high`` it belongs to its best box, between it is left out.
    keep_best : bool
        Each box also keeps the references that fit it best.

    Returns
    -------
    Tensor
        (references,), int64: index of a box, ``NONE`` (background) or ``BETWEEN`` (left out).
    """
    if not len(overlap):
        return torch.full((overlap.shape[1],), NONE, dtype=torch.long, device=overlap.device)
    value, box = overlap.max(dim=0)
    found = torch.where(value < low, NONE, torch.where(value < high, BETWEEN, box))
    if keep_best:
        best = (overlap == overlap.amax(dim=1, keepdim=True)) & (overlap > 0)
        rescued = best.any(dim=0)
        found = torch.where(rescued, box, found)
    return found


def sample(matched: Tensor, *, size: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw references that belong to a box, at most a share of ``size``, and fill up with background.

    Returns
    -------
    positive, negative : Tensor
        Indices, int64, in random order.
    """
    positive = torch.nonzero(matched >= 0).flatten()
    negative = torch.nonzero(matched == NONE).flatten()
    positive = positive[torch.randperm(len(positive), device=positive.device)[: int(size * share)]]
    negative = negative[torch.randperm(len(negative), device=negative.device)[: size - len(positive)]]
    return positive, negative

"""Parts of a batch side by side, each on its share of the processor's cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

from napari_medseg.networks import Recipe

LANES = 2

Item = TypeVar("Item")
Result = TypeVar("Result")


def goes_apart(network: nn.Module, recipe: Recipe) -> bool:
    """Whether images of a batch can go through a network in training each for itself, in any order.

    Where something is drawn in between, the order decides who gets which numbers. That norms keep their statistics is
    another matter.
    """
    drawing = any(isinstance(module, nn.modules.dropout._DropoutNd) and module.p for module in network.modules())
    return not drawing and recipe.boxes is None


class Lanes:
    """Works on several things at once, in threads of their own.

    Torch's own threads share the work of each operation and wait for one another after it, by spinning. Where maps are
    small, or another program needs a core now and then, that costs more than it brings: on busy cores a step took four
    times as long. Lanes wait for one another once a step.

    Parameters
    ----------
    count : int
        At most so many; never more than there are cores.
    """

    def __init__(self, count: int = LANES) -> None:
        self._threads = torch.get_num_threads()
        count = min(count, self._threads)
        self._pool = None
        if count > 1:
            share = self._threads // count
            # torch keeps this number for each thread; what this one does in between is too little to share
            self._pool = ThreadPoolExecutor(count, "lane", torch.set_num_threads, (share,))
            torch.set_num_threads(share)

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The results in the order of the items, which does not hang on how many lanes there are."""
        return list(map(work, items) if self._pool is None else self._pool.map(work, items))

    def close(self) -> None:
        """Wait for what has begun; nothing else is begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self._threads)


def add_gradients(parameters: Sequence[nn.Parameter], parts: Sequence[Sequence[Tensor | None]]) -> None:
    """Give parameters the sum of the gradients of parts, added in the order of the parts.

    A gradient lies in memory as its parameter does: a fused optimizer walks through both side by side, without a look
    at their strides.
    """
    for number, parameter in enumerate(parameters):
        found = [part[number] for part in parts]
        known = [gradient for gradient in found if gradient is not None]
        total = known[0] if known else None
        for gradient in known[1:]:
            total = gradient if total is None else total + gradient
        if total is not None and total.stride() != parameter.stride():
            total = torch.empty_like(parameter).copy_(total)
        parameter.grad = total

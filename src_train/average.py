"""A moving average of the weights, which changes less from step to step than the weights themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average; at first it follows faster, so that it does not remember the random start.

    Parameters
    ----------
    decay : float
        In (0, 1).

    Attributes
    ----------
    state : dict of str to Tensor
        As the network's; empty before the first step. Counters are those of the network.
    steps : int
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.state: dict[str, Tensor] = {}

    def resume(self, state: dict[str, Tensor], steps: int) -> None:
        """Go on from a checkpoint."""
        self.state, self.steps = {name: tensor.clone() for name, tensor in state.items()}, steps

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        now = network.state_dict()
        if not self.state:
            self.state = {name: tensor.detach().clone() for name, tensor in now.items()}
            return
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, tensor in now.items():
            kept = self.state[name].to(tensor.device)
            self.state[name] = kept.lerp_(tensor, share) if tensor.is_floating_point() else tensor.clone()

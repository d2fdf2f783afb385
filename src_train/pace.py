"""How far a run is, and how long it may go on: epochs, minutes, and the learning rate that follows either."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from math import prod
from typing import Any

from napari_medseg.project.run_spec import RunSpec
from src_train.checkpoint import Checkpoint


class Pace:
    """The plan of a run's epochs against its budget.

    Parameters
    ----------
    spec : RunSpec
    state : Checkpoint
        Of the run; what is planned is noted in it.
    agree : callable
        What the main process says, in all of them: clocks differ.
    """

    def __init__(self, spec: RunSpec, state: Checkpoint, agree: Callable[[Any], Any]) -> None:
        self._schedule, self._budget, self._state, self._agree = spec.schedule, spec.budget, state, agree
        self.begin()

    def begin(self) -> None:
        """Start the clock of this sitting."""
        self.started, self._resumed, self._before = time.monotonic(), self._state.epoch, self._state.seconds

    @property
    def seconds(self) -> float:
        """Computed so far, over all sittings."""
        return self._before + time.monotonic() - self.started

    @property
    def planned(self) -> int:
        """Epochs in all."""
        return self._schedule.epochs if self._state.planned is None else self._state.planned

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return bool(self._agree(self.budget_left() <= 0))

    def budget_left(self) -> float:
        """Seconds: of this sitting, by the clock of all of them."""
        minutes = self._budget.time_budget_minutes
        spent = self.seconds if self._budget.clock else time.monotonic() - self.started
        return math.inf if minutes is None else minutes * 60 - spent

    def fitting(self, done: int) -> int:
        """So many of the epochs fit into the budget, if the others take as long as those of this sitting."""
        left = self.budget_left()
        if math.isinf(left):
            return self._schedule.epochs
        each = (time.monotonic() - self.started) / (done - self._resumed)
        return min(self._schedule.epochs, done + int(self._agree(max(0.0, left) // max(each, 1e-6))))

    def place(self, epoch: int, share: float, *, within: bool) -> float:
        """Where the learning rate is, in epochs, after a share of an epoch; ``within`` one it goes on, or by the clock.

        Parameters
        ----------
        epoch : int
            Epochs done.
        share : float
            Of the next one, in [0, 1].
        """
        if self._budget.clock:
            assert self._budget.time_budget_minutes is not None
            spent = self.seconds / (60 * self._budget.time_budget_minutes)
            return float(self._agree(min(1.0, spent)) * self.planned)
        return epoch + share if within else float(epoch)

    def seconds_left(self, epoch_seconds: float, sides: tuple[int, ...], done: int) -> float:
        """Later stages cost in proportion to their pixels."""
        left, first = 0.0, 0
        for stage in self._schedule.stages:
            todo = max(0, min(first + stage.epochs, self.planned) - max(done, first))
            left += todo * epoch_seconds * prod(stage.sides) / prod(sides)
            first += stage.epochs
        return left

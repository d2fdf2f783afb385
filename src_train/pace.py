"""How far a run is, and how long it may go on: epochs, minutes, and the learning rate that follows either."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from napari_medseg.networks import get_spec
from napari_medseg.project.run_spec import RunSpec, Stage
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
        self._recipe = get_spec(spec.network).recipe
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
        """Epochs in all; by the clock no more than these."""
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
        # what was seen so far, by all sittings and by this one: later epochs may see more, or less
        seen, own = (sum(self.stage(e).pixels for e in range(first, done)) for first in (0, self._resumed))
        fitting = seen + max(0.0, left) * own / max(time.monotonic() - self.started, 1e-6)
        return min(self._schedule.epochs, max(done, int(self._agree(fitting // self._schedule.pixels))))

    def stage(self, epoch: int) -> Stage:
        """That of an epoch, from 0, of those that are planned."""
        return self._schedule.stage_of(epoch, self.planned)

    def expected(self, done: int) -> int:
        """Epochs in all, to be told after so many: by the clock, if the others take as long."""
        return self.planned if not self._budget.clock else max(1, done, round(done / max(self.done(done), 1e-9)))

    def done(self, epoch: float) -> float:
        """Share of the run that is done, in [0, 1], after so many epochs; by the clock that of the minutes, if more."""
        share, minutes = epoch / max(self.planned, 1), self._budget.time_budget_minutes
        if self._budget.clock and minutes:
            share = max(share, self.seconds / (60 * minutes))
        return min(1.0, share)

    def place(self, epoch: int, share: float, *, within: bool) -> tuple[float, int]:
        """Where the learning rate is, in epochs, after a share of an epoch; ``within`` one it goes on, or by the clock.

        By the clock the minutes stand for the recipe's epochs, so that its warm-up has the share that it has there.

        Parameters
        ----------
        epoch : int
            Epochs done.
        share : float
            Of the next one, in [0, 1].

        Returns
        -------
        place : float
            As far as ``epochs`` where nothing is left.
        epochs : int
        """
        if self._budget.clock:
            return float(self._agree(self.done(epoch + share))) * self._recipe.epochs, self._recipe.epochs
        return epoch + share if within else float(epoch), self.planned

    def seconds_left(self, epoch_seconds: float, done: int) -> float:
        """Later epochs cost in proportion to their pixels, after the last of those that are done."""
        if self._budget.clock:
            return max(0.0, min(self.budget_left(), epoch_seconds * (self.planned - done)))
        each = epoch_seconds / self.stage(done - 1).pixels
        return each * sum(self.stage(epoch).pixels for epoch in range(done, self.planned))

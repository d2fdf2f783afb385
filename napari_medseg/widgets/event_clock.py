"""When a press was made: events carry a time of their own, on a clock that starts anywhere."""

from __future__ import annotations

import math

# event times are 32 bits of milliseconds on some systems
ROUND = 2**32
# a time that is further off is of another clock
OTHER_MS = 60_000
# the quickest event of so long, s, says how the clocks lie; clocks drift, and some of them sleep
SPAN = 60.0
# and so many such spans without an event are one
IDLE = 10


class EventClock:
    """Tells event times in seconds of this program's clock.

    No event comes before it was made, and the quickest come at once: the least way of late is taken for none.
    """

    def __init__(self) -> None:
        self._zero: float | None = None
        self._span = 0
        # ways of this span and of the last one, ms
        self._least = self._before = math.inf

    def made(self, stamp: int, now: float) -> float | None:
        """When an event was made.

        Parameters
        ----------
        stamp : int
            Its own time, ms; 0: it has none.
        now : float
            When it came, s.

        Returns
        -------
        float or None
            On the clock of ``now``, s; None where that cannot be told.
        """
        if stamp <= 0:
            return None
        if self._zero is None:
            self._zero = now * 1000 - stamp
        way = (now * 1000 - stamp - self._zero + ROUND / 2) % ROUND - ROUND / 2
        if abs(way) > OTHER_MS:
            self._zero, self._least, self._before, way = now * 1000 - stamp, math.inf, math.inf, 0.0
        span = int(now // SPAN)
        if span != self._span:
            self._before = self._least if span - self._span <= IDLE else math.inf
            self._span, self._least = span, math.inf
        self._least = min(self._least, way)
        return now - (way - min(self._least, self._before)) / 1000

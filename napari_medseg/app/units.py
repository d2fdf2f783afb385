"""In which unit a person is told a size: what is small in small ones. Files stay in mm, whatever is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit, and how many of it are one mm, mm² or mm³."""

    name: str
    per_mm: float


# each with the size from which on it is used, in mm, mm² or mm³; the last one also for what is 0
_LENGTHS = ((0.1, Unit("mm", 1.0)), (0.0, Unit("µm", 1e3)))
_AREAS = ((0.1, Unit("mm²", 1.0)), (0.0, Unit("µm²", 1e6)))
_VOLUMES = ((1.0, Unit("ml", 1e-3)), (0.001, Unit("mm³", 1.0)), (0.0, Unit("µm³", 1e9)))
_BY_AXES = {1: _LENGTHS, 2: _AREAS, 3: _VOLUMES}


def unit_for(sizes: Iterable[float], axes: int) -> Unit:
    """The unit in which several sizes are told beside each other: that of the middle one.

    Parameters
    ----------
    sizes : iterable of float
        In mm, mm² or mm³; of none, the largest unit is taken.
    axes : {1, 2, 3}
        Lengths, areas or volumes.
    """
    known = [abs(size) for size in sizes]
    table = _BY_AXES[axes]
    middle = median(known) if known else table[0][0]
    return next(unit for least, unit in table if middle >= least)

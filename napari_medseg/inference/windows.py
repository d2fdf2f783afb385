"""How a volume is cut into windows; by numbers alone, as a plan is made before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence

# of windows that are neighbours
OVERLAP = 0.5


def resampled_size(
    shape: Sequence[int], spacing: Sequence[float] | None, wanted: Sequence[float] | None
) -> tuple[int, ...]:
    """(Z, Y, X) of a volume once its voxels have the wanted size; unchanged where either is unknown."""
    if not spacing or not wanted:
        return tuple(int(n) for n in shape)
    return tuple(max(1, round(n * have / want)) for n, have, want in zip(shape, spacing, wanted, strict=True))


def count_windows(shape: Sequence[int], window: Sequence[int]) -> int:
    """Windows in which :func:`napari_medseg.inference.volume.slide` looks at a volume."""
    total = 1
    for n, side in zip(shape, window, strict=True):
        step = max(1, int(side * (1 - OVERLAP)))
        total *= 1 + max(0, -(-(n - side) // step))
    return total

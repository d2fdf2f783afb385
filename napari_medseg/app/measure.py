"""How much of an image each label covers: ml, mm², µm², or pixels where nobody knows their size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_medseg.app.units import unit_for
from napari_medseg.io import Grid
from napari_medseg.words import tr


def count_labels(labels: np.ndarray) -> dict[int, int]:
    """Number of pixels or voxels of each label but 0; slice by slice, so that memory stays small. Off the GUI thread.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), whole numbers; those below 0 are none.
    """
    counted: dict[int, int] = {}
    for part in labels.reshape(-1, *labels.shape[-2:]):
        for label, count in zip(*np.unique(part[part > 0], return_counts=True), strict=True):
            counted[int(label)] = counted.get(int(label), 0) + int(count)
    return dict(sorted(counted.items()))


def pixel_mm(grid: Grid) -> float | None:
    """Size of one pixel, mm², or of one voxel, mm³; None where it is not known."""
    if grid.spacing_mm is None or grid.printed:
        return None
    if grid.affine is not None:
        # oblique axes too
        return abs(float(np.linalg.det(grid.affine[:3, :3])))
    return float(np.prod(grid.spacing_mm))


def size_text(count: int, grid: Grid) -> str:
    """A number of pixels or voxels as a size."""
    volume = len(grid.shape) == 3
    size = pixel_mm(grid)
    if size is None:
        return f"{count} {'voxels' if volume else 'px'}"
    unit = unit_for([count * size], 3 if volume else 2)
    return tr("{number} {unit}", number=_number(count * size * unit.per_mm), unit=unit.name)


def measured_text(counts: Mapping[int, int], grid: Grid, names: Mapping[int, str]) -> str:
    """What each label measures, in one line; empty where nothing is drawn."""
    if not counts:
        return ""
    text = ", ".join(f"{names.get(label) or f'label {label}'} {size_text(n, grid)}" for label, n in counts.items())
    if pixel_mm(grid) is None:
        known = (
            tr("The size of a voxel is not known.") if len(grid.shape) == 3 else tr("The size of a pixel is not known.")
        )
        return f"{tr('Measured: {sizes}.', sizes=text)} {known}"
    return tr("Measured: {sizes}.", sizes=text)


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 0.001 else f"{value:.{2 if value >= 1 else 3}f}"

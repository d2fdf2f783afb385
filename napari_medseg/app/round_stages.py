"""What the epochs of a round see of each image: most of them less, so that a round is short."""

from __future__ import annotations

import numpy as np

from napari_medseg.networks import get_spec
from napari_medseg.project.run_spec import Stage
from napari_medseg.weights import WeightsEntry

# share of the epochs at half the sides, which are no less than this, px, and how large a thing is that may be shrunk:
# decision 77
HALVED, LEAST_HALF, SMALL = 0.6, 128, 32


def stages_of(entry: WeightsEntry, epochs: int, extent: float = 1.0) -> tuple[Stage, ...]:
    """Of images, most epochs at half the sides, which costs a quarter, and the others at the whole.

    What would be too small to be told on a shrunk image is seen on parts of the image instead.

    Parameters
    ----------
    entry : WeightsEntry
        Of what is trained on.
    epochs : int
    extent : float
        How large what is marked is, as a share of the sides: see :func:`extent`.
    """
    takes = get_spec(entry.network).input
    # as images go through the network when they are proposed
    sides = tuple(takes.whole(side) for side in entry.input_size)
    if len(sides) == 3:
        return (Stage(size=sides, epochs=epochs),)
    size = max(sides)
    half, first = size // 2 // takes.multiple * takes.multiple, int(HALVED * epochs)
    if half < LEAST_HALF or not first:
        return (Stage(size=size, epochs=epochs),)
    whole = Stage(size=size, epochs=epochs - first)
    small = extent * size < SMALL
    return (Stage(size=size, epochs=first, view=half) if small else Stage(size=half, epochs=first), whole)


def extent(labels: np.ndarray) -> float:
    """How large the middle one of the things on a mask (Y, X) or (Z, Y, X) is, as a share of the sides, in (0, 1]."""
    from scipy.ndimage import label

    sizes = np.bincount(label(labels > 0)[0].ravel())[1:]
    return float((np.median(sizes) / labels.size) ** (1 / labels.ndim))

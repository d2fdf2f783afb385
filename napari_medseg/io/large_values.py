"""What the values of an image are worth that is read in parts: by what can be looked at in a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from math import prod

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.large import Large, Part
from napari_medseg.io.values import check_values

# a level of so many pixels is looked at whole; of a larger one, so many parts along each axis, of such sides, px
_WHOLE, _PARTS, _SIDE = 16_000_000, 4, 256


def check_large(large: Large) -> tuple[str, ...]:
    """What a person should know of the values of an image, as :func:`napari_medseg.io.values.check_values` says it.

    Its smallest level is looked at; where that is large, some parts of it, spread all over, and nothing is refused.
    A piece that is damaged is told by whoever reads it for more than a look.

    Raises
    ------
    ImageReadError
        If no pixel of the smallest level is a number.
    """
    number = len(large.levels) - 1
    shape = large.levels[number].shape
    whole = prod(shape) <= _WHOLE
    of = "" if whole and not number else "in its smallest level" if whole else "in the parts that were looked at"
    try:
        parts = [large.read(box, number) for box in ([(*(0 for _ in shape), *shape)] if whole else _spread(shape))]
    except ImageReadError:
        return ()
    if whole:
        return check_values(parts[0], large.path, volume=large.volume, of=of)
    data = np.concatenate([part.reshape(-1, 1, *part.shape[len(shape) :]) for part in parts])
    with suppress(ImageReadError):
        return check_values(data, large.path, volume=large.volume, of=of)
    return (f"{of}, nothing is a number: they are NaN or infinite, and to a network they are black.",)


def _spread(shape: tuple[int, ...]) -> Iterator[Part]:
    """Boxes of a level, from one end to the other."""
    steps = [np.unique(np.linspace(0, max(0, n - _SIDE), _PARTS).astype(int)).tolist() for n in shape]
    for at in np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, len(shape)).tolist():
        ends = (min(low + (1 if len(shape) == 3 and axis == 0 else _SIDE), shape[axis]) for axis, low in enumerate(at))
        yield (*at, *ends)

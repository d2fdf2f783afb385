"""What the values of an image are worth: nothing where none is a number, little where all are one, or all are dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError

# of eight bits 255 is white: what goes no higher than this is black, to the eye and to a network
DARK = 8
# so many values are looked at at once
_AT_ONCE = 1 << 18


def check_values(data: np.ndarray, path: Path, *, volume: bool, of: str = "") -> tuple[str, ...]:
    """Look through the values of an image.

    Parameters
    ----------
    data : np.ndarray
        (Y, X) or (Y, X, C), or of a ``volume`` (Z, Y, X); real.
    path : Path
        For messages.
    volume : bool
    of : str
        Which part of the image this is, such as ``in its smallest level``; nothing: all of it.

    Returns
    -------
    tuple of str
        What a person should know, as :attr:`napari_medseg.io.image.Image.told`: how many pixels are no numbers; that
        all have one value, or are so dark that they look black.

    Raises
    ------
    ImageReadError
        If no pixel is a number.
    """
    what, of = "voxels" if volume else "pixels", f"{of}, " if of else ""
    colours = data.ndim == 3 and not volume
    count = data.shape[0] * data.shape[1] if colours else data.size
    told: tuple[str, ...] = ()
    if data.dtype.kind == "f" and (bad := sum(_not_numbers(part, colours) for part in _pieces(data))):
        if bad == count:
            raise ImageReadError(
                f"{path} holds no numbers: {of}all its {count} {what} are NaN or infinite; expected an image. Export "
                "it again."
            )
        told = (
            f"{of}{bad} of its {count} {what} are NaN or infinite: to a network they are black, and what is measured "
            "of greys leaves them out.",
        )
    if (value := _one_colour(data) if colours else _one_value(data)) is not None:
        return (*told, f"{of}all its {what} are {value}: there is nothing on it, and no mask of it means anything.")
    if data.dtype == np.uint8 and (high := int(data.max())) < DARK:
        told += (
            f"{of}its values are 0 to {high}, and 255 is white: it is black, to a network too. A mask is no image; of "
            "an image, stretch its greys and export it again.",
        )
    return told


def _pieces(data: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, _AT_ONCE * len(data) // data.size)
    return (data[at : at + rows] for at in range(0, len(data), rows))


def _not_numbers(part: np.ndarray, colours: bool) -> int:
    finite = np.isfinite(part)
    return int((~(finite.all(axis=-1) if colours else finite)).sum())


def _one_colour(data: np.ndarray) -> str | None:
    """The colour that all pixels have; None where they differ, as most do within the first piece."""
    first = data[0, 0]
    if any((part != first).any() for part in _pieces(data)):
        return None
    values = [f"{value:g}" for value in first[:3].tolist()]
    return values[0] if len(set(values)) == 1 else f"({', '.join(values)})"


def _one_value(data: np.ndarray) -> str | None:
    """The value of all that are numbers; None where they differ."""
    found = None
    for part in _pieces(data):
        finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        if finite.size:
            found = finite.flat[0] if found is None else found
            if (finite != found).any():
                return None
    return None if found is None else f"{float(found):g}"

"""Writing masks, maps and images: what holds for every format of the table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.colours import palette_of
from napari_medseg.io.format import Format
from napari_medseg.io.image import SIZES, Grid, usable_sizes
from napari_medseg.io.mask import NUMBERS, ONE_IS_WHITE, VALUES, WHITE
from napari_medseg.io.sidecar import with_facts
from napari_medseg.io.table import What, format_of, formats_for, suffixes


def write_mask(
    path: str | Path,
    labels: np.ndarray,
    *,
    spacing: tuple[float, ...] | None = None,
    unit: str = "px",
    grid: Grid | None = None,
    provenance: Mapping[str, Any] | None = None,
    numbers: bool = False,
    source: Path | None = None,
    parts: np.ndarray | None = None,
) -> Path:
    """Write labels, whole or not at all. Read back, they are the same in all formats.

    What the format does not hold goes into a file beside it, see ``io/sidecar.py``.

    Parameters
    ----------
    path : str or Path
        Ends in a suffix of a format that takes such masks; an existing file is replaced.
    labels : np.ndarray
        (Y, X) or (Z, Y, X), bool or integer, 0 to 65535.
    spacing : tuple of float, optional
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``; used where there is no grid.
    unit : {'mm', 'um', 'px'}
    grid : Grid, optional
        Of the image that was segmented.
    provenance : mapping, optional
        Where the mask comes from; stored as JSON. Its ``colours``, ``#rrggbb`` by label, are those that viewers show
        where the format has colours; labels without one get their usual one.
    numbers : bool
        Also where viewers expect 0 and 255 a 1 is written as 1: for masks of several classes, of which this one may
        hold the first only.
    source : Path, optional
        The image that was segmented, for formats whose masks refer to it.
    parts : np.ndarray, optional
        The number of the object that each pixel is part of, for formats of objects; each has one label. Default:
        connected pieces.

    Raises
    ------
    InputError
        If the suffix is not known, or the size is none of a pixel.
    ShapeError
        If the labels are no integers in range, or of another shape than the grid.
    OutputError
        If the file cannot be written.
    """
    path, labels = Path(path), np.asarray(labels)
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "bui" or labels.size == 0:
        raise ShapeError(
            f"labels have shape {labels.shape} and type {labels.dtype}; expected (Y, X) or (Z, Y, X) whole numbers. "
            "Export one mask at a time."
        )
    format = _writer(path, "mask", labels.ndim)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > format.takes.highest:
        raise ShapeError(f"labels go from {low} to {high}; expected 0 to {format.takes.highest}. Renumber the labels.")
    small = labels.astype(np.uint8 if high <= 255 else np.uint16)
    white = format.white and high == 1 and not numbers
    # of more than a byte there is no palette
    coloured = None if white or small.dtype != np.uint8 else format.write_coloured
    if white or coloured is not None or (high in WHITE and not ((small != 0) & (small != high)).any()):
        # else label 255 would be read as white, and the greys of a palette as labels
        provenance = {**(provenance or {}), VALUES: ONE_IS_WHITE if white else NUMBERS}
    grid = _grid_for(path, small.shape, grid, spacing, unit)
    shades = small * np.uint8(255) if white else small
    assert format.write_mask is not None
    with format.libraries(), with_facts(path, format, grid, provenance) as place:
        if coloured is not None:
            coloured(place, small, grid=grid, provenance=provenance, palette=palette_of(provenance))
            return path
        # only some writers know these
        more: dict[str, Any] = {"source": source} if format.takes.source else {}
        more |= {"parts": parts} if format.takes.parts else {}
        format.write_mask(place, shades, grid=grid, provenance=provenance, **more)
    return path


# what is written, of an image and of a volume, for a message
_WORDS = {
    ("mask", 2): "a mask of an image is",
    ("mask", 3): "a mask of a volume is",
    ("map", 2): "a map of an image is",
    ("map", 3): "a map of a volume is",
    ("image", 2): "images are",
    ("image", 3): "volumes are",
}


def _writer(path: Path, what: What, axes: int, *, colour: bool = False) -> Format:
    """The format of a file that is to be written, if it takes that."""
    format, fitting = format_of(path), formats_for(what, axes, colour=colour)
    if format in fitting:
        return format
    known = formats_for(what)
    words, choice = (_WORDS[what, axes], fitting) if format in known else (f"{what}s are", known)
    raise InputError(
        f"{path} has suffix '{path.suffix}'; {words} written as {', '.join(suffixes(choice))}. Choose one of these."
    )


def _grid_for(
    path: Path, shape: tuple[int, ...], grid: Grid | None, spacing: tuple[float, ...] | None, unit: str
) -> Grid:
    """The grid to write on: what every writer is given."""
    grid = Grid(shape, spacing=spacing, unit=unit) if grid is None else grid
    if grid.shape != shape:
        raise ShapeError(
            f"{path} would hold {' x '.join(map(str, shape))} px; expected {' x '.join(map(str, grid.shape))}, those "
            "of its image. Choose the image's own mask."
        )
    if grid.spacing is not None and not usable_sizes(grid.spacing, grid.unit):
        raise InputError(
            f"{path} would get pixels of {' x '.join(map(str, grid.spacing))} {grid.unit}; expected {SIZES}. "
            "Set the size of the image's pixels."
        )
    return grid


def write_image(
    path: str | Path,
    image: np.ndarray,
    *,
    spacing: tuple[float, ...] | None = None,
    unit: str = "px",
    grid: Grid | None = None,
    volume: bool = False,
) -> Path:
    """Write an image or a volume, its values unchanged.

    Parameters
    ----------
    path : str or Path
        Ends in a suffix of a format that such an image comes back from, for example ``.tif``, of a volume ``.nii.gz``.
    image : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4), or (Z, Y, X), any real dtype.
    spacing, unit, grid
        As :func:`write_mask` takes them.
    volume : bool

    Raises
    ------
    InputError
        If the suffix is another.
    OutputError
        If the file cannot be written.
    """
    path, data = Path(path), image.astype(np.uint8) if image.dtype == bool else image
    shape = data.shape if volume else data.shape[:2]
    format = _writer(path, "image", len(shape), colour=data.ndim > len(shape))
    grid = _grid_for(path, shape, grid, spacing, unit)
    assert format.write_image is not None
    with format.libraries():
        format.write_image(path, data, grid=grid)
    return path


def write_probabilities(path: str | Path, probabilities: np.ndarray, *, grid: Grid | None = None) -> Path:
    """Write a map in [0, 1]: float32 where the format holds that, else in its steps.

    Parameters
    ----------
    path : str or Path
    probabilities : np.ndarray
        (Y, X) or (Z, Y, X), float, in [0, 1].
    grid : Grid, optional
        Of the image it belongs to.

    Raises
    ------
    InputError
        If the suffix is not known.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    format = _writer(path, "map", probabilities.ndim)
    grid = _grid_for(path, probabilities.shape, grid, None, "px")
    assert format.write_map is not None
    with format.libraries():
        format.write_map(path, probabilities.astype(np.float32), grid=grid)
    return path

"""Reading images and masks, writing masks: the one place that knows suffixes."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError, InputError, ShapeError
from napari_medseg.io import nifti, png, tiff
from napari_medseg.io.image import SIZES, Grid, Image, usable_sizes
from napari_medseg.io.mask import NUMBERS, ONE_IS_WHITE, VALUES, WHITE, to_labels

_TIFF, _NIFTI = (".tif", ".tiff"), (".nii", ".nii.gz")
READ_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *_TIFF, *_NIFTI)
OME = ".ome"  # what the microscopes' TIFF has before its suffix
WRITE_SUFFIXES = (*_TIFF, ".png", *_NIFTI)


def suffix_of(path: str | Path) -> str:
    """The suffix in lower case; ``.nii.gz`` is one."""
    name = Path(path).name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def stem_of(path: str | Path) -> str:
    """The file's name without its suffix; that of ``a.nii.gz`` and of ``a.ome.tif`` is ``a``."""
    name, suffix = Path(path).name, suffix_of(path)
    stem = name[: len(name) - len(suffix)] or name
    return stem[: -len(OME)] if suffix in _TIFF and stem.lower().endswith(OME) and len(stem) > len(OME) else stem


def is_volume(path: str | Path) -> bool:
    """Whether a file of this name holds a volume, not an image."""
    return suffix_of(path) in _NIFTI


def header_size(path: str | Path) -> tuple[int, int] | None:
    """(Y, X) as the header of an image says, in a moment; None for a volume and where no header can be read."""
    path = Path(path)
    if is_volume(path):
        return None
    return (tiff if suffix_of(path) in _TIFF else png).size(path)


def read_grid(path: str | Path) -> Grid | None:
    """Where the pixels of an image or a volume lie, by its header, in a moment; None where an image says nothing.

    Raises
    ------
    ImageReadError
        If it is a volume whose header cannot be used.
    """
    path = Path(path)
    if is_volume(path):
        return nifti.read_grid(path)
    shape = header_size(path)
    if shape is None:
        return None
    spacing, unit = (tiff if suffix_of(path) in _TIFF else png).pixel_size(path)
    return Grid(shape, spacing=spacing, unit=unit)


def read_image(path: str | Path) -> Image:
    """Read a 2D image, or a volume from NIfTI.

    Parameters
    ----------
    path : str or Path
        One of :data:`READ_SUFFIXES`.

    Raises
    ------
    ImageReadError
        If the file is missing, empty, truncated, no image, of no known kind, or holds several pages.
    """
    return _read(Path(path))


def _read(path: Path, *, mask: bool = False) -> Image:
    suffix = suffix_of(path)
    if suffix not in READ_SUFFIXES:
        raise ImageReadError(
            f"{path} has suffix '{path.suffix}'; expected one of {', '.join(READ_SUFFIXES)}. "
            "Export the image in one of these."
        )
    try:
        facts = path.stat()
        if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
            # a pipe would be waited for without end
            raise ImageReadError(f"{path} is a pipe or a device; expected a file. Copy what it holds into one.")
        with path.open("rb"):
            pass
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ImageReadError(f"{path} cannot be read ({reason}). Check the path.") from error
    if facts.st_size == 0:
        raise ImageReadError(f"{path} is empty (0 bytes); expected an image. Copy or export it again.")
    module = tiff if suffix in _TIFF else nifti if suffix in _NIFTI else png
    image = module.read(path, mask=mask)
    if 0 in image.data.shape:
        raise ImageReadError(f"{path} has shape {image.data.shape}; expected at least one pixel. Export it again.")
    return image


def read_mask(path: str | Path, *, white: bool = True) -> np.ndarray:
    """Read a mask or a label image.

    A picture of two values, 0 and 255 (or 65535), is a mask in black and white: 0 and 1 are returned, save where the
    file says that its numbers are labels. Other values are labels and stay; so do the numbers of a palette. Colour
    pictures whose channels agree are read as one channel.

    Parameters
    ----------
    path : str or Path
    white : bool
        Return a mask in black and white as 0 and 1. With False it is bool, for who looks at more masks than one to know
        what white is: see ``io/labels.py``.

    Returns
    -------
    np.ndarray
        (Y, X) or (Z, Y, X), uint8 or uint16, or bool; 0 is the background.

    Raises
    ------
    ImageReadError
        If the file cannot be read or is no mask: in colour, with fractions, with the greys of a blurred rim, with a
        shape in its opacity, or a photograph.
    """
    path = Path(path)
    return to_labels(_read(path, mask=True), path, white=white)


def write_mask(
    path: str | Path,
    labels: np.ndarray,
    *,
    spacing: tuple[float, ...] | None = None,
    unit: str = "px",
    grid: Grid | None = None,
    provenance: Mapping[str, Any] | None = None,
    numbers: bool = False,
) -> Path:
    """Write labels, whole or not at all.

    TIFF keeps the labels, the pixel size and the provenance. PNG does too, but shows label 1 alone as 0 and 255, as
    viewers expect. NIfTI takes volumes, and an image as one slice. Read back, the labels are the same in all of them.

    Parameters
    ----------
    path : str or Path
        Ends in one of :data:`WRITE_SUFFIXES`, for a volume in ``.nii`` or ``.nii.gz``; an existing file is replaced.
    labels : np.ndarray
        (Y, X) or (Z, Y, X), bool or integer, 0 to 65535.
    spacing : tuple of float, optional
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``; used where there is no grid.
    unit : {'mm', 'um', 'px'}
    grid : Grid, optional
        Of the image that was segmented.
    provenance : mapping, optional
        Where the mask comes from; stored as JSON.
    numbers : bool
        Also in PNG a 1 is written as 1: for masks of several classes, of which this one may hold the first only.

    Raises
    ------
    InputError
        If the suffix is not known, or the size is none of a pixel.
    ShapeError
        If the labels are no 2D integers in range, or of another shape than the grid.
    OutputError
        If the file cannot be written.
    """
    path, labels = Path(path), np.asarray(labels)
    suffix = suffix_of(path)
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "bui" or labels.size == 0:
        raise ShapeError(
            f"labels have shape {labels.shape} and type {labels.dtype}; expected (Y, X) or (Z, Y, X) whole numbers. "
            "Export one mask at a time."
        )
    if labels.ndim == 3 and suffix not in _NIFTI:
        raise InputError(
            f"{path} has suffix '{path.suffix}'; a mask of a volume is written as {', '.join(_NIFTI)}. Choose one of "
            "these."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise ShapeError(f"labels go from {low} to {high}; expected 0 to 65535. Renumber the labels.")
    small = labels.astype(np.uint8 if high <= 255 else np.uint16)
    white = suffix == ".png" and high == 1 and not numbers
    if white or (high in WHITE and not ((small != 0) & (small != high)).any()):
        # else label 255 would be read as white
        provenance = {**(provenance or {}), VALUES: ONE_IS_WHITE if white else NUMBERS}
    grid = _grid_for(path, small.shape, grid, spacing, unit)
    if suffix in _NIFTI:
        nifti.write(path, small, grid=grid, provenance=provenance)
    elif suffix in _TIFF:
        tiff.write(path, small, spacing=grid.flat, unit=grid.unit, provenance=provenance)
    elif suffix == ".png":
        shades = small * np.uint8(255) if white else small
        png.write_labels(path, shades, spacing=grid.flat, unit=grid.unit, provenance=provenance)
    else:
        raise InputError(
            f"{path} has suffix '{path.suffix}'; masks are written as {', '.join(WRITE_SUFFIXES)}. Choose one of these."
        )
    return path


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
    """Write an image as TIFF, or a volume as NIfTI, its values unchanged.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif`` or ``.tiff``, of a volume in ``.nii`` or ``.nii.gz``.
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
    if suffix_of(path) not in (_NIFTI if volume else _TIFF):
        wanted = ".nii.gz" if volume else ".tif"
        raise InputError(f"{path} has suffix '{path.suffix}'; images are written as {wanted}. Choose that.")
    grid = _grid_for(path, data.shape if volume else data.shape[:2], grid, spacing, unit)
    if volume:
        nifti.write(path, data, grid=grid)
    else:
        tiff.write(path, data, spacing=grid.flat, unit=grid.unit)
    return path


def write_probabilities(path: str | Path, probabilities: np.ndarray, *, grid: Grid | None = None) -> Path:
    """Write a map in [0, 1]: float32 in TIFF and NIfTI, 0 to 255 in PNG.

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
    grid = _grid_for(path, probabilities.shape, grid, None, "px")
    if suffix_of(path) in _NIFTI:
        nifti.write(path, probabilities.astype(np.float32), grid=grid)
    elif suffix_of(path) in _TIFF:
        tiff.write(path, probabilities.astype(np.float32), spacing=grid.flat, unit=grid.unit)
    elif suffix_of(path) == ".png":
        shades = np.round(np.clip(probabilities, 0, 1) * 255).astype(np.uint8)
        png.write(path, shades, facts={"spacing": grid.flat, "unit": grid.unit})
    else:
        raise InputError(
            f"{path} has suffix '{path.suffix}'; maps are written as {', '.join(WRITE_SUFFIXES)}. Choose one of these."
        )
    return path

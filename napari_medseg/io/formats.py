"""Reading images and masks, writing masks: the one place that knows suffixes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError, InputError, ShapeError
from napari_medseg.io import png, tiff
from napari_medseg.io.image import Image

READ_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
WRITE_SUFFIXES = (".tif", ".tiff", ".png")
_TIFF = (".tif", ".tiff")


def read_image(path: str | Path) -> Image:
    """Read a 2D image.

    Parameters
    ----------
    path : str or Path
        One of :data:`READ_SUFFIXES`.

    Raises
    ------
    ImageReadError
        If the file is missing, empty, truncated, no image, of no known kind, or holds several pages.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in READ_SUFFIXES:
        raise ImageReadError(
            f"{path} has suffix '{path.suffix}'; expected one of {', '.join(READ_SUFFIXES)}. "
            "Export the image in one of these."
        )
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ImageReadError(f"{path} cannot be read ({reason}). Check the path.") from error
    if size == 0:
        raise ImageReadError(f"{path} is empty (0 bytes); expected an image. Copy or export it again.")
    image = tiff.read(path) if suffix in _TIFF else png.read(path)
    if 0 in image.data.shape:
        raise ImageReadError(f"{path} has shape {image.data.shape}; expected at least one pixel. Export it again.")
    return image


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask or a label image.

    A picture of two values, 0 and 255 (or 0 and 1), is a mask: 0 and 1 are returned. Other values are labels and
    stay. Colour pictures whose channels agree are read as one channel.

    Returns
    -------
    np.ndarray
        (Y, X), uint8 or uint16; 0 is the background.

    Raises
    ------
    ImageReadError
        If the file cannot be read or is no mask.
    """
    data = read_image(path).data
    if data.ndim == 3:
        colours = data[..., :3]
        if (colours != colours[..., :1]).any():
            raise ImageReadError(
                f"{path} is a colour picture of shape {data.shape}; expected a mask with one channel. "
                "Export it as greyscale."
            )
        data = colours[..., 0]
    if data.dtype == bool:
        return data.astype(np.uint8)
    if data.dtype.kind == "f" and (not np.isfinite(data).all() or (data != np.round(data)).any()):
        raise ImageReadError(f"{path} holds fractions or NaN; expected whole numbers as labels. Threshold it first.")
    low, high = int(data.min()), int(data.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise ImageReadError(f"{path} has labels from {low} to {high}; expected 0 to 65535. Renumber the labels.")
    if high == 255 and not ((data != 0) & (data != 255)).any():
        return (data == 255).astype(np.uint8)
    return data.astype(np.uint8 if high <= 255 else np.uint16)


def write_mask(
    path: str | Path,
    labels: np.ndarray,
    *,
    spacing: tuple[float, float] | None = None,
    unit: str = "px",
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write labels, whole or not at all.

    TIFF keeps the labels, the pixel size and the provenance. PNG does too, but shows a mask of one class as 0 and
    255, as viewers expect.

    Parameters
    ----------
    path : str or Path
        Ends in one of :data:`WRITE_SUFFIXES`; an existing file is replaced.
    labels : np.ndarray
        (Y, X), bool or integer, 0 to 65535.
    spacing : tuple of float, optional
        Size of a pixel (y, x) in ``unit``.
    unit : {'mm', 'um', 'px'}
    provenance : mapping, optional
        Where the mask comes from; stored as JSON.

    Raises
    ------
    InputError
        If the suffix is not known.
    ShapeError
        If the labels are no 2D integers in range.
    OutputError
        If the file cannot be written.
    """
    path, labels = Path(path), np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "bui" or labels.size == 0:
        raise ShapeError(
            f"labels have shape {labels.shape} and type {labels.dtype}; expected (Y, X) whole numbers. "
            "Export one 2D mask at a time."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise ShapeError(f"labels go from {low} to {high}; expected 0 to 65535. Renumber the labels.")
    small = labels.astype(np.uint8 if high <= 255 else np.uint16)
    if path.suffix.lower() in _TIFF:
        tiff.write(path, small, spacing=spacing, unit=unit, provenance=provenance)
    elif path.suffix.lower() == ".png":
        png.write_labels(path, small, spacing=spacing, unit=unit, provenance=provenance)
    else:
        raise InputError(
            f"{path} has suffix '{path.suffix}'; masks are written as {', '.join(WRITE_SUFFIXES)}. Choose one of these."
        )
    return path


def write_image(
    path: str | Path, image: np.ndarray, *, spacing: tuple[float, float] | None = None, unit: str = "px"
) -> Path:
    """Write an image as TIFF, its values unchanged.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif`` or ``.tiff``.
    image : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4), any real dtype.

    Raises
    ------
    InputError
        If the suffix is another.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in _TIFF:
        raise InputError(f"{path} has suffix '{path.suffix}'; images are written as .tif. Choose that.")
    tiff.write(path, image.astype(np.uint8) if image.dtype == bool else image, spacing=spacing, unit=unit)
    return path


def write_probabilities(path: str | Path, probabilities: np.ndarray) -> Path:
    """Write a map in [0, 1]: float32 in TIFF, 0 to 255 in PNG.

    Parameters
    ----------
    path : str or Path
    probabilities : np.ndarray
        (Y, X), float, in [0, 1].

    Raises
    ------
    InputError
        If the suffix is not known.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() in _TIFF:
        tiff.write(path, probabilities.astype(np.float32))
    elif path.suffix.lower() == ".png":
        png.write(path, np.round(np.clip(probabilities, 0, 1) * 255).astype(np.uint8))
    else:
        raise InputError(
            f"{path} has suffix '{path.suffix}'; maps are written as {', '.join(WRITE_SUFFIXES)}. Choose one of these."
        )
    return path

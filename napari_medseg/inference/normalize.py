"""From any image array to what the networks take: three channels in [0, 1], then standardised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_medseg.networks import InputSpec

PERCENTILES = (0.5, 99.5)
# sixteen bits: white of a picture in colour; what cameras of 14 bits and fewer reach at most; and how a picture of
# eight bits is written in sixteen, so that its white is white
WHITE_16, CAMERA, EIGHT_IN_16 = 65535, 16383, 257


def to_rgb01(image: np.ndarray, *, window: Sequence[float] | None = None) -> np.ndarray:
    """Scale to [0, 1] and repeat or drop channels to three.

    ``uint8`` is divided by 255, ``uint16`` in colour by 65535 (but see :func:`white_of`); floats that lie inside [0, 1]
    stay as they are. All else is stretched between the 0.5th and 99.5th percentile of its finite values. What is not
    finite becomes 0, and so does a constant image that is stretched.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 1), (Y, X, 3) or (Y, X, 4: the alpha channel is dropped); any real dtype.
    window : (low, high), optional
        Values that become 0 and 1: of a part of an image, those of the whole. Default: as above.

    Returns
    -------
    np.ndarray
        (Y, X, 3), float32, in [0, 1].

    Raises
    ------
    ShapeError
        If the array has another shape or no pixel.
    """
    image = np.asarray(image)
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[-1] in (1, 3, 4))) or image.size == 0:
        raise ShapeError(
            f"image has shape {image.shape}; expected (Y, X), (Y, X, 3) or (Y, X, 4) with at least one pixel. "
            "Choose a single 2D image."
        )
    if image.dtype.kind not in "buif":
        raise ShapeError(f"image has type {image.dtype}; expected real numbers. Convert it first.")
    channels = image[..., None] if image.ndim == 2 else image[..., :3]
    colour = channels.shape[-1] == 3
    ends = ends_of(channels, colour=colour) if window is None else (float(window[0]), float(window[1]))
    scaled = between(channels, ends)
    return np.array(np.broadcast_to(scaled, (*scaled.shape[:2], 3)), dtype=np.float32, order="C")


def white_of(values: np.ndarray, *, colour: bool) -> int | None:
    """The value that is white in a picture, where its type says it; None where it is to be stretched.

    Sixteen bits of grey are a measurement, such as that of a scanner. In colour they are a picture by its full range,
    as PNG and TIFF have it, save where they could be the 12 or 14 bits of a camera in a larger type: where none goes
    beyond these, and not all are an eight-bit picture's.
    """
    if values.dtype == np.uint8:
        return 255
    if values.dtype != np.uint16 or not colour:
        return None
    return WHITE_16 if values.max(initial=0) > CAMERA or not (values % EIGHT_IN_16).any() else None


def ends_of(values: np.ndarray, *, colour: bool = False) -> tuple[float, float] | None:
    """Which values become 0 and 1, by the rule of :func:`to_rgb01`.

    Parameters
    ----------
    values : np.ndarray
        Of any shape and real dtype: all of an image, or enough to stand for it.
    colour : bool
        Of an image in colour.

    Returns
    -------
    (low, high) or None
        None: there is nothing to tell apart.
    """
    white = white_of(values, colour=colour)
    if white is not None:
        return 0.0, float(white)
    if values.dtype.kind == "b":
        return 0.0, 1.0
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 1.0
    ends = tuple(float(value) for value in np.percentile(finite, PERCENTILES))
    if ends[1] > ends[0]:
        return ends[0], ends[1]
    # nearly constant: the few other values still carry the picture
    return (low, high) if high > low else None


def between(values: np.ndarray, ends: tuple[float, float] | None) -> np.ndarray:
    """Values as float32 in [0, 1], by what :func:`ends_of` gives; what is not finite is 0, and all where it gives None.

    Parameters
    ----------
    values : np.ndarray
        Of any shape and real dtype.
    """
    if values.dtype == np.uint8 and ends == (0, 255):
        return np.asarray(values.astype(np.float32) / np.float32(255))
    if ends is None or ends[1] <= ends[0]:
        return np.zeros(values.shape, np.float32)
    low, high = ends
    finite = np.isfinite(values)
    # halved before the difference: the span of two huge doubles can overflow
    scaled = (np.where(finite, values, low).astype(np.float64) / 2 - low / 2) / (high / 2 - low / 2)
    return np.where(finite, np.clip(scaled, 0, 1), 0).astype(np.float32)


def to_tensor(rgb01: np.ndarray, spec: InputSpec) -> Tensor:
    """Standardise and reorder for a network.

    Parameters
    ----------
    rgb01 : np.ndarray
        (Y, X, 3), float32, in [0, 1].
    spec : InputSpec
        Gives ``mean`` and ``std``.

    Returns
    -------
    Tensor
        (1, 3, Y, X), float32.
    """
    import torch

    return standardise(torch.from_numpy(np.ascontiguousarray(rgb01.transpose(2, 0, 1)))[None], spec)


def standardise(tensor: Tensor, spec: InputSpec) -> Tensor:
    """``(x - mean) / std`` of a (..., C, Y, X) tensor in [0, 1], channel by channel where the spec says so."""
    if spec.order == "bgr":
        tensor = tensor.flip(-3)
    mean, std = (tensor.new_tensor(value).reshape(-1, 1, 1) for value in (spec.mean, spec.std))
    return (tensor - mean) / std

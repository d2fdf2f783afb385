"""From any image array to what the networks take: three channels in [0, 1], then standardised."""

from __future__ import annotations

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


def to_rgb01(image: np.ndarray) -> np.ndarray:
    """Scale to [0, 1] and repeat or drop channels to three.

    By its full range: ``uint8`` is divided by 255, ``uint16`` in colour by 65535, see :func:`white_of`; floats that lie
    inside [0, 1] stay as they are. All else is stretched between the 0.5th and 99.5th percentile of its finite values.
    What is not finite becomes 0, and so does a constant image that is stretched.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 1), (Y, X, 3) or (Y, X, 4: the alpha channel is dropped); any real dtype.

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
    scaled = _scale(channels)
    return np.array(np.broadcast_to(scaled, (*scaled.shape[:2], 3)), dtype=np.float32, order="C")


def white_of(data: np.ndarray, *, colour: bool) -> int | None:
    """The value that is white in pixels of a picture, where its type says it; None where it is to be stretched.

    Sixteen bits of grey are a measurement, such as that of a scanner. In colour they are a picture by its full range,
    as PNG and TIFF have it, save where they could be the 12 or 14 bits of a camera in a larger type: where none goes
    beyond these, and not all are an eight-bit picture's.
    """
    if data.dtype == np.uint8:
        return 255
    if data.dtype != np.uint16 or not colour:
        return None
    return WHITE_16 if data.max(initial=0) > CAMERA or not (data % EIGHT_IN_16).any() else None


def _scale(channels: np.ndarray) -> np.ndarray:
    white = white_of(channels, colour=channels.shape[-1] == 3)
    if white is not None:
        return channels.astype(np.float32) / np.float32(white)
    if channels.dtype.kind == "b":
        return channels.astype(np.float32)
    values = channels.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.float32)
    low, high = float(values[finite].min()), float(values[finite].max())
    if channels.dtype.kind != "f" or low < 0 or high > 1:
        low, high = (float(v) for v in np.percentile(values[finite], PERCENTILES))
        if high <= low:  # nearly constant: the few other values still carry the picture
            low, high = float(values[finite].min()), float(values[finite].max())
        if high <= low:
            return np.zeros(values.shape, np.float32)
        # halved before the difference: the span of two huge doubles can overflow
        values = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.where(finite, np.clip(np.where(finite, values, 0), 0, 1), 0).astype(np.float32)


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

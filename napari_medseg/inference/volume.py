"""Volumes through a network: spacing, windows, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_medseg.errors import ShapeError
from napari_medseg.inference.normalize import PERCENTILES
from napari_medseg.inference.windows import OVERLAP, count_windows


def to_grey01(volume: np.ndarray, *, window: Sequence[float] | None = None) -> np.ndarray:
    """Scale a volume to [0, 1].

    Parameters
    ----------
    volume : np.ndarray
        (Z, Y, X), any real dtype; what is not finite becomes 0.
    window : (low, high), optional
        Intensities that become 0 and 1, as for CT; default: the 0.5th and 99.5th percentile.

    Returns
    -------
    np.ndarray
        (Z, Y, X), float32, in [0, 1].

    Raises
    ------
    ShapeError
        If the array has another shape, no voxel or no real numbers.
    """
    volume = np.asarray(volume)
    if volume.ndim != 3 or volume.size == 0 or volume.dtype.kind not in "buif":
        raise ShapeError(
            f"volume has shape {volume.shape} and type {volume.dtype}; expected (Z, Y, X) real numbers with at least "
            "one voxel. Choose a single grey volume."
        )
    values = volume.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.float32)
    low, high = window if window else np.percentile(values[finite], PERCENTILES)
    if high <= low:
        low, high = values[finite].min(), values[finite].max()
    if high <= low:
        return np.zeros(values.shape, np.float32)
    scaled = (np.where(finite, values, low) - np.float32(low)) / np.float32(high - low)
    return np.where(finite, np.clip(scaled, 0, 1), 0).astype(np.float32)


def resize_volume(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """(K, Z, Y, X) float32 at another size; trilinear, borders coincide."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    tensor = torch.from_numpy(np.ascontiguousarray(maps))[None]
    return F.interpolate(tensor, size=tuple(size), mode="trilinear", align_corners=False)[0].numpy()


def slide(
    tensor: Tensor,
    window: Sequence[int],
    forward: Callable[[Tensor], Tensor],
    step: Callable[[float], None],
    *,
    together: int = 1,
) -> Tensor:
    """Probabilities of a volume from overlapping windows, those near a window's middle counting more.

    Parameters
    ----------
    tensor : Tensor
        (1, C, Z, Y, X), float, standardised.
    window : sequence of int
        Sides of a window.
    forward : callable
        (N, C, *window) -> (N, K, *window).
    step : callable
        Told the share of windows done after each few.
    together : int
        Windows that are given at a time, N at most.

    Returns
    -------
    Tensor
        (1, K, Z, Y, X), float.
    """
    from monai.inferers import sliding_window_inference

    total, done = count_windows(tensor.shape[2:], window), 0

    def count(part: Tensor) -> Tensor:
        nonlocal done
        found = forward(part)
        done += len(part)
        step(done / total)
        return found

    return sliding_window_inference(
        tensor, tuple(window), together, count, overlap=OVERLAP, mode="gaussian", padding_mode="replicate"
    )

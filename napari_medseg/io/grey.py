"""Colours to grey: volumes have one channel."""

from __future__ import annotations

import numpy as np

# brightness of red, green and blue
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def grey(data: np.ndarray) -> np.ndarray:
    """The brightness of colours, in their dtype: (N, ..., 3) becomes (N, ...)."""
    if (data[..., 0] == data[..., 1]).all() and (data[..., 0] == data[..., 2]).all():
        return np.ascontiguousarray(data[..., 0])
    out = np.empty(data.shape[:-1], data.dtype)
    for number, frame in enumerate(data):
        shade = frame @ _LUMA
        out[number] = shade if data.dtype.kind == "f" else np.round(shade)
    return out

"""From stored numbers to what a DICOM image shows: values of the modality, black where black is, and colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medseg.io.dicom_file import by_table, coloured
from napari_medseg.io.dicom_tags import GREY, code, count, numbers, rescales, windows
from napari_medseg.io.image import Window


def values(stored: np.ndarray, header: Any) -> tuple[np.ndarray, tuple[Window, ...]]:
    """What unpacked numbers mean.

    Parameters
    ----------
    stored : np.ndarray
        (N, Y, X) or (N, Y, X, 3).
    header : Dataset
        Of the whole file.

    Returns
    -------
    data : np.ndarray
        Grey: values of the modality, such as HU; whole numbers where scale and offset are whole, else float32. Where
        the least is shown white, it is turned. Pixels that the file says are none have the lowest value of the others.
        Colour: (N, Y, X, 3), uint8 or uint16. One bit: bool.
    windows : tuple of Window
        Of a grey image: which values the file wants shown black and white.
    """
    kind = code(header, "PhotometricInterpretation")
    if kind == "PALETTE COLOR":
        return coloured(stored, header), ()
    if stored.ndim == 4:
        return stored[..., :3], ()
    if count(header, "BitsAllocated") == 1:
        return stored.astype(bool) ^ (kind == GREY[0]), ()
    empty = _empty(stored, header)
    shown = windows(header)
    if header.get("ModalityLUTSequence"):
        data = by_table(stored, header)
        data = _small(data) if np.array_equal(data, np.round(data)) else data.astype(np.float32)
        ends = (float(data.min()), float(data.max()))
        data, shown = (_turned(data, sum(ends)), _mirror(shown, sum(ends))) if kind == GREY[0] else (data, shown)
    else:
        data, shown = _scaled(stored, rescales(header), header, turn=kind == GREY[0], shown=shown)
    if empty is not None and not empty.all():
        data[empty] = data[~empty].min()
    return data, shown


def _empty(stored: np.ndarray, header: Any) -> np.ndarray | None:
    """Pixels that are no part of the picture, by the stored numbers that stand for them; None where none are."""
    first = numbers(header.get("PixelPaddingValue"))
    if not first or stored.dtype.kind == "f":
        return None
    last = numbers(header.get("PixelPaddingRangeLimit")) or first
    low, high = sorted((first[0], last[0]))
    found = (stored >= low) & (stored <= high)
    return found if found.any() else None


def _scaled(
    stored: np.ndarray,
    scales: list[tuple[float, float]],
    header: Any,
    *,
    turn: bool,
    shown: tuple[Window, ...],
) -> tuple[np.ndarray, tuple[Window, ...]]:
    """Each frame by its own scale; ``turn``: black for white, between the ends of what can be stored."""
    ends = _ends(stored, header)
    if turn:
        # of a frame: (low + high) - value, by its scale
        sums = [slope * sum(ends) + 2 * intercept for slope, intercept in scales]
        shown = _mirror(shown, sums[0])
        scales = [(-slope, total - intercept) for (slope, intercept), total in zip(scales, sums, strict=True)]
    if all(scale == (1.0, 0.0) for scale in scales):
        return stored.copy() if not stored.flags.writeable else stored, shown
    if stored.dtype.kind in "iu" and all(float(part).is_integer() for scale in scales for part in scale):
        rims = [int(slope) * int(end) + int(offset) for slope, offset in scales for end in (stored.min(), stored.max())]
        for dtype in (stored.dtype, np.dtype(np.int16), np.dtype(np.uint16), np.dtype(np.int32)):
            facts = np.iinfo(dtype)
            if facts.min <= min(rims) and max(rims) <= facts.max:
                out = np.empty(stored.shape, dtype)
                for number, (slope, offset) in enumerate(scales):
                    out[number] = stored[number].astype(np.int64) * int(slope) + int(offset)
                return out, shown
    out = np.empty(stored.shape, np.float32)
    for number, (slope, offset) in enumerate(scales):
        out[number] = stored[number] * np.float64(slope) + offset
    return out, shown


def _ends(stored: np.ndarray, header: Any) -> tuple[float, float]:
    """The least and the largest number that can be stored."""
    bits = count(header, "BitsStored") or 8 * stored.dtype.itemsize
    if stored.dtype.kind == "f":
        return float(stored.min()), float(stored.max())
    return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if stored.dtype.kind == "i" else (0.0, 2.0**bits - 1)


def _turned(data: np.ndarray, total: float) -> np.ndarray:
    return (np.float32(total) - data).astype(np.float32) if data.dtype.kind == "f" else _small(int(total) - data)


def _mirror(shown: tuple[Window, ...], total: float) -> tuple[Window, ...]:
    return tuple((name, total - high, total - low) for name, low, high in shown)


def _small(data: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest of the usual types."""
    low, high = float(data.min()), float(data.max())
    for dtype in (np.uint8, np.int16, np.uint16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return data.astype(dtype)
    return data.astype(np.float32)

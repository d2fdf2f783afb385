"""What a TIFF says of its colours: grey, RGB or numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.errors import ImageReadError
from napari_medseg.io.mask import choose_labels, says_numbers


def told(page: Any) -> object:
    """What this program wrote into a mask's description, or of OME, which is alone there, as the name of the program;
    nothing where another did."""
    for text in (page.description, page.software):
        # RecursionError: brackets in brackets without end
        with suppress(ValueError, RecursionError, KeyError, TypeError):
            return json.loads(text)["medseg"]
    return None


def to_tell(provenance: Mapping[str, Any]) -> str:
    """As :func:`told` reads it: plain ASCII, TIFF's texts know nothing else."""
    return json.dumps({"medseg": dict(provenance)}, sort_keys=True, default=str)


# tifffile says so of every array of booleans, and means its numbers; others mean what they say
BITS_TOLD = (
    "it has one bit a pixel and says that its zero is white, as tifffile writes every array of booleans: its numbers "
    "were taken as tifffile reads them, and other programs may show it inverted."
)


def in_doubt(page: Any) -> tuple[str, ...]:
    """What to tell of an image or a mask whose bits mean the contrary of what their file says."""
    return (BITS_TOLD,) if _numbers_meant(page) else ()


def _numbers_meant(page: Any) -> bool:
    """Whether the ones of a file are white, or labels, though it says that its zero is white: tifffile's own."""
    said = "PhotometricInterpretation" in page.tags and page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    return bool(said and page.bitspersample == 1 and str(page.software).startswith("tifffile"))


def has_opacity(page: Any) -> bool:
    """Whether the last sample of a pixel is its opacity; one that is not said to be anything is a channel."""
    return bool(page.extrasamples) and int(page.extrasamples[-1]) in (1, 2)


def drop_empty(data: np.ndarray, page: Any, path: Path) -> np.ndarray:
    """Of four channels, a last one that is no opacity goes only where it is the same all over."""
    if data.ndim < 3 or data.shape[-1] != 4 or has_opacity(page):
        return data
    if data[..., 3].min() != data[..., 3].max():
        raise ImageReadError(
            f"{path} holds 4 channels, of which the last is not said to be an opacity; expected one (grey) or three "
            "(RGB). Save the channels you need as a file of its own."
        )
    return data[..., :3]


def to_shown(data: np.ndarray, page: Any, path: Path, *, mask: bool, keep: bool) -> tuple[np.ndarray, bool]:
    """Grey or RGB as the page's colour model says: 0 is black, colours of a palette are looked up.

    Parameters
    ----------
    data : np.ndarray
        As stored.
    mask : bool
        The numbers of a palette are labels.
    keep : bool
        Leave an inverted scale as it is.

    Returns
    -------
    data : np.ndarray
    numbered : bool
        Whether these are numbers of a palette.

    Raises
    ------
    ImageReadError
        If the colours are no RGB, or labels cannot be told from their inverse.
    """
    if "PhotometricInterpretation" not in page.tags:
        return data, False
    model = tifffile.PHOTOMETRIC(page.photometric)
    if model == tifffile.PHOTOMETRIC.PALETTE:
        # 16 bits a colour, of which viewers show the upper 8
        palette = (page.colormap // 256).astype(np.uint8)
        if says_numbers(told(page)):
            return data, True
        if mask:
            return choose_labels(data, palette.T, path)
        # of one bit, numbers too
        return np.moveaxis(palette[:, data.astype(np.uint16, copy=False)], 0, -1), False
    if _numbers_meant(page):
        return data, False
    if model == tifffile.PHOTOMETRIC.MINISWHITE and not keep and data.dtype.kind in "bu":
        if mask and not _shown_inverted(data, page, path):
            return data, False
        if data.dtype.kind == "b":
            return ~data, False
        return (2**page.bitspersample - 1 - data).astype(data.dtype), False
    if model == tifffile.PHOTOMETRIC.MINISWHITE and not mask and data.dtype.kind not in "bu":
        raise ImageReadError(
            f"{path} says that its zero is white, and holds {data.dtype}, of which the inverse is not known; expected "
            "black as zero. Export it again so."
        )
    # a JPEG inside is RGB once it is read
    jpeg = page.compression in (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)
    if model.name not in ("MINISWHITE", "MINISBLACK", "RGB", "PALETTE", "MASK") and not (
        model.name == "YCBCR" and jpeg
    ):
        raise ImageReadError(f"{path} has colours in {model.name}; expected grey or RGB. Export it as RGB.")
    return data, False


def _shown_inverted(data: np.ndarray, page: Any, path: Path) -> bool:
    """Whether the labels of a file where zero is white are the inverse of its numbers: the background tells.

    Of one bit it cannot, as both numbers look like one: what a scanner or a painter writes may be meant either way.

    Raises
    ------
    ImageReadError
        If both could be.
    """
    if data.dtype.kind == "b":
        raise ImageReadError(
            f"{path} has one bit a pixel and says that its zero is white, so that either number could be the "
            "background; expected black as zero. Export it again so."
        )
    zero, full = data == 0, data == 2**page.bitspersample - 1
    if full.any() and (not zero.any() or (zero | full).all()):
        return True
    if zero.any() and not full.any() and not zero.all():
        return False
    raise ImageReadError(
        f"{path} says that its zero is white, and holds numbers from {data.min()} to {data.max()}, of which either "
        "end could be the background; expected black as zero. Export it again so."
    )

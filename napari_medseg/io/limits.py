"""What a file claims to hold is weighed against what it is, before anything is allocated for it."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from math import prod
from pathlib import Path

import psutil

from napari_medseg.errors import ImageReadError

# up to so many bytes, a small file may unfold to anything; beyond, to so many times its own size. Pictures of something
# do not shrink two hundredfold, but one of a few cells on black does; and a volume's mask is often all but empty, or
# empty: DEFLATE makes 1032 times of that.
FREE = {"image": 128_000_000, "mask": 200_000_000}
FOLD = {"image": 200, "mask": 1040}
# of a side, px; slides have half of it. To shrink a thread of an image takes memory for each pixel of its length
LONGEST = 200_000
# the array that is read, and one copy of it
COPIES = 2
# so much may follow the voxels of a volume
_TAIL = 16_000_000
_CHUNK = 1 << 20


def check_claim(
    path: Path, shape: Sequence[int], itemsize: int, *, mask: bool = False, stored: int | None = None
) -> None:
    """Refuse a picture that cannot be in a file of this size, or not in this computer's memory.

    Parameters
    ----------
    path : Path
    shape : sequence of int
        Of the array that would be made.
    itemsize : int
        Bytes of one number of it.
    mask : bool
        Masks are allowed more: most of one is empty.
    stored : int, optional
        Bytes of all of it where it is no single file; default: of the file.

    Raises
    ------
    ImageReadError
        If it cannot, or is longer than any image; the message names the sizes.
    """
    kind = "mask" if mask else "image"
    size, stored = prod(int(n) for n in shape) * itemsize, path.stat().st_size if stored is None else stored
    most = max(FREE[kind], FOLD[kind] * stored)
    what = f"{path} says that it holds {' x '.join(map(str, shape))} numbers ({in_words(size)})"
    if size > most:
        raise ImageReadError(
            f"{what} in a file of {in_words(stored)}; expected at most {in_words(most)} from so small a file. "
            "It is damaged, or empty all over: export it again, or in parts."
        )
    if max(shape) > LONGEST:
        raise ImageReadError(f"{what}; expected sides of at most {LONGEST} px. Cut it into parts.")
    free = psutil.virtual_memory().available
    if size * COPIES > free:
        raise ImageReadError(
            f"{what}; expected at most {in_words(free // COPIES)}, as {in_words(free)} of memory are free. "
            "Close other programs, or export the image smaller."
        )


def check_stored(path: Path, needed: int) -> None:
    """Refuse a file that is shorter than what it says to hold without compression.

    Raises
    ------
    ImageReadError
    """
    stored = path.stat().st_size
    if stored < needed:
        raise ImageReadError(
            f"{path} is truncated or damaged: it has {stored} bytes; expected at least {needed}, by its own header. "
            "Copy or export it again."
        )


def check_gzip(path: Path, most: int) -> None:
    """Read a compressed file to its end, where its checksum stands.

    Parameters
    ----------
    path : Path
    most : int
        So many bytes belong to the volume; a little more may follow.

    Raises
    ------
    ImageReadError
        If more comes out.
    EOFError, OSError, zlib.error
        If it is truncated or damaged.
    """
    found = 0
    with gzip.open(path) as stream:
        while chunk := stream.read(_CHUNK):
            found += len(chunk)
            if found > most + _TAIL:
                raise ImageReadError(
                    f"{path} goes on after its voxels, past {in_words(found)}; expected {in_words(most)}. "
                    "It is damaged: export it again."
                )


def in_words(size: int) -> str:
    """A number of bytes for people."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if value >= 100 or units[0] == "bytes" else f"{value:.1f} {units[0]}"

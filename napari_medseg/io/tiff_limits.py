"""What a TIFF claims is checked before tifffile believes it."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import tifffile

from napari_medseg.errors import ImageReadError
from napari_medseg.io.inner import HEAD, PICTURES, picture_size
from napari_medseg.io.limits import check_claim, check_stored

# tags that say what the pixels are: text, pixels a unit, colours; and how many bytes a value of a type has
TOLD = (270, 282, 283, 320)
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
PAGES = 10_000  # slices of a volume; of one image and its reduced copies there are a few


def check_chain(file: tifffile.TiffFile, path: Path) -> None:
    """Refuse pages that follow one another in a circle, or are too many to be looked at: tifffile reads them all.

    Raises
    ------
    ImageReadError
    """
    tiff, stream, seen = file.tiff, file.filehandle, set()
    offset = file.pages.first.offset
    while offset:
        seen.add(offset)
        stream.seek(offset)
        (count,) = struct.unpack(tiff.tagnoformat, stream.read(tiff.tagnosize))
        tags = stream.read(count * tiff.tagsize)
        _check_tags(tiff, tags, stream.size, path)
        after = stream.read(tiff.offsetsize)
        offset = struct.unpack(tiff.offsetformat, after)[0] if len(after) == tiff.offsetsize else 0
        if offset in seen:
            raise ImageReadError(
                f"{path} is damaged: after {len(seen)} page(s) it begins again; expected an end. Export it again."
            )
        if len(seen) > PAGES:
            raise ImageReadError(
                f"{path} holds more than {PAGES} pages; expected at most as many. Save the slices you need as a file "
                "of their own."
            )
        if offset >= stream.size:
            raise ImageReadError(
                f"{path} is truncated or damaged: its page {len(seen) + 1} begins at byte {offset}; expected at most "
                f"{stream.size}, where the file ends. Copy or export it again."
            )


def _check_tags(tiff: Any, tags: bytes, size: int, path: Path) -> None:
    """Refuse a page that says what it holds behind the end of its file: tifffile reads it as if nothing was said."""
    for at in range(0, len(tags) - tiff.tagsize + 1, tiff.tagsize):
        code, kind = struct.unpack(tiff.tagformat1, tags[at : at + 4])
        number, value = struct.unpack(tiff.tagformat2, tags[at + 4 : at + tiff.tagsize])
        each = _BYTES.get(kind, 0)
        if code in TOLD and each * number > tiff.tagoffsetthreshold:
            end = struct.unpack(tiff.offsetformat, value)[0] + each * number
            if end > size:
                raise ImageReadError(
                    f"{path} is truncated: what it says of itself ends at byte {end}; expected at most {size}, where "
                    "the file ends. Copy or export it again."
                )


def check_sizes(series: Any, page: Any, path: Path, *, mask: bool) -> None:
    """Refuse sizes that are not in the file, before anything is allocated.

    Parameters
    ----------
    series, page
        tifffile's, of the one image or volume.
    path : Path
    mask : bool

    Raises
    ------
    ImageReadError
    """
    itemsize = page.dtype.itemsize
    check_claim(path, series.shape, itemsize, mask=mask)
    if series.dataoffset is not None:
        # all in one piece, of which only the first slice may have a page
        check_stored(path, series.dataoffset + math.prod(int(n) for n in series.shape) * itemsize)
        return
    if page.compression == tifffile.COMPRESSION.NONE:
        bits = page.imagelength * page.imagewidth * page.imagedepth * page.samplesperpixel * page.bitspersample
        check_stored(path, bits // 8)
    # a tile is decoded whole, also where it is larger than the image
    check_claim(path, page.chunks, itemsize, mask=mask)
    for number, one in enumerate(series.pages):
        if one is None:
            raise ImageReadError(
                f"{path} lacks its page {number + 1} of {len(series.pages)}, which may lie in another file; expected "
                "them all in one. Export it again, as one file."
            )
        _check_pieces(one, page, path)


def _check_pieces(page: Any, like: Any, path: Path) -> None:
    """Strips or tiles of a page; ``like``: the first page of its series, which says how all of them are stored."""
    if len(page.dataoffsets) < math.prod(like.chunked):
        raise ImageReadError(
            f"{path} is truncated or damaged: it has {len(page.dataoffsets)} strips or tiles; expected "
            f"{math.prod(like.chunked)}. Copy or export it again."
        )
    if 0 in page.databytecounts:
        raise ImageReadError(
            f"{path} has a strip or tile of 0 bytes; expected the pixels of each. It was not written to its end, or "
            "leaves out what is empty (GDAL's SPARSE_OK): copy or export it again, whole."
        )
    ends = [start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=False)]
    # of a JPEG that is cut off, libraries make up the rest
    if like.compression != tifffile.COMPRESSION.NONE and max(ends, default=0) > path.stat().st_size:
        raise ImageReadError(
            f"{path} is truncated or damaged: a strip or tile ends at byte {max(ends)}; expected at most "
            f"{path.stat().st_size}, where the file ends. Copy or export it again."
        )
    if like.compression in PICTURES:
        stream = like.parent.filehandle
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
            stream.seek(start)
            found = picture_size(stream.read(min(length, HEAD)))
            # programs fill up the last tiles
            if found is not None and math.prod(found) > 4 * math.prod(like.chunks):
                raise ImageReadError(
                    f"{path} has a tile or strip of {found[0]} x {found[1]} px; expected {like.chunks[0]} x "
                    f"{like.chunks[1]}, by its own header. It is damaged: export it again."
                )

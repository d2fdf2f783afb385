"""What a TIFF claims is checked before tifffile believes it."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Any

import tifffile

from napari_medseg.errors import ImageReadError
from napari_medseg.io.inner import HEAD, PICTURES, picture_size
from napari_medseg.io.limits import check_claim, check_stored

PAGES = 10_000  # a stack; of one image and its reduced copies there are a few


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
        stream.seek(count * tiff.tagsize, os.SEEK_CUR)
        after = stream.read(tiff.offsetsize)
        offset = struct.unpack(tiff.offsetformat, after)[0] if len(after) == tiff.offsetsize else 0
        if offset in seen:
            raise ImageReadError(
                f"{path} is damaged: after {len(seen)} page(s) it begins again; expected an end. Export it again."
            )
        if len(seen) > PAGES:
            raise ImageReadError(
                f"{path} is a stack of more than {PAGES} pages; expected one 2D image. Save the page you need as a "
                "file of its own."
            )
        if offset >= stream.size:
            return


def check_sizes(series: Any, page: Any, path: Path, *, mask: bool) -> None:
    """Refuse sizes that are not in the file, before anything is allocated.

    Parameters
    ----------
    series, page
        tifffile's, of the one image.
    path : Path
    mask : bool

    Raises
    ------
    ImageReadError
    """
    itemsize = page.dtype.itemsize
    if page.compression == tifffile.COMPRESSION.NONE:
        bits = page.imagelength * page.imagewidth * page.imagedepth * page.samplesperpixel * page.bitspersample
        check_stored(path, bits // 8)
    check_claim(path, series.shape, itemsize, mask=mask)
    # a tile is decoded whole, also where it is larger than the image
    check_claim(path, page.chunks, itemsize, mask=mask)
    if len(page.dataoffsets) < math.prod(page.chunked):
        raise ImageReadError(
            f"{path} is truncated or damaged: it has {len(page.dataoffsets)} strips or tiles; expected "
            f"{math.prod(page.chunked)}. Copy or export it again."
        )
    if 0 in page.databytecounts:
        raise ImageReadError(
            f"{path} has a strip or tile of 0 bytes; expected the pixels of each. It was not written to its end, or "
            "leaves out what is empty (GDAL's SPARSE_OK): copy or export it again, whole."
        )
    ends = [start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=False)]
    # of a JPEG that is cut off, libraries make up the rest
    if page.compression != tifffile.COMPRESSION.NONE and max(ends, default=0) > path.stat().st_size:
        raise ImageReadError(
            f"{path} is truncated or damaged: a strip or tile ends at byte {max(ends)}; expected at most "
            f"{path.stat().st_size}, where the file ends. Copy or export it again."
        )
    if page.compression in PICTURES:
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
            page.parent.filehandle.seek(start)
            found = picture_size(page.parent.filehandle.read(min(length, HEAD)))
            # programs fill up the last tiles
            if found is not None and math.prod(found) > 4 * math.prod(page.chunks):
                raise ImageReadError(
                    f"{path} has a tile or strip of {found[0]} x {found[1]} px; expected {page.chunks[0]} x "
                    f"{page.chunks[1]}, by its own header. It is damaged: export it again."
                )

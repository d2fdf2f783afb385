"""TIFF read in parts, by tifffile: pyramids of slide scanners, OME's, BigTIFF, stacks of slices."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.errors import ImageReadError
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.image import Grid
from napari_medseg.io.large import Large, LargeFacts, Level
from napari_medseg.io.tiff_grid import lies
from napari_medseg.io.tiff_layout import Layout, layout_of
from napari_medseg.io.tiff_limits import check_chain

# tile or strip, px; larger ones would have to be decoded whole for each small part
MOST_PIECE = 1 << 28
# in the description of Aperio's slides
_APERIO = re.compile(r"\|\s*MPP\s*=\s*([0-9.]+)")
_COLOURS = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
_GREYS = (tifffile.PHOTOMETRIC.MINISBLACK,)


class LargeTiff(Large):
    """See :func:`open_tiff`."""

    title = "TIFF"

    def __init__(self, path: Path, facts: LargeFacts, file: tifffile.TiffFile, pages: list[list[Any]]) -> None:
        super().__init__(path, facts)
        self._file, self._pages = file, pages

    def _read(self, at: tuple[slice, ...], level: int) -> np.ndarray:
        pages, rows, columns = self._pages[level], at[-2], at[-1]
        if not self.volume:
            return self._part(pages[0], rows, columns)
        return np.stack([self._part(page, rows, columns) for page in pages[at[0]]])

    def _part(self, page: Any, rows: slice, columns: slice) -> np.ndarray:
        """Rows and columns of a page, by its tiles or strips."""
        height, width = int(page.chunks[0]), int(page.chunks[1])
        across = -(-int(page.imagewidth) // width)
        samples = self.channels or 1
        out = np.zeros((rows.stop - rows.start, columns.stop - columns.start, samples), self.dtype)
        for ty in range(rows.start // height, -(-rows.stop // height)):
            for tx in range(columns.start // width, -(-columns.stop // width)):
                piece = self._piece(page, ty * across + tx)
                y, x = ty * height, tx * width
                y0, x0 = max(rows.start, y), max(columns.start, x)
                y1, x1 = min(rows.stop, y + piece.shape[0]), min(columns.stop, x + piece.shape[1])
                out[y0 - rows.start : y1 - rows.start, x0 - columns.start : x1 - columns.start] = piece[
                    y0 - y : y1 - y, x0 - x : x1 - x, :samples
                ]
        return out if self.channels else out[..., 0]

    def _piece(self, page: Any, index: int) -> np.ndarray:
        """A tile or strip, (rows, columns, samples)."""
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if not count:
            raise ImageReadError(
                f"{self.path} lacks its tile or strip {index}; expected the pixels of each. It was not written or "
                "copied to its end, or leaves out what is empty: export it again, whole."
            )
        with self._lock:
            stream = page.parent.filehandle
            stream.seek(offset)
            data = stream.read(count)
        if len(data) < count:
            raise ImageReadError(
                f"{self.path} is truncated: its tile or strip {index} has {len(data)} of {count} bytes. Copy it again."
            )
        found, _, shape = page.decode(data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
        if found is None:
            raise ValueError("no pixels")
        piece: np.ndarray = found.reshape(found.shape[-3:])
        return piece[: shape[-3], : shape[-2]]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def open_tiff(path: Path) -> Large:
    """A TIFF of any size; errors are those of :func:`napari_medseg.io.large.open_large`."""
    with told_as_damaged(path, "TIFF"):
        file = tifffile.TiffFile(path, _multifile=False)
        try:
            check_chain(file, path)
            return _opened(path, file)
        except BaseException:
            file.close()
            raise


def _opened(path: Path, file: tifffile.TiffFile) -> Large:
    layout = layout_of(file, path)
    page = layout.page
    grid, unsaid = lies(file, layout)
    _check(path, page, layout)
    if grid.spacing is None or grid.printed:
        grid = _aperio(page, grid)
    full = layout.sides
    levels, pages = [Level(full, (1.0,) * len(full))], [_pages(layout.series)]
    for one in _smaller(file, layout):
        first = one.keyframe
        down = (full[-2] / first.imagelength, full[-1] / first.imagewidth)
        like = first.dtype == page.dtype and first.samplesperpixel == page.samplesperpixel
        # a level of other sides is another image, such as the slide's label
        if like and abs(down[0] / down[1] - 1) < 0.02 and down[1] > levels[-1].down[-1]:
            shape = (*full[:-2], int(first.imagelength), int(first.imagewidth))
            levels.append(Level(shape, (*(1.0,) * (len(full) - 2), *down)))
            pages.append(_pages(one))
    channels = 3 if page.samplesperpixel >= 3 else 0
    if layout.slices and channels:
        raise ImageReadError(f"{path} is a volume in colours; expected one channel. Export it in grey.")
    facts = LargeFacts(
        levels=tuple(levels),
        channels=channels,
        dtype=np.dtype(page.dtype).newbyteorder("="),
        grid=replace(grid, shape=full),
        told=layout.told + unsaid,
    )
    return LargeTiff(path, facts, file, pages)


def _pages(series: Any) -> list[Any]:
    return [page.aspage() if hasattr(page, "aspage") else page for page in series.pages]


def _smaller(file: tifffile.TiffFile, layout: Layout) -> list[Any]:
    """Further levels: tifffile's, or images that some write one after the other without a word."""
    levels = list(layout.series.levels[1:])
    if levels or layout.slices:
        return levels
    return [one for one in file.series if one is not layout.series and one.keyframe.is_tiled]


def _check(path: Path, page: Any, layout: Layout) -> None:
    """Refuse what cannot be read in parts, or not truly."""
    model = tifffile.PHOTOMETRIC(page.photometric)
    grey = page.samplesperpixel <= 2 and model in _GREYS
    jpeg = page.compression in (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.APERIO_JP2000_YCBC)
    colours = page.samplesperpixel in (3, 4) and model in _COLOURS and page.dtype == np.uint8
    if not (grey or colours) or (model == tifffile.PHOTOMETRIC.YCBCR and not jpeg) or layout.planar:
        raise ImageReadError(
            f"{path} has {page.samplesperpixel} channels of {page.dtype} in {model.name}; expected grey, or RGB of 8 "
            "bits, to be read in parts. Export it so."
        )
    if page.dtype is None or page.dtype.kind not in "uif":
        raise ImageReadError(f"{path} holds {page.dtype}; expected real numbers. Export it again so.")
    if int(page.tags.valueof(274, 1)) not in (0, 1):
        raise ImageReadError(f"{path} is looked at turned; expected it upright, to be read in parts. Export it so.")
    if prod(int(n) for n in page.chunks[:2]) > MOST_PIECE:
        raise ImageReadError(
            f"{path} is stored in one piece of {page.chunks[0]} x {page.chunks[1]} px; expected tiles, to be read in "
            "parts. Export it as a tiled TIFF or as OME-Zarr."
        )


def _aperio(page: Any, grid: Grid) -> Grid:
    """The size of a pixel that Aperio writes into words."""
    found = _APERIO.search(page.description or "")
    with suppress(ValueError):
        size = 0.0 if found is None else float(found[1])
        if 0.01 <= size <= 1000:
            return replace(grid, spacing=(size, size), unit="um", printed=False)
    return grid

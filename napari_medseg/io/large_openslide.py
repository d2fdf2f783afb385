"""Slides of scanners' own formats, by OpenSlide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.image import Grid
from napari_medseg.io.large import Large, LargeFacts, Level

UNSIZED_TOLD = "it does not say how large its pixels are."


class LargeOpenSlide(Large):
    """See :func:`open_openslide`."""

    title = "slide"

    def __init__(self, path: Path, facts: LargeFacts, slide: Any) -> None:
        super().__init__(path, facts)
        self._slide = slide

    def _read(self, at: tuple[slice, ...], level: int) -> np.ndarray:
        rows, columns = at
        down = self._slide.level_downsamples[level]
        # where a part begins is counted in px of the full level
        place = (round(columns.start * down), round(rows.start * down))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        found = np.asarray(self._slide.read_region(place, level, size))
        # what was not scanned is clear, and shown white as scanners do
        colours, clear = found[..., :3], found[..., 3:] == 0
        return np.where(clear, np.uint8(255), colours)

    def close(self) -> None:
        """Let go of the file."""
        self._slide.close()


def open_openslide(path: Path) -> Large:
    """A slide; errors are those of :func:`napari_medseg.io.large.open_large`."""
    import openslide

    with told_as_damaged(path, "slide"):
        slide = openslide.OpenSlide(str(path))
        sizes = [slide.properties.get(name) for name in ("openslide.mpp-y", "openslide.mpp-x")]
        spacing = tuple(float(size) for size in sizes if size is not None)
        levels = tuple(
            Level((height, width), (down, down))
            for (width, height), down in zip(slide.level_dimensions, slide.level_downsamples, strict=True)
        )
    known = len(spacing) == 2 and min(spacing) > 0
    grid = Grid(levels[0].shape, spacing if known else None, "um" if known else "px")
    told = () if known else (UNSIZED_TOLD,)
    facts = LargeFacts(levels=levels, channels=3, dtype=np.dtype(np.uint8), grid=grid, told=told)
    return LargeOpenSlide(path, facts, slide)

"""Slides of scanners' own formats: read in parts; whole where they are small."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_medseg.errors import ImageReadError
from napari_medseg.io.format import Format, Gives
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.large import Large, large_shape

# tifffile reads these too, and needs no library beside it
TIFFS = (".svs",)


def open_slide(path: Path) -> Large:
    """By tifffile or OpenSlide; errors are those of :func:`napari_medseg.io.large.open_large`."""
    from napari_medseg.io.large_openslide import open_openslide
    from napari_medseg.io.large_tiff import open_tiff

    return open_tiff(path) if path.suffix.lower() in TIFFS else open_openslide(path)


def read(path: Path, *, mask: bool = False) -> Image:
    """A small slide, whole (Y, X, 3).

    Raises
    ------
    ImageReadError
        If it is damaged, or too large to be read whole.
    """
    del mask
    with open_slide(path) as slide:
        if large_shape(slide.shape):
            raise ImageReadError(
                f"{path} has {' x '.join(map(str, slide.shape))} px; expected a part of it where an image is read "
                "whole. Open it in the window, or use 'medseg predict'."
            )
        data = slide.read((0, 0, *slide.shape))
    grid = slide.grid
    return Image(data, grid.spacing, grid.unit, path, grid=grid, lossy=True, told=slide.told)


def read_grid(path: Path) -> Grid | None:
    """Where the pixels lie; None where the header cannot be read."""
    with suppress(ImageReadError), open_slide(path) as slide:
        return slide.grid
    return None


FORMAT = Format(
    name="slide",
    title="Slide",
    suffixes=(".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide"),
    read=read,
    grid=read_grid,
    open_large=open_slide,
    gives=Gives(axes=(2,), masks=False),
    reader=True,
    extra="slides",
    judged="OpenSlide, tifffile",
)

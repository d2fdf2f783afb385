"""TIFF, by tifffile."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.grey import grey
from napari_medseg.io.image import IN_MM, Grid, Image
from napari_medseg.io.large_tiff import open_tiff
from napari_medseg.io.mask import as_told
from napari_medseg.io.tiff_colours import drop_empty, has_opacity, in_doubt, to_shown, to_tell, told
from napari_medseg.io.tiff_grid import lies
from napari_medseg.io.tiff_layout import PALETTE_TOLD, layout_of
from napari_medseg.io.tiff_limits import check_chain, check_sizes

ORIENTATION = 274
# TIFF's numbers of what may change values a little: JPEG, JPEG 2000, JPEG XR, LERC, WebP, JPEG XL. Which of them left
# all as it was, their files do not say in one way
LOSSY = (6, 7, 22610, 33003, 33004, 33005, 33007, 34712, 34887, 34892, 34934, 50001, 50002, 52546)
MM_PER_CENTIMETRE = 10.0
logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is told once, by our own sentence


def read(path: Path, *, mask: bool = False) -> Image:
    """Read an image, upright as its orientation says, or the slices of a volume: (Y, X[, C]) or (Z, Y, X).

    Parameters
    ----------
    path : Path
    mask : bool
        Read the labels of a palette, not its colours, and keep the opacity of grey: (Y, X, 2).

    Raises
    ------
    ImageReadError
        If the file is damaged, holds several images, times or channels, or colours that are no grey or RGB.
    """
    try:
        with _opened(path) as file:
            check_chain(file, path)
            layout = layout_of(file, path)
            page = layout.page
            check_sizes(layout.series, page, path, mask=mask)
            data = layout()
            if layout.slices and data.ndim == 4:
                data = _one_channel(data, page, path, mask=mask)
            data = drop_empty(data, page, path) if not layout.slices else data
            if not layout.slices and data.ndim == 3 and (data.shape[-1] == 1 or (data.shape[-1] == 2 and not mask)):
                # as in PNG, grey stays when it has an opacity
                data = data[..., 0]
            if mask or PALETTE_TOLD not in layout.told:
                # in a mask that ImageJ wrote, 255 is foreground, whether its table of colours shows that black or white
                data, numbered = to_shown(data, page, path, mask=mask, keep=mask and file.is_imagej)
            else:
                numbered = False
            where, unsaid = lies(file, layout)
            lossy, said, unsure = page.compression in LOSSY, told(page), in_doubt(page)
    except ImageReadError:
        raise
    # a damaged TIFF fails in many ways: TiffFileError, struct.error, ValueError, IndexError, zlib errors, ...
    except Exception as error:
        raise ImageReadError(
            f"{path} is damaged or no TIFF ({type(error).__name__}); expected a whole TIFF. Copy or export it again."
        ) from error
    if data.ndim < 2 or data.dtype.kind not in "buif":
        raise ImageReadError(f"{path} holds {data.dtype} of shape {data.shape}; expected real numbers.")
    words = layout.told + unsaid + unsure
    image = Image(data, where.spacing, where.unit, path, grid=where, numbered=numbered, lossy=lossy, told=words)
    if not layout.slices:
        image = image.upright(page.tags.valueof(ORIENTATION, 0))
    return as_told(image, said) if mask else image


def _opened(path: Path) -> tifffile.TiffFile:
    """A file, and no other: OME's text may name neighbours, whose pixels are not this one's."""
    return tifffile.TiffFile(path, _multifile=False)


def _one_channel(data: np.ndarray, page: Any, path: Path, *, mask: bool) -> np.ndarray:
    """A volume (Z, Y, X, C) in grey; of a mask, only where its channels agree."""
    colours = data[..., :-1] if data.shape[-1] in (2, 4) and has_opacity(page) else data[..., :3]
    if mask and (colours != colours[..., :1]).any():
        raise ImageReadError(
            f"{path} is a volume in colours; expected a mask with one channel. Export its labels as their numbers."
        )
    return np.ascontiguousarray(colours[..., 0]) if mask or colours.shape[-1] == 1 else grey(colours)


def read_grid(path: Path) -> Grid | None:
    """Where the pixels lie as they are read, upright, by the header; None where that cannot be read."""
    # whoever reads the image tells what is wrong
    with suppress(Exception), _opened(path) as file:
        check_chain(file, path)
        layout = layout_of(file, path)
        grid = lies(file, layout)[0]
        return grid if layout.slices else grid.upright(layout.page.tags.valueof(ORIENTATION, 0))
    return None


def read_told(path: Path) -> object:
    """What this program wrote into a mask."""
    with suppress(Exception), _opened(path) as file:
        return told(file.pages.first)
    return None


def read_doubt(path: Path) -> tuple[str, ...]:
    """What to tell of how the numbers of a mask were read."""
    with suppress(Exception), _opened(path) as file:
        return in_doubt(file.pages.first)
    return ()


def write(
    path: Path,
    data: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
    palette: np.ndarray | None = None,
) -> None:
    """Write one page, whole or not at all; provenance goes into the description as JSON.

    With a palette (256, 3), uint8, the numbers of ``data``, uint8, are shown in its colours.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    options: dict[str, Any] = {}
    if grid.flat is not None and grid.unit in IN_MM:
        rates = [MM_PER_CENTIMETRE / (size * IN_MM[grid.unit]) for size in grid.flat]
        # the one metric unit that every reader knows
        options = {"resolution": (rates[1], rates[0]), "resolutionunit": "CENTIMETER"}
    if provenance is not None:
        options["description"] = to_tell(provenance)
    shown = "minisblack" if data.ndim == 2 else "rgb"
    if palette is not None:
        # 16 bits a colour
        shown, options["colormap"] = "palette", palette.T.astype(np.uint16) * 257
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            data,
            compression="zlib",
            photometric=shown,
            metadata=None,
            **options,
        )


FORMAT = Format(
    name="tiff",
    title="TIFF",
    suffixes=(".tif", ".tiff"),
    read=read,
    grid=read_grid,
    told=read_told,
    doubt=read_doubt,
    write_mask=write,
    write_coloured=write,
    write_map=write,
    write_image=write,
    open_large=open_tiff,
    gives=Gives(axes=(2, 3)),
    takes=Takes(colour=True),
    keeps=Keeps(spacing=Kept.WHOLE, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT),
    judged="tifffile; of volumes SimpleITK",
)

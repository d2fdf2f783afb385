"""TIFF, by tifffile."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.format import Format, Keeps, Kept, Takes
from napari_medseg.io.image import IN_MM, Grid, Image
from napari_medseg.io.mask import as_told, choose_labels, says_numbers
from napari_medseg.io.tiff_limits import check_chain, check_sizes
from napari_medseg.io.tiff_size import Sized, size_of_pixels

ORIENTATION = 274
# TIFF's numbers of what may change values a little: JPEG, JPEG 2000, JPEG XR, LERC, WebP, JPEG XL. Which of them left
# all as it was, their files do not say in one way
LOSSY = (6, 7, 22610, 33003, 33004, 33005, 33007, 34712, 34887, 34892, 34934, 50001, 50002, 52546)
MM_PER_CENTIMETRE = 10.0
logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is told once, by our own sentence


def read(path: Path, *, mask: bool = False) -> Image:
    """Read the single page of a TIFF, upright as its orientation says.

    Parameters
    ----------
    path : Path
    mask : bool
        Read the labels of a palette, not its colours, and keep the opacity of grey: (Y, X, 2).

    Raises
    ------
    ImageReadError
        If the file is damaged, holds several images, or channels or colours that are no grey or RGB.
    """
    try:
        with _opened(path) as file:
            check_chain(file, path)
            found = _whole(file)
            series, page = found[0], found[0].keyframe
            if len(found) > 1:
                shapes = " and ".join(" x ".join(map(str, one.shape)) for one in found[:2])
                raise ImageReadError(
                    f"{path} holds {len(found)} images ({shapes}); expected one 2D image. "
                    "Save the one you need as a file of its own."
                )
            shape, planar = _layout(series, page, path)
            check_sizes(series, page, path, mask=mask)
            data = series.asarray().reshape(shape)
            if planar:
                data = np.moveaxis(data, 0, -1)
            data = _drop_empty(data, page, path)
            if data.ndim == 3 and (data.shape[-1] == 1 or (data.shape[-1] == 2 and not mask)):
                # as in PNG, grey stays when it has an opacity
                data = data[..., 0]
            # in a mask that ImageJ wrote, 255 is foreground, whether its look-up table shows that as black or white
            data, numbered = _to_rgb(data, page, path, mask=mask, keep=mask and file.is_imagej)
            lies = _lies(page, size_of_pixels(file))
            lossy = page.compression in LOSSY
            turn, told = page.tags.valueof(ORIENTATION, 0), _told(page)
    except ImageReadError:
        raise
    # a damaged TIFF fails in many ways: TiffFileError, struct.error, ValueError, IndexError, zlib errors, ...
    except Exception as error:
        raise ImageReadError(
            f"{path} is damaged or no TIFF ({type(error).__name__}); expected a whole TIFF. Copy or export it again."
        ) from error
    if data.ndim < 2 or data.dtype.kind not in "buif":
        raise ImageReadError(f"{path} holds {data.dtype} of shape {data.shape}; expected a 2D image of real numbers.")
    image = Image(data, lies.spacing, lies.unit, path, grid=lies, numbered=numbered, lossy=lossy).upright(turn)
    return as_told(image, told) if mask else image


def _opened(path: Path) -> tifffile.TiffFile:
    """A file, and no other: OME's text may name neighbours, whose pixels are not this one's."""
    return tifffile.TiffFile(path, _multifile=False)


def _told(page: Any) -> object:
    """What this program wrote into a mask's description; nothing where another did."""
    # RecursionError: brackets in brackets without end
    with suppress(ValueError, RecursionError, KeyError, TypeError):
        return json.loads(page.description)["medseg"]
    return None


def _whole(file: tifffile.TiffFile) -> list[Any]:
    """Images of a file; a reduced copy is no further image."""
    return [series for series in file.series if not series.keyframe.is_reduced] or list(file.series[:1])


def _has_opacity(page: Any) -> bool:
    """Whether the last sample of a pixel is its opacity; one that is not said to be anything is a channel."""
    return bool(page.extrasamples) and int(page.extrasamples[-1]) in (1, 2)


def _layout(series: Any, page: Any, path: Path) -> tuple[tuple[int, ...], bool]:
    """The shape to read, and whether its channels come first.

    Raises
    ------
    ImageReadError
        If there are several pages, or channels that are no grey or RGB.
    """
    kept = [(n, axis) for n, axis in zip(series.shape, series.axes, strict=True) if n != 1 or len(series.shape) <= 3]
    shape, axes = tuple(n for n, _ in kept), "".join(axis for _, axis in kept)
    if len(shape) < 3:
        return shape, False
    last, first = axes[-1] in "SC", axes[0] in "SC"
    planar = first and not last
    channels = shape[0] if planar else shape[-1]
    if len(shape) > 3 or not (first or last or channels in (1, 3, 4)):
        raise ImageReadError(
            f"{path} is a stack of {shape[0]} pages of shape {shape[1:]}; expected one 2D image. "
            "Save the page you need as a file of its own."
        )
    if channels not in (1, 3, 4) and not (channels == 2 and _has_opacity(page)):
        raise ImageReadError(
            f"{path} holds {channels} channels; expected one (grey) or three (RGB). "
            "Save the channel you need as a file of its own."
        )
    return shape, planar


def _drop_empty(data: np.ndarray, page: Any, path: Path) -> np.ndarray:
    """Of four channels, a last one that is no opacity goes only where it is the same all over."""
    if data.ndim < 3 or data.shape[-1] != 4 or _has_opacity(page):
        return data
    if data[..., 3].min() != data[..., 3].max():
        raise ImageReadError(
            f"{path} holds 4 channels, of which the last is not said to be an opacity; expected one (grey) or three "
            "(RGB). Save the channels you need as a file of its own."
        )
    return data[..., :3]


def _to_rgb(data: np.ndarray, page: Any, path: Path, *, mask: bool, keep: bool) -> tuple[np.ndarray, bool]:
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
        if says_numbers(_told(page)):
            return data, True
        if mask:
            return choose_labels(data, palette.T, path)
        # of one bit, numbers too
        return np.moveaxis(palette[:, data.astype(np.uint16, copy=False)], 0, -1), False
    if model == tifffile.PHOTOMETRIC.MINISWHITE and not keep and data.dtype.kind in "bu":
        if data.dtype.kind == "b":
            return ~data, False
        white = 2**page.bitspersample - 1
        if not mask or _shown_inverted(data, white, path):
            return (white - data).astype(data.dtype), False
        return data, False
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


def _shown_inverted(data: np.ndarray, white: int, path: Path) -> bool:
    """Whether the labels of a file where zero is white are the inverse of its numbers: the background tells.

    Raises
    ------
    ImageReadError
        If both could be.
    """
    zero, full = data == 0, data == white
    if full.any() and (not zero.any() or (zero | full).all()):
        return True
    if zero.any() and not full.any() and not zero.all():
        return False
    raise ImageReadError(
        f"{path} says that its zero is white, and holds numbers from {data.min()} to {data.max()}, of which either "
        "end could be the background; expected black as zero. Export it again so."
    )


def read_grid(path: Path) -> Grid | None:
    """Where the pixels lie as they are read, upright, by the header; None where that cannot be read."""
    # whoever reads the image tells what is wrong
    with suppress(Exception), _opened(path) as file:
        check_chain(file, path)
        page = _whole(file)[0].keyframe
        sized = Sized()
        with suppress(Exception):
            sized = size_of_pixels(file)
        return _lies(page, sized).upright(page.tags.valueof(ORIENTATION, 0))
    return None


def _lies(page: Any, sized: Sized) -> Grid:
    """The grid of the pixels as they are stored; what we wrote has no orientation, and is upright."""
    shape, said = (page.imagelength, page.imagewidth), 0 if _told(page) is None else 1
    return Grid(shape, spacing=sized.spacing, unit=sized.unit, printed=sized.printed, orientation=said)


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
        # plain ASCII: TIFF's description knows nothing else
        options["description"] = json.dumps({"medseg": dict(provenance)}, sort_keys=True, default=str)
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
    # what the microscopes' TIFF has before its suffix
    inner=(".ome",),
    read=read,
    grid=read_grid,
    write_mask=write,
    write_coloured=write,
    write_map=write,
    write_image=write,
    takes=Takes(colour=True),
    keeps=Keeps(spacing=Kept.WHOLE, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT),
)

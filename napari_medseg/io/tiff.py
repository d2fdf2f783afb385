"""TIFF, by tifffile."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Image, usable_sizes

# TIFF's resolution is pixels per unit; what one unit is, in mm
_MM_PER_UNIT = {"mm": 10.0, "um": 10.0}  # written per centimetre, the one metric unit that every reader knows
# names that OME and ImageJ give to units of length
_NAMED_IN_UM = {
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25_400.0),
}
logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is told once, by our own sentence


def read(path: Path, *, mask: bool = False) -> Image:
    """Read the single page of a TIFF.

    Parameters
    ----------
    path : Path
    mask : bool
        Read the labels of a palette, not its colours.

    Raises
    ------
    ImageReadError
        If the file is damaged, holds several images, or colours that are no RGB.
    """
    try:
        with tifffile.TiffFile(path) as file:
            # a reduced copy is no further image
            found = [series for series in file.series if not series.keyframe.is_reduced] or file.series[:1]
            series, page = found[0], file.pages.first
            if len(found) > 1:
                shapes = " and ".join(" x ".join(map(str, one.shape)) for one in found[:2])
                raise ImageReadError(
                    f"{path} holds {len(found)} images ({shapes}); expected one 2D image. "
                    "Save the one you need as a file of its own."
                )
            grey_alpha = page.samplesperpixel == 2 and bool(page.extrasamples) and series.axes[-1] == "S"
            shape = tuple(n for n in series.shape if n != 1) if len(series.shape) > 3 else series.shape
            planar = len(shape) == 3 and shape[-1] not in (3, 4) and shape[0] in (3, 4) and series.axes[0] in "SC"
            if len(shape) > 3 or (len(shape) == 3 and shape[-1] not in (1, 3, 4) and not (planar or grey_alpha)):
                raise ImageReadError(
                    f"{path} is a stack of {shape[0]} pages of shape {shape[1:]}; expected one 2D image. "
                    "Save the page you need as a file of its own."
                )
            data = series.asarray().reshape(shape)
            if planar:
                data = np.moveaxis(data, 0, -1)
            if data.ndim == 3 and (data.shape[-1] == 1 or grey_alpha):
                # as in PNG, grey stays when it has an opacity
                data = data[..., 0]
            # in a mask that ImageJ wrote, 255 is foreground, whether its look-up table shows that as black or white
            data = _to_rgb(data, page, path, mask=mask, keep=mask and file.is_imagej)
            spacing, unit = _pixel_size(file)
    except ImageReadError:
        raise
    # a damaged TIFF fails in many ways: TiffFileError, struct.error, ValueError, IndexError, zlib errors, ...
    except Exception as error:
        raise ImageReadError(
            f"{path} is damaged or no TIFF ({type(error).__name__}); expected a whole TIFF. Copy or export it again."
        ) from error
    if data.ndim < 2 or data.dtype.kind not in "buif":
        raise ImageReadError(f"{path} holds {data.dtype} of shape {data.shape}; expected a 2D image of real numbers.")
    return Image(data, spacing, unit, path)


def _to_rgb(data: np.ndarray, page: Any, path: Path, *, mask: bool, keep: bool) -> np.ndarray:
    """Grey or RGB as the page's colour model says: 0 is black, colours of a palette are looked up.

    Parameters
    ----------
    data : np.ndarray
        As stored.
    mask : bool
        The numbers of a palette are labels.
    keep : bool
        Leave an inverted scale as it is.

    Raises
    ------
    ImageReadError
        If the colours are no RGB.
    """
    if "PhotometricInterpretation" not in page.tags:
        return data
    model = tifffile.PHOTOMETRIC(page.photometric)
    if model == tifffile.PHOTOMETRIC.PALETTE and not mask:
        # 16 bits a colour, of which viewers show the upper 8
        return (np.moveaxis(page.colormap[:, data], 0, -1) // 256).astype(np.uint8)
    if model == tifffile.PHOTOMETRIC.MINISWHITE and not keep and data.dtype.kind in "bu":
        return ~data if data.dtype.kind == "b" else (2**page.bitspersample - 1 - data).astype(data.dtype)
    # a JPEG inside is RGB once it is read
    jpeg = page.compression in (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)
    if model.name in ("SEPARATED", "CIELAB", "ICCLAB", "ITULAB") or (model.name == "YCBCR" and not jpeg):
        raise ImageReadError(f"{path} has colours in {model.name}; expected grey or RGB. Export it as RGB.")
    return data


def size(path: Path) -> tuple[int, int] | None:
    """(Y, X) of the first page; None where it cannot be read."""
    # whoever reads the image tells what is wrong
    with suppress(Exception), tifffile.TiffFile(path) as file:
        return file.pages.first.imagelength, file.pages.first.imagewidth
    return None


def provenance_of(path: Path) -> Mapping[str, Any]:
    """What a mask of ours says of itself; empty for others."""
    # whoever reads the image tells what is wrong
    with suppress(Exception), tifffile.TiffFile(path) as file:
        return dict(json.loads(file.pages.first.description)["medseg"])
    return {}


def pixel_size(path: Path) -> tuple[tuple[float, float] | None, str]:
    """Size of a pixel (y, x) and its unit, by the header."""
    # whoever reads the image tells what is wrong
    with suppress(Exception), tifffile.TiffFile(path) as file:
        return _pixel_size(file)
    return None, "px"


def _pixel_size(file: Any) -> tuple[tuple[float, float] | None, str]:
    """(y, x) and its unit as the file says; what no pixel can measure is not known."""
    for look in (_ome_size, _imagej_size):
        found = look(file)
        if found is not None:
            break
    else:
        found = _spacing(file.pages.first)
    return found if found[0] is not None and usable_sizes(found[0]) else (None, "px")


def _ome_size(file: Any) -> tuple[tuple[float, float], str] | None:
    """OME's pixel size, in the XML of the first page; None where it says nothing."""
    if not file.is_ome:
        return None
    try:
        pixels = next(node for node in ElementTree.fromstring(file.ome_metadata).iter() if node.tag.endswith("}Pixels"))
        sizes = []
        for axis in "YX":
            factor = _NAMED_IN_UM[_unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))]
            sizes.append(float(pixels.attrib[f"PhysicalSize{axis}"]) * factor)
    # not every writer's XML is sound, and not every one knows its pixels
    except (ElementTree.ParseError, StopIteration, KeyError, ValueError, TypeError):
        return None
    return (sizes[0], sizes[1]), "um"


def _imagej_size(file: Any) -> tuple[tuple[float, float], str] | None:
    """ImageJ writes pixels a unit into the resolution, and the unit's name into the description."""
    facts = file.imagej_metadata if file.is_imagej else None
    factor = _NAMED_IN_UM.get(_unit(str((facts or {}).get("unit", ""))))
    tags = file.pages.first.tags
    if factor is None or not {"XResolution", "YResolution"} <= {tag.name for tag in tags}:
        return None
    # pixels, unit
    rates = [tags[name].value for name in ("YResolution", "XResolution")]
    if any(0 in rate for rate in rates):
        return None
    sizes = [factor * unit / pixels for pixels, unit in rates]
    return (sizes[0], sizes[1]), "um"


def _unit(name: str) -> str:
    """A unit's name as :data:`_NAMED_IN_UM` has it."""
    # ImageJ writes what is not ASCII as \\u00B5; there are two characters that look like a mu
    return re.sub(r"\\u00b5|[\u00b5\u03bc]", "u", name.strip(), flags=re.IGNORECASE).lower()


def _spacing(page: Any) -> tuple[tuple[float, float] | None, str]:
    tags = page.tags
    unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else 1
    mm = {2: 25.4, 3: 10.0}.get(int(unit))
    if mm is None or "XResolution" not in tags or "YResolution" not in tags:
        return None, "px"
    sizes = []
    for name in ("YResolution", "XResolution"):
        numerator, denominator = tags[name].value
        if numerator == 0 or denominator == 0:
            return None, "px"
        sizes.append(mm * denominator / numerator)
    # 72 or 96 dots per inch is what programs write when they know nothing
    if int(unit) == 2 and round(25.4 / sizes[0]) in (72, 96):
        return None, "px"
    return (sizes[0], sizes[1]), "mm"


def write(
    path: Path,
    data: np.ndarray,
    *,
    spacing: tuple[float, float] | None = None,
    unit: str = "px",
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write one page, whole or not at all; provenance goes into the description as JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    options: dict[str, Any] = {}
    if spacing is not None and unit in _MM_PER_UNIT:
        in_mm = [size / (1000 if unit == "um" else 1) for size in spacing]
        options["resolution"] = (10.0 / in_mm[1], 10.0 / in_mm[0])
        options["resolutionunit"] = "CENTIMETER"
    if provenance is not None:
        # plain ASCII: TIFF's description knows nothing else
        options["description"] = json.dumps({"medseg": dict(provenance)}, sort_keys=True, default=str)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            data,
            compression="zlib",
            photometric="minisblack" if data.ndim == 2 else "rgb",
            metadata=None,
            **options,
        )

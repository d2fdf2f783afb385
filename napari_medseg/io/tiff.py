"""TIFF, by tifffile."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Image

# TIFF's resolution is pixels per unit; what one unit is, in mm
_MM_PER_UNIT = {"mm": 10.0, "um": 10.0}  # written per centimetre, the one metric unit that every reader knows
logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is told once, by our own sentence


def read(path: Path) -> Image:
    """Read the single page of a TIFF.

    Raises
    ------
    ImageReadError
        If the file is damaged or holds a stack.
    """
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            page = file.pages.first
            shape = tuple(n for n in series.shape if n != 1) if len(series.shape) > 3 else series.shape
            planar = len(shape) == 3 and shape[-1] not in (3, 4) and shape[0] in (3, 4) and series.axes[0] in "SC"
            if len(shape) > 3 or (len(shape) == 3 and shape[-1] not in (1, 3, 4) and not planar):
                raise ImageReadError(
                    f"{path} is a stack of {shape[0]} pages of shape {shape[1:]}; expected one 2D image. "
                    "Save the page you need as a file of its own."
                )
            data = series.asarray().reshape(shape)
            spacing, unit = _spacing(page)
    except ImageReadError:
        raise
    # a damaged TIFF fails in many ways: TiffFileError, struct.error, ValueError, IndexError, zlib errors, ...
    except Exception as error:
        raise ImageReadError(
            f"{path} is damaged or no TIFF ({type(error).__name__}); expected a whole TIFF. Copy or export it again."
        ) from error
    if planar:
        data = np.moveaxis(data, 0, -1)
    if data.ndim == 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim < 2 or data.dtype.kind not in "buif":
        raise ImageReadError(f"{path} holds {data.dtype} of shape {data.shape}; expected a 2D image of real numbers.")
    return Image(data, spacing, unit, path)


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

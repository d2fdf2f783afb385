"""OME-TIFF: masks of volumes as stacks that microscopy reads, ImageJ, QuPath and napari among them; by tifffile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ShapeError
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.image import Grid
from napari_medseg.io.large_tiff import open_tiff
from napari_medseg.io.tiff import read, read_doubt, read_grid, read_told
from napari_medseg.io.tiff_colours import to_tell

# OME's names of ours
UNITS = {"mm": "mm", "um": "µm"}


def write(path: Path, data: np.ndarray, *, grid: Grid, provenance: Mapping[str, Any] | None = None) -> None:
    """Write an image (Y, X) or the slices of a volume (Z, Y, X), whole or not at all.

    Its text is OME's XML, which holds the size of a voxel; the rest stands where the name of the program does.

    Raises
    ------
    ShapeError
        If it is a volume of one slice, which every reader takes for an image.
    OutputError
        If the file cannot be written.
    """
    if data.ndim == 3 and len(data) == 1:
        raise ShapeError(
            f"{path} would hold a volume of one slice; expected two or more, as OME-TIFF makes no difference between "
            "one slice and an image. Choose NIfTI."
        )
    axes = "ZYX"[-data.ndim :]
    sizes = grid.flat if data.ndim == 2 else grid.spacing
    metadata: dict[str, Any] = {"axes": axes}
    if sizes is not None and grid.unit in UNITS:
        for axis, size in zip(axes, sizes, strict=True):
            metadata |= {f"PhysicalSize{axis}": float(size), f"PhysicalSize{axis}Unit": UNITS[grid.unit]}
    options: dict[str, Any] = {} if provenance is None else {"software": to_tell(provenance)}
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            data,
            ome=True,
            compression="zlib",
            photometric="minisblack",
            metadata=metadata,
            bigtiff=None,
            **options,
        )


FORMAT = Format(
    name="ome-tiff",
    title="OME-TIFF",
    suffixes=(".ome.tif", ".ome.tiff"),
    read=read,
    grid=read_grid,
    told=read_told,
    doubt=read_doubt,
    write_mask=write,
    write_map=write,
    open_large=open_tiff,
    gives=Gives(axes=(2, 3)),
    takes=Takes(axes=(2, 3)),
    keeps=Keeps(spacing=Kept.WHOLE, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT),
    judged="tifffile, SimpleITK",
)

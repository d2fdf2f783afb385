"""NIfTI volumes, by nibabel."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.large_nifti import open_nifti
from napari_medseg.io.limits import check_claim, check_gzip, check_stored
from napari_medseg.io.mask import as_told
from napari_medseg.io.nifti_header import LONGEST, grid_of, on_affine, on_header
from napari_medseg.io.nifti_open import damaged, open_header, read_header

COMMENT = 6  # NIfTI's code of an extension that is plain text
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # a damaged file is told once, by our own sentence
LABEL = 1002  # its code of intent for numbers that are labels
# so far from a whole number a label may lie that was stored with a scale of one or more
ROUNDING = 0.01


def read(path: Path, *, mask: bool = False) -> Image:
    """Read a volume, turned so that its axes run to the head, the front and the right: (Z, Y, X) of RAS.

    Parameters
    ----------
    path : Path
    mask : bool
        Labels that were stored with a scale are brought back to whole numbers.

    Raises
    ------
    ImageReadError
        If the file is damaged, holds no single volume of real numbers, or its header puts the voxels nowhere.
    """
    import nibabel

    try:
        file, shape = open_header(path)
        _check(path, mask=mask)
        data = np.asanyarray(file.dataobj)
        if mask:
            data = _whole(data, file.dataobj.slope, file.dataobj.inter)
    except ImageReadError:
        raise
    # a damaged file fails in many ways: ImageFileError, EOFError, zlib.error, OSError, ValueError, ...
    except Exception as error:
        raise damaged(path, error) from error
    if len(shape) != 3 or data.dtype.kind not in "buif":
        raise ImageReadError(
            f"{path} holds {data.dtype} of shape {data.shape}; expected one volume of real numbers with three axes. "
            "Export the volume as a file of its own."
        )
    grid, orientation = grid_of(path, file, shape)
    turned = nibabel.orientations.apply_orientation(data.reshape(shape), orientation)
    image = Image(
        np.ascontiguousarray(turned.transpose()),
        spacing=grid.spacing,
        unit=grid.unit,
        source=path,
        grid=grid,
        numbered=int(file.header["intent_code"]) == LABEL,
    )
    return as_told(image, _told(file.header)) if mask else image


def _told(header: Any) -> object:
    """What this program wrote into a mask's header; nothing where another did."""
    for extension in header.extensions:
        # RecursionError: brackets in brackets without end
        with suppress(ValueError, RecursionError, KeyError, TypeError, AttributeError):
            content = extension.get_content()
            text = content.decode() if isinstance(content, bytes) else content
            return json.loads(text.rstrip("\0 "))["medseg"]
    return None


def read_told(path: Path) -> object:
    """What this program wrote into a mask; errors are those of :func:`read`."""
    return _told(open_header(path)[0].header)


def read_grid(path: Path) -> Grid:
    """Where the voxels lie, as the header says; errors are those of :func:`read`."""
    file, shape = open_header(path)
    if len(shape) != 3:
        raise ImageReadError(f"{path} has shape {file.shape}; expected one volume with three axes. Export it again.")
    return grid_of(path, file, shape)[0]


def _check(path: Path, *, mask: bool) -> None:
    """Weigh what the header says, and read a compressed file's checksum."""
    header = read_header(path)
    shape, scale = header.get_data_shape(), header.get_slope_inter()
    stored = header.get_data_dtype().itemsize
    needed = int(header["vox_offset"]) + stored * math.prod(shape)
    packed = path.name.lower().endswith(".gz")
    if not packed:
        check_stored(path, needed)
    # numbers with a scale are read as doubles
    check_claim(path, shape, stored if scale in ((None, None), (1, 0)) else max(stored, 8), mask=mask)
    if packed:
        check_gzip(path, needed)


def _whole(data: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Labels that a program stored as whole numbers times a scale: none is farther from its label than half of that.

    A scale of one or more can put several labels on one number: there, only what rounding moved is mended.
    """
    scaled = (slope, intercept) != (1, 0)
    if data.dtype.kind != "f" or not scaled or not slope or not np.isfinite(data).all():
        return data
    near = np.round(data)
    room = abs(slope) / 2 * (1 + 1e-6) if abs(slope) < 1 else ROUNDING
    return near if np.abs(data - near).max(initial=0) <= room else data


def write(
    path: Path,
    labels: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write labels or a map, whole or not at all.

    Parameters
    ----------
    labels : np.ndarray
        (Z, Y, X), or (Y, X): one slice.
    grid : Grid
        Of their shape, and of the image that was segmented: the mask then lies on it voxel by voxel in any program, as
        the whole spatial header of a NIfTI image goes into its mask. Of another image, the affine or the size of the
        pixels does.
    provenance : mapping, optional
        Stored as JSON in an extension of the header.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import nibabel

    data = (labels if labels.ndim == 3 else labels[None]).transpose()
    kept = grid.header.get("nifti")
    image = on_affine(data, grid) if kept is None else on_header(data, kept)
    if provenance is not None:
        text = json.dumps({"medseg": dict(provenance)}, sort_keys=True, default=str)
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(COMMENT, text.encode()))
    with atomic_path(path) as temporary:
        image.to_filename(temporary)


FORMAT = Format(
    name="nifti",
    title="NIfTI",
    suffixes=(".nii.gz", ".nii"),
    read=read,
    grid=read_grid,
    told=read_told,
    write_mask=write,
    write_map=write,
    open_large=open_nifti,
    write_image=write,
    gives=Gives(axes=(3,)),
    # an image as one slice
    takes=Takes(axes=(2, 3), longest=LONGEST),
    keeps=Keeps(spacing=Kept.WHOLE, position=Kept.WHOLE, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT),
    reader=True,
    judged="nibabel, SimpleITK",
)

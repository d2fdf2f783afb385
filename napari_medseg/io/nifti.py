"""NIfTI volumes, by nibabel."""

from __future__ import annotations

import gzip
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.limits import check_claim, check_gzip, check_stored

COMMENT = 6  # NIfTI's code of an extension that is plain text
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # a damaged file is told once, by our own sentence
LABEL = 1002  # its code of intent for numbers that are labels
_AHEAD = 16_000_000  # so many bytes may stand before the voxels


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
        If the file is damaged, or holds no single volume of real numbers.
    """
    import nibabel

    try:
        _check(path, mask=mask)
        file: Any = nibabel.load(path)
        data = np.asanyarray(file.dataobj)
        if mask:
            data = _whole(data, file.dataobj.slope)
        affine = np.asarray(file.affine, dtype=np.float64)
        orientation = nibabel.orientations.io_orientation(affine)
    except ImageReadError:
        raise
    # a damaged file fails in many ways: ImageFileError, EOFError, zlib.error, OSError, ValueError, ...
    except Exception as error:
        raise ImageReadError(
            f"{path} is damaged or no NIfTI ({type(error).__name__}); expected a whole volume. Copy or export it again."
        ) from error
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3 or data.dtype.kind not in "buif" or np.isnan(orientation).any():
        raise ImageReadError(
            f"{path} holds {data.dtype} of shape {data.shape}; expected one volume of real numbers with three axes. "
            "Export the volume as a file of its own."
        )
    turned = nibabel.orientations.apply_orientation(data, orientation)
    sizes = np.abs(np.asarray(nibabel.affines.voxel_sizes(affine)))[np.argsort(orientation[:, 0])]
    z, y, x = (float(size) for size in sizes[::-1])
    return Image(
        np.ascontiguousarray(turned.transpose()),
        spacing=(z, y, x),
        unit="mm",
        source=path,
        grid=Grid(affine=affine, orientation=orientation),
        numbered=int(file.header["intent_code"]) == LABEL,
    )


def _check(path: Path, *, mask: bool) -> None:
    """Weigh what the header says, and read a compressed file's checksum."""
    import nibabel

    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as stream:
        block = stream.read(nibabel.Nifti2Header.sizeof_hdr)
    kind = (
        nibabel.Nifti2Header
        if 540 in (int.from_bytes(block[:4], e) for e in ("little", "big"))
        else (nibabel.Nifti1Header)
    )
    header = kind(block[: kind.sizeof_hdr], check=False)
    shape, scale = header.get_data_shape(), header.get_slope_inter()
    ahead, stored = int(header["vox_offset"]), header.get_data_dtype().itemsize
    if not 0 <= ahead <= _AHEAD:
        raise ImageReadError(
            f"{path} says that its voxels begin at byte {ahead}; expected 352 to {_AHEAD}. It is damaged: export it "
            "again."
        )
    needed = ahead + stored * math.prod(shape)
    if not packed:
        check_stored(path, needed)
    # numbers with a scale are read as doubles
    check_claim(path, shape, stored if scale in ((None, None), (1, 0)) else max(stored, 8), mask=mask)
    if packed:
        check_gzip(path, needed)


def _whole(data: np.ndarray, slope: float) -> np.ndarray:
    """Labels that a program stored as whole numbers times a scale: none is farther from its label than half of that.

    A scale of one or more puts several labels on one number; then nothing is mended.
    """
    if data.dtype.kind != "f" or not 0 < abs(slope) < 1 or not np.isfinite(data).all():
        return data
    near = np.round(data)
    return near if np.abs(data - near).max(initial=0) <= abs(slope) / 2 * (1 + 1e-6) else data


def write(
    path: Path,
    labels: np.ndarray,
    *,
    spacing: tuple[float, ...] | None = None,
    grid: Grid | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write labels or a map, whole or not at all.

    Parameters
    ----------
    labels : np.ndarray
        (Z, Y, X), or (Y, X): one slice.
    spacing : tuple of float, optional
        (z, y, x) or (y, x), mm; used where there is no grid.
    grid : Grid, optional
        Of the image that was segmented: the mask then lies on it voxel by voxel in any viewer.
    provenance : mapping, optional
        Stored as JSON in an extension of the header.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import nibabel

    data = (labels if labels.ndim == 3 else labels[None]).transpose()
    if grid is None:
        z, y, x = (1.0, *(spacing or (1.0, 1.0)))[-3:]
        affine = np.diag((x, y, z, 1.0))
    else:
        canonical = nibabel.orientations.axcodes2ornt("RAS")
        back = nibabel.orientations.ornt_transform(canonical, grid.orientation)
        data, affine = nibabel.orientations.apply_orientation(data, back), grid.affine
    image = nibabel.Nifti1Image(np.ascontiguousarray(data), affine)
    image.header.set_xyzt_units("mm")
    if provenance is not None:
        text = json.dumps({"medseg": dict(provenance)}, sort_keys=True, default=str)
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(COMMENT, text.encode()))
    with atomic_path(path) as temporary:
        image.to_filename(temporary)

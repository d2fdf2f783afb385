"""NIfTI volumes, by nibabel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid, Image

COMMENT = 6  # NIfTI's code of an extension that is plain text


def read(path: Path) -> Image:
    """Read a volume, turned so that its axes run to the head, the front and the right: (Z, Y, X) of RAS.

    Raises
    ------
    ImageReadError
        If the file is damaged, or holds no single volume of real numbers.
    """
    import nibabel

    try:
        file: Any = nibabel.load(path)
        data = np.asanyarray(file.dataobj)
        affine = np.asarray(file.affine, dtype=np.float64)
        orientation = nibabel.orientations.io_orientation(affine)
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
    )


def provenance_of(path: Path) -> Mapping[str, Any]:
    """What a mask of ours says of itself; empty for others."""
    import nibabel

    # whoever reads the volume tells what is wrong
    with suppress(Exception):
        file: Any = nibabel.load(path)
        for extension in file.header.extensions:
            if extension.get_code() == COMMENT:
                content = extension.get_content()
                text = content.decode() if isinstance(content, bytes) else content
                return dict(json.loads(text.rstrip("\0 "))["medseg"])
    return {}


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

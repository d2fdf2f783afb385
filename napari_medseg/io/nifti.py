"""NIfTI volumes, by nibabel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError, ShapeError
from napari_medseg.io.image import IN_MM, Grid, Image, usable_sizes

COMMENT = 6  # NIfTI's code of an extension that is plain text
# all that a header says of where its voxels lie; a mask gets the very same numbers
SPATIAL = (
    *("pixdim", "xyzt_units", "dim_info", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
)
# one of its units of length, in mm; 0 is unknown, and taken for mm as every program does
UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# an affine that squeezes one direction so much more than another is no geometry
LEAST_VOLUME = 1e-6


def read(path: Path) -> Image:
    """Read a volume, turned so that its axes run to the head, the front and the right: (Z, Y, X) of RAS.

    Raises
    ------
    ImageReadError
        If the file is damaged, holds no single volume of real numbers, or its header puts the voxels nowhere.
    """
    import nibabel

    file, shape = _open(path)
    try:
        data = np.asanyarray(file.dataobj)
    # a damaged file fails in many ways: ImageFileError, EOFError, zlib.error, OSError, ValueError, ...
    except Exception as error:
        raise _damaged(path, error) from error
    if len(shape) != 3 or data.dtype.kind not in "buif":
        raise ImageReadError(
            f"{path} holds {data.dtype} of shape {data.shape}; expected one volume of real numbers with three axes. "
            "Export the volume as a file of its own."
        )
    grid, orientation = _grid(path, file, shape)
    turned = nibabel.orientations.apply_orientation(data.reshape(shape), orientation)
    return Image(np.ascontiguousarray(turned.transpose()), spacing=grid.spacing, unit=grid.unit, source=path, grid=grid)


def read_grid(path: Path) -> Grid:
    """Where the voxels lie, as the header says; errors are those of :func:`read`."""
    file, shape = _open(path)
    if len(shape) != 3:
        raise ImageReadError(f"{path} has shape {file.shape}; expected one volume with three axes. Export it again.")
    return _grid(path, file, shape)[0]


def _open(path: Path) -> tuple[Any, tuple[int, ...]]:
    """A file whose header was read, and its shape with three axes where there are no more."""
    import nibabel

    try:
        file: Any = nibabel.load(path)
        shape = tuple(int(n) for n in file.shape)
        if not isinstance(file, nibabel.Nifti1Image):
            raise ValueError("another format")
    except Exception as error:
        raise _damaged(path, error) from error
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return file, (*shape, 1) if len(shape) == 2 else shape


def _damaged(path: Path, error: Exception) -> ImageReadError:
    return ImageReadError(
        f"{path} is damaged or no NIfTI ({type(error).__name__}); expected a whole volume. Copy or export it again."
    )


def _grid(path: Path, file: Any, shape: tuple[int, ...]) -> tuple[Grid, np.ndarray]:
    """Grid of the turned array, and nibabel's orientation of the file (3, 2)."""
    import nibabel

    header = file.header
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    used = next((name for name, code in codes.items() if code > 0), "pixdim")
    try:
        affines = [_with_depth(affine) if len(file.shape) == 2 else affine for affine in _affines(header, codes)]
    # a quaternion of no length, or sizes of none
    except Exception as error:
        raise _nowhere(path, used, codes, str(error)) from error
    scale = UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    affines = [affine * np.array([[scale], [scale], [scale], [1.0]]) for affine in affines]
    if not _is_place(affines[0]):
        raise _nowhere(path, used, codes, str(np.round(affines[0][:3], 6).tolist()))
    orientation = nibabel.orientations.io_orientation(affines[0])
    if np.isnan(orientation).any():
        raise _nowhere(path, used, codes, str(np.round(affines[0][:3], 6).tolist()))
    back = nibabel.orientations.inv_ornt_aff(orientation, shape)
    turned = tuple(shape[int(axis)] for axis in np.argsort(orientation[:, 0]))
    kept = {name: np.asarray(header[name]).tolist() for name in SPATIAL}
    return (
        Grid.of_affine(
            turned[::-1],
            affines[0] @ back,
            others=tuple(affine @ back for affine in affines[1:] if _is_place(affine)),
            stored="".join(nibabel.orientations.aff2axcodes(affines[0])),
            header={"nifti": {**kept, "axes": len(file.shape), "version": 2 if header["sizeof_hdr"] == 540 else 1}},
        ),
        orientation,
    )


def _affines(header: Any, codes: Mapping[str, int]) -> list[np.ndarray]:
    """Affines of a header, the one that counts first."""
    forms = {"sform": header.get_sform, "qform": header.get_qform}
    found = [np.asarray(forms[name](), np.float64) for name, code in codes.items() if code > 0]
    if found:
        return found
    # neither code: the middle is the origin and x runs to the left, as nibabel has it; ITK and the standard's own
    # first method begin at the first voxel
    sizes = np.asarray(header["pixdim"][1:4], np.float64)
    return [
        np.asarray(header.get_base_affine(), np.float64),
        np.diag((-sizes[0], -sizes[1], sizes[2], 1.0)),
        np.diag((*sizes, 1.0)),
    ]


def _with_depth(affine: np.ndarray) -> np.ndarray:
    """Of a file with two axes, whose header need not say how thick its slice is: 1 mm."""
    affine = affine.copy()
    if not affine[:3, 2].any():
        normal = np.cross(affine[:3, 0], affine[:3, 1])
        affine[:3, 2] = normal / max(np.linalg.norm(normal), np.finfo(float).tiny)
    return affine


def _is_place(affine: np.ndarray) -> bool:
    """Whether an affine puts voxels of some size into three directions."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not usable_sizes(sizes.tolist()):
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / sizes)) > LEAST_VOLUME)


def _nowhere(path: Path, used: str, codes: Mapping[str, int], says: str) -> ImageReadError:
    code = f" (code {codes[used]})" if used in codes else ""
    return ImageReadError(
        f"{path} has the {used}{code} {says}; expected voxels of some size in three directions. Export the volume "
        "again, or repair its header."
    )


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
        Of the image that was segmented: the mask then lies on it voxel by voxel in any program, as the whole spatial
        header of a NIfTI image goes into its mask. Of another image, the affine or the size of the pixels does.
    provenance : mapping, optional
        Stored as JSON in an extension of the header.

    Raises
    ------
    ShapeError
        If the labels have other pixels than the grid.
    OutputError
        If the file cannot be written.
    """
    import nibabel

    if labels.shape != grid.shape:
        raise ShapeError(
            f"labels have shape {labels.shape}; expected {grid.shape}, as of their image. Choose the image's own mask."
        )
    data = (labels if labels.ndim == 3 else labels[None]).transpose()
    kept = grid.header.get("nifti")
    image = _on_affine(data, grid) if kept is None else _on_header(data, kept)
    if provenance is not None:
        text = json.dumps({"medseg": dict(provenance)}, sort_keys=True, default=str)
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(COMMENT, text.encode()))
    with atomic_path(path) as temporary:
        image.to_filename(temporary)


def _on_header(data: np.ndarray, kept: Mapping[str, Any]) -> Any:
    """An image (x, y, z) turned back as the file has it, with its spatial header."""
    import nibabel

    kind = nibabel.Nifti2Image if kept["version"] == 2 else nibabel.Nifti1Image
    header = kind.header_class()
    for name in SPATIAL:
        header[name] = kept[name]
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    affine = _affines(header, codes)[0]
    orientation = nibabel.orientations.io_orientation(_with_depth(affine) if kept["axes"] == 2 else affine)
    back = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), orientation)
    turned = np.ascontiguousarray(nibabel.orientations.apply_orientation(data, back))
    if kept["axes"] == 2:
        turned = turned[..., 0]
    # without an affine, nibabel leaves what the header says
    image = kind(turned, None)
    for name in SPATIAL:
        image.header[name] = kept[name]
    return image


def _on_affine(data: np.ndarray, grid: Grid) -> Any:
    """An image (x, y, z) whose geometry comes from elsewhere."""
    import nibabel

    affine = grid.affine
    if affine is None:
        sizes = grid.spacing_mm or (1.0, 1.0)
        affine = np.diag((sizes[-1], sizes[-2], 1.0 if len(sizes) < 3 else sizes[0], 1.0))
    image = nibabel.Nifti1Image(np.ascontiguousarray(data), affine)
    image.set_sform(affine, 1)
    square = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # a quaternion knows no shear
    image.set_qform(affine, 1 if np.allclose(square.T @ square, np.eye(3), atol=1e-5) else 0, strip_shears=True)
    image.header.set_xyzt_units("mm" if grid.unit in IN_MM else "unknown")
    return image

"""What a NIfTI header says of where its voxels lie, and how a mask comes to say the same."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import IN_MM, Grid
from napari_medseg.io.orientation import why_none
from napari_medseg.io.ras import is_place

# all that a header says of where its voxels lie; a mask gets the very same numbers
SPATIAL = (
    *("pixdim", "xyzt_units", "dim_info", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
)
# one of its units of length, in mm; 0 is unknown, and taken for mm as every program does
UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# side of an image of the first version, px
LONGEST = 32767
# in the description of a volume of which no file said how it lies in the patient: its affine is only how it was shown
NO_SIDES = b"MedSeg: sides of the patient not known"


def grid_of(path: Path, file: Any, shape: tuple[int, ...]) -> tuple[Grid, np.ndarray]:
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
    if not is_place(affines[0]):
        raise _nowhere(path, used, codes, _rows(affines[0]))
    orientation = nibabel.orientations.io_orientation(affines[0])
    if np.isnan(orientation).any():
        raise _nowhere(path, used, codes, _rows(affines[0]))
    back = nibabel.orientations.inv_ornt_aff(orientation, shape)
    turned = tuple(shape[int(axis)] for axis in np.argsort(orientation[:, 0]))
    kept = {name: np.asarray(header[name]).tolist() for name in SPATIAL}
    if _of_no_sides(header):
        kept["sides"] = 0
    return (
        Grid.of_affine(
            turned[::-1],
            affines[0] @ back,
            others=tuple(affine @ back for affine in affines[1:] if is_place(affine)),
            stored="".join(nibabel.orientations.aff2axcodes(affines[0])),
            header={"nifti": {**kept, "axes": len(file.shape), "version": 2 if header["sizeof_hdr"] == 540 else 1}},
        ),
        orientation,
    )


def _rows(affine: np.ndarray) -> str:
    return str([[float(f"{value:.6g}") for value in row] for row in affine[:3].tolist()])


def _affines(header: Any, codes: Mapping[str, int]) -> list[np.ndarray]:
    """Affines of a header, the one that counts first."""
    forms = {"sform": header.get_sform, "qform": header.get_qform}
    first, *more = [forms[name] for name, code in codes.items() if code > 0] or [None]
    sizes = np.asarray(header["pixdim"][1:4], np.float64)
    # neither code: the middle is the origin and x runs to the left, as nibabel has it; ITK and the standard's own
    # first method begin at the first voxel
    silent = [
        np.asarray(header.get_base_affine(), np.float64),
        np.diag((-sizes[0], -sizes[1], sizes[2], 1.0)),
        np.diag((*sizes, 1.0)),
    ]
    if first is None and _of_no_sides(header):
        # how we had it, for ourselves
        return [np.asarray(header.get_sform(), np.float64), *silent]
    if first is not None:
        found = [np.asarray(first(), np.float64)]
        # what is wrong with the form that nobody asks is no matter
        with suppress(Exception):
            found += [np.asarray(other(), np.float64) for other in more]
        return found
    return silent


def _of_no_sides(header: Any) -> bool:
    return bytes(header["descrip"].item()).startswith(NO_SIDES)


def _with_depth(affine: np.ndarray) -> np.ndarray:
    """Of a file with two axes, whose header need not say how thick its slice is: 1 mm."""
    affine = affine.copy()
    if not affine[:3, 2].any():
        normal = np.cross(affine[:3, 0], affine[:3, 1])
        affine[:3, 2] = normal / max(np.linalg.norm(normal), np.finfo(float).tiny)
    return affine


def _nowhere(path: Path, used: str, codes: Mapping[str, int], says: str) -> ImageReadError:
    code = f" (code {codes[used]})" if used in codes else ""
    return ImageReadError(
        f"{path} has the {used}{code} {says}; expected voxels of some size in three directions. Export the volume "
        "again, or repair its header."
    )


def on_header(data: np.ndarray, kept: Mapping[str, Any]) -> Any:
    """An image (x, y, z) turned back as the file has it, with its spatial header."""
    import nibabel

    kind = nibabel.Nifti2Image if kept["version"] == 2 else nibabel.Nifti1Image
    header = kind.header_class()
    for name in SPATIAL:
        header[name] = kept[name]
    if not kept.get("sides", 1):
        header["descrip"] = NO_SIDES
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
    image.header["descrip"] = header["descrip"]
    return image


def on_affine(data: np.ndarray, grid: Grid) -> Any:
    """An image (x, y, z) whose geometry comes from elsewhere."""
    import nibabel

    affine = grid.affine
    if affine is None:
        known = grid.spacing_mm or (1.0, 1.0)
        affine = np.diag((known[-1], known[-2], 1.0 if len(known) < 3 else known[0], 1.0))
    # the first version counts in 16 bits
    kind = nibabel.Nifti1Image if max(data.shape) <= LONGEST else nibabel.Nifti2Image
    image = kind(np.ascontiguousarray(data), affine)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    unknown = why_none(grid) is not None
    # 0: nobody may take these axes for a patient's; a place that is known can be said in no other way than as one
    code = 0 if unknown and np.allclose(affine, np.diag((*sizes, 1.0))) else 1
    image.set_sform(affine, code)
    square = affine[:3, :3] / sizes
    # a quaternion knows no shear
    straight = np.allclose(square.T @ square, np.eye(3), atol=1e-5)
    image.set_qform(affine, code if straight else 0, strip_shears=True)
    if unknown:
        image.header["descrip"] = NO_SIDES
    image.header.set_xyzt_units("mm" if grid.unit in IN_MM else "unknown")
    return image

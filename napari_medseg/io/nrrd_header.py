"""What an NRRD header says of where its pixels lie, and how a mask comes to say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid, usable_sizes
from napari_medseg.io.orientation import why_none
from napari_medseg.io.ras import LPS, ToRas, axes_of, is_place

# all that a header says of where its voxels lie; a mask gets the very same
SPATIAL = (
    *("space", "space dimension", "space directions", "space origin", "space units"),
    *("spacings", "units", "kinds", "centers", "centerings"),
)
# directions of the axes that a space names, from them to RAS; without a name, as ITK has it
SPACES = {
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
    "left-anterior-superior": np.diag((-1.0, 1, 1, 1)),
    "las": np.diag((-1.0, 1, 1, 1)),
    "left-posterior-superior": LPS,
    "lps": LPS,
    "": LPS,
}
# without a unit, every program takes mm
MM = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0, "nm": 1e-6}
MICRONS = ("um", "µm", "micron", "microns", "micrometer", "micrometre")
PIXELS = ("pixel", "px")


@dataclass(frozen=True, slots=True, eq=False)
class Lie:
    """Where the pixels of a file lie.

    Parameters
    ----------
    grid : Grid
        Of the array as it is read.
    turn : ToRas or None
        Of a volume.
    axes : tuple of int
        Which axes of the file are in space, of those that count fastest first.
    colours : int or None
        Which axis holds red, green and blue.
    """

    grid: Grid
    turn: ToRas | None
    axes: tuple[int, ...]
    colours: int | None


# a number that is none is told by our own sentence
@np.errstate(all="ignore")
def lie_of(path: Path, header: Mapping[str, Any]) -> Lie:
    """Where the pixels lie.

    Raises
    ------
    ImageReadError
        If the header puts them nowhere, or they are neither an image nor a volume.
    """
    sizes = [int(n) for n in header["sizes"]]
    kinds = [str(kind).lower() for kind in header.get("kinds", ["domain"] * len(sizes))]
    colours = next((n for n, kind in enumerate(kinds[: len(sizes)]) if "color" in kind and sizes[n] in (3, 4)), None)
    axes = tuple(n for n in range(len(sizes)) if n != colours)
    while len(axes) > 3 and sizes[axes[-1]] == 1:
        axes = axes[:-1]
    if len(axes) not in (2, 3) or (colours is not None and len(axes) == 3):
        raise ImageReadError(
            f"{path} has {' x '.join(map(str, sizes))} numbers; expected one image, or one volume of a number a voxel. "
            "Export it as a file of its own."
        )
    shape = tuple(sizes[n] for n in axes)
    steps = _steps(header, axes)
    unit, factor = _unit(path, header)
    if len(axes) == 2:
        spacing = None if steps is None else tuple(float(size) * factor for size in np.linalg.norm(steps, axis=1)[::-1])
        if unit == "px" or spacing is None or not usable_sizes(spacing, unit):
            unit, spacing = "px", None
        return Lie(Grid(shape[::-1], spacing=spacing, unit=unit), None, axes, colours)
    affine = _affine(path, header, steps, 1e-3 if unit == "um" else factor)
    more: dict[str, Any] = {"sides": int("space" in header)}
    if len(sizes) == 3:
        kept = {name: _plain(header[name]) for name in SPATIAL if name in header}
        more |= {**kept, "shape": list(shape), "affine": affine.tolist()}
    nothing = steps is None or unit == "px"
    turn = ToRas.of(shape, affine, unit="px" if nothing else "mm", header={"nrrd": more}, stored=axes_of(affine))
    return Lie(turn.grid, turn, axes, None)


def _steps(header: Mapping[str, Any], axes: Sequence[int]) -> np.ndarray | None:
    """From each pixel to the next along each axis in space: (axes, space), as the header counts; None: not said."""
    directions = header.get("space directions")
    if directions is not None:
        return np.array([directions[n] for n in axes], float)
    spacings = header.get("spacings")
    if spacings is None:
        return None
    sizes = np.array([spacings[n] for n in axes], float)
    return np.diag(sizes) if np.isfinite(sizes).all() else None


def _affine(path: Path, header: Mapping[str, Any], steps: np.ndarray | None, factor: float) -> np.ndarray:
    space = str(header.get("space", "")).lower()
    to_ras = SPACES.get(space)
    if to_ras is None:
        raise ImageReadError(
            f"{path} lies in the space '{space[:40]}'; expected left-posterior-superior, right-anterior-superior or "
            "left-anterior-superior. Export it in one of them."
        )
    affine = np.eye(4)
    if steps is not None and steps.shape == (3, 3):
        affine[:3, :3] = steps.T * factor
        if header.get("space origin") is not None:
            origin = np.array(header["space origin"], float)
            affine[:3, 3] = origin * factor if origin.shape == (3,) else np.nan
    elif steps is not None:
        affine[:] = np.nan
    affine = to_ras @ affine
    if not is_place(affine):
        raise ImageReadError(
            f"{path} puts its voxels nowhere; expected voxels of some size in three directions. Export the volume "
            "again, or repair its header."
        )
    return affine


def _unit(path: Path, header: Mapping[str, Any]) -> tuple[str, float]:
    """Unit of the spacings as they are kept, and what the header's own are times."""
    said = header.get("space units") or header.get("units") or [""]
    units = {str(one).strip().lower() for one in said} - {"", "nan", "none"} or {""}
    (unit, *others) = sorted(units)
    if not others and unit in MICRONS:
        return "um", 1.0
    if not others and unit in PIXELS:
        return "px", 1.0
    if not others and unit in MM:
        return "mm", MM[unit]
    raise ImageReadError(
        f"{path} counts in units that are none of length, or several; expected mm along each axis. Export it in mm."
    )


def _plain(value: Any) -> Any:
    """Numbers and texts of a header as they can be kept."""
    return value.tolist() if isinstance(value, np.ndarray) else value if isinstance(value, str | int) else list(value)


def placed(data: np.ndarray, grid: Grid) -> tuple[np.ndarray, dict[str, Any]]:
    """What is written, as NRRD counts it, (X, Y) or (X, Y, Z), and the header that says where it lies."""
    kept = grid.header.get("nrrd")
    if data.ndim == 3 and kept is not None and "affine" in kept:
        turn = ToRas.of(tuple(kept["shape"]), np.array(kept["affine"], float))
        return turn.back(data), {name: kept[name] for name in SPATIAL if name in kept}
    if data.ndim == 2:
        if grid.spacing is None or grid.unit == "px":
            return data.T, {}
        return data.T, {"spacings": [float(size) for size in grid.spacing[::-1]], "units": [grid.unit] * 2}
    affine = grid.affine
    if affine is None:
        z, y, x = grid.spacing_mm or (1.0, 1.0, 1.0)
        affine = np.diag((x, y, z, 1.0))
    lps = LPS @ affine + 0.0
    return data.transpose(), {
        # a name of the space would say how it lies in the patient
        **({"space dimension": 3} if why_none(grid) is not None else {"space": "left-posterior-superior"}),
        "space directions": lps[:3, :3].T,
        "space origin": lps[:3, 3],
        "space units": ["pixel" if grid.unit == "px" else "mm"] * 3,
        "kinds": ["domain"] * 3,
    }

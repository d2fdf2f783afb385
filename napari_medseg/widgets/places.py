"""Where layers lie: does a mask lie on its image, on which image does a mask lie, and was that image moved?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.app.export import layer_spacing
from napari_medseg.app.layer_keys import GRID_KEY, SIZE_KEY
from napari_medseg.errors import InputError
from napari_medseg.io import Grid
from napari_medseg.widgets.layers import OF_KEY, is_map

# scale and the rest, as napari's layer controls call them
PARTS = ("scale", "translate", "rotate", "shear", "affine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a mask is written on: the pixels of an image.

    Attributes
    ----------
    spacing : tuple of float or None
    unit : str
    grid : Grid or None
        Of a volume that was read from a file.
    """

    spacing: tuple[float, ...] | None = None
    unit: str = "px"
    grid: Grid | None = None


def image_shape(image: Image) -> tuple[int, ...] | None:
    """(Y, X) or (Z, Y, X): the shape of a mask of it; None where it has other axes or several scales."""
    if image.multiscale or image.ndim not in (2, 3):
        return None
    return tuple(int(n) for n in image.data.shape[: image.ndim])


def _part(layer: Layer, name: str) -> np.ndarray:
    value = getattr(layer, name)
    return np.asarray(value.affine_matrix if name == "affine" else value, dtype=float)


def apart(mask: Layer, image: Layer) -> str | None:
    """Why a layer does not lie on an image as its pixels do; None where it does."""
    if mask.ndim != image.ndim:
        return f"'{mask.name}' has {mask.ndim} axes; expected {image.ndim}, as its image '{image.name}'."
    for name in PARTS:
        its, wanted = _part(mask, name), _part(image, name)
        if not _alike(its, wanted):
            return (
                f"'{mask.name}' has {name} {_said(its)}; expected {_said(wanted)}, as its image '{image.name}': it "
                f"does not lie on that image's pixels. Set its {name} back."
            )
    return None


def moved(layer: Layer) -> str | None:
    """Why what was read from a volume's file does not lie any more where that file says; None where it does."""
    size = layer.metadata.get(SIZE_KEY)
    if size is None or layer.metadata.get(GRID_KEY) is None:
        return None
    for name, wanted in {**_still(len(size)), "scale": np.array(size)}.items():
        its = _part(layer, name)
        if not _alike(its, wanted):
            return (
                f"'{layer.name}' has {name} {_said(its)}; expected {_said(wanted)}, as in its file: a mask would be "
                f"written where the file lies, not where it is seen. Set its {name} back."
            )
    return None


def _turned(mask: Labels) -> str | None:
    """Why a mask that lies on no image cannot be written as it is seen; None where it can."""
    for name, wanted in _still(mask.ndim).items():
        its = _part(mask, name)
        if not _alike(its, wanted):
            return (
                f"'{mask.name}' has {name} {_said(its)} and lies on no image here; expected {_said(wanted)}, as no "
                f"file would tell. Set its {name} back, or open its image."
            )
    return None


def _still(axes: int) -> dict[str, np.ndarray]:
    """Where a layer lies that nobody moved, but for its scale."""
    shear = np.zeros(axes * (axes - 1) // 2)
    return {"translate": np.zeros(axes), "rotate": np.eye(axes), "shear": shear, "affine": np.eye(axes + 1)}


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=1e-8)


def _said(values: np.ndarray) -> str:
    # six digits, and no minus before a zero
    return str((np.array([float(f"{value:.6g}") for value in values.flat]) + 0.0).reshape(values.shape).tolist())


def image_under(layers: Any, mask: Labels) -> Image | None:
    """The image on which a mask lies, pixel by pixel; None where no image has its shape.

    Raises
    ------
    InputError
        If it lies beside the image that it was made for or that has its shape, or on several that differ.
    """
    images = [layer for layer in layers if isinstance(layer, Image) and not is_map(layer)]
    own = [image for image in images if str(image.unique_id) == mask.metadata.get(OF_KEY, ("",))[0]]
    if own and image_shape(own[0]) != mask.data.shape:
        raise InputError(
            f"'{mask.name}' has shape {mask.data.shape}; expected {image_shape(own[0])}, as its image "
            f"'{own[0].name}'. Select the mask of that image, or remove that layer."
        )
    alike = own or [image for image in images if image_shape(image) == mask.data.shape]
    why = [apart(mask, image) for image in alike]
    found = [image for image, problem in zip(alike, why, strict=True) if problem is None]
    if alike and not found:
        raise InputError(str(why[0]))
    if any(not _same(ground_of(image), ground_of(found[0])) for image in found):
        names = ", ".join(f"'{image.name}'" for image in found)
        raise InputError(
            f"'{mask.name}' lies on {names}, whose files lie differently; expected one of them. Remove the others."
        )
    return found[0] if found else None


def ground_of(image: Image) -> Ground:
    """What a mask of an image is written on."""
    spacing, unit = layer_spacing(image.scale, image.units)
    return Ground(spacing=spacing, unit=unit, grid=image.metadata.get(GRID_KEY))


def ground_under(layers: Any, mask: Labels) -> Ground:
    """What a mask is written on: its image's pixels, or where it has none, its own.

    Raises
    ------
    InputError
        If that is not where it is seen.
    """
    image = image_under(layers, mask)
    if image is None:
        if (why := moved(mask) or (_turned(mask) if GRID_KEY not in mask.metadata else None)) is not None:
            raise InputError(why)
        spacing, unit = layer_spacing(mask.scale, mask.units)
        return Ground(spacing=spacing, unit=unit, grid=mask.metadata.get(GRID_KEY))
    if (why := moved(image)) is not None:
        raise InputError(why)
    return ground_of(image)


def _same(a: Ground, b: Ground) -> bool:
    if a.grid is None or b.grid is None:
        return a.grid is b.grid and a.spacing == b.spacing and a.unit == b.unit
    return a.grid is b.grid or _affine(a.grid) == _affine(b.grid)


def _affine(grid: Grid) -> Any:
    return np.asarray(grid.affine).tolist()

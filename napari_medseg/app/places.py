"""Where napari's layers lie: does a mask lie on its image, and on which grid is it written?

Knows layers by what they can do, not napari: the panel and napari's Save dialog ask the same questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.layer_keys import FILE_KEY, GRID_KEY, OF_KEY, SIZE_KEY, UNSIZED_KEY, number_of
from napari_medseg.errors import InputError
from napari_medseg.io import Grid
from napari_medseg.io.geometry import same_place
from napari_medseg.io.image import IN_MM
from napari_medseg.words import tr

# scale and the rest, as napari's layer controls call them
PARTS = ("scale", "translate", "rotate", "shear", "affine")
_UNITS = {
    **dict.fromkeys(("millimeter", "mm"), "mm"),
    **dict.fromkeys(("micrometer", "um", "\u00b5m", "\u03bcm", "micron"), "um"),
}


def unit_of(layer: Any) -> str:
    """``mm``, ``um``, or ``px`` of what a layer counts in."""
    return "px" if layer.metadata.get(UNSIZED_KEY) else unit_named(layer.units)


def unit_named(units: Sequence[Any]) -> str:
    """``mm``, ``um``, or ``px`` of napari's units, one an axis."""
    return _UNITS.get(str(units[-1]), "px")


def name_of_unit(unit: str) -> str:
    """As napari calls ``mm``, ``um`` and ``px``."""
    return {"mm": "millimeter", "um": "micrometer"}.get(unit, "pixel")


def image_shape(image: Any) -> tuple[int, ...] | None:
    """(Y, X) or (Z, Y, X): the shape of a mask of it; None where it has other axes or several scales."""
    if image.multiscale or image.ndim not in (2, 3):
        return None
    return tuple(int(n) for n in image.data.shape[: image.ndim])


def matrix_of(layer: Any) -> np.ndarray:
    """From a layer's indices, in reversed order (x, y, z), to the world's (x, y, z): all that was set of its place."""
    axes = layer.ndim
    origin = np.array(layer.data_to_world(np.zeros(axes)), dtype=float)
    steps = [np.array(layer.data_to_world(step), dtype=float) - origin for step in np.eye(axes)]
    matrix = np.eye(axes + 1)
    matrix[:axes, :axes] = np.array(steps).T[::-1, ::-1]
    matrix[:axes, axes] = origin[::-1]
    return matrix


def apart(mask: Any, image: Any) -> str | None:
    """Why a layer does not lie on an image as its pixels do; None where it does."""
    if mask.ndim != image.ndim:
        return tr(
            "'{mask}' has {ndim} axes; expected {wanted}, as its image '{image}'.",
            mask=mask.name,
            ndim=mask.ndim,
            wanted=image.ndim,
            image=image.name,
        )
    if same_place(matrix_of(image), matrix_of(mask), mask.data.shape):
        return None
    name = next((name for name in PARTS if not _alike(_part(mask, name), _part(image, name))), PARTS[0])
    return tr(
        "'{mask}' has {part} {said}; expected {wanted}, as its image '{image}': it does not lie on that "
        "image's pixels. Set its {part} back.",
        mask=mask.name,
        part=name,
        said=_said(_part(mask, name)),
        wanted=_said(_part(image, name)),
        image=image.name,
    )


def moved(layer: Any) -> str | None:
    """Why what was read from a volume's file does not lie any more where that file says; None where it does."""
    size = layer.metadata.get(SIZE_KEY)
    if size is None or layer.metadata.get(GRID_KEY) is None:
        return None
    for name, wanted in {"scale": np.array(size), **_still(len(size))}.items():
        its = _part(layer, name)
        if not _alike(its, wanted):
            return tr(
                "'{layer}' has {part} {said}; expected {wanted}, as in its file: a mask would be written where "
                "the file lies, not where it is seen. Set its {part} back.",
                layer=layer.name,
                part=name,
                said=_said(its),
                wanted=_said(wanted),
            )
    return None


def _turned(layer: Any) -> str | None:
    """Why a flat mask that lies on no image cannot be written as it is seen; None where it can."""
    for name, wanted in _still(layer.ndim).items():
        its = _part(layer, name)
        # a size may stand in the affine too
        if not _alike(its, np.diag(np.diag(its)) if name == "affine" else wanted):
            return tr(
                "'{layer}' has {part} {said} and lies on no image here; expected {wanted}, as no file of an "
                "image would tell. Set its {part} back, or open its image.",
                layer=layer.name,
                part=name,
                said=_said(its),
                wanted=_said(wanted),
            )
    return None


def _still(axes: int) -> dict[str, np.ndarray]:
    """Where a layer lies that nobody moved, but for its scale."""
    shear = np.zeros(axes * (axes - 1) // 2)
    return {"translate": np.zeros(axes), "rotate": np.eye(axes), "shear": shear, "affine": np.eye(axes + 1)}


def _part(layer: Any, name: str) -> np.ndarray:
    value = getattr(layer, name)
    return np.asarray(value.affine_matrix if name == "affine" else value, dtype=float)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=1e-8)


def _said(values: np.ndarray) -> str:
    # six digits, and no minus before a zero
    return str((np.array([float(f"{value:.6g}") for value in values.flat]) + 0.0).reshape(values.shape).tolist())


def image_under(images: Sequence[Any], mask: Any) -> Any:
    """The image layer on which a mask lies, pixel by pixel; None where no image has its shape.

    Parameters
    ----------
    images : sequence of napari.layers.Image
        All that are open, without our maps.
    mask : napari.layers.Labels

    Raises
    ------
    InputError
        If it lies beside the image that it was made for or that has its shape, or on several that differ.
    """
    own = [image for image in images if number_of(image) == mask.metadata.get(OF_KEY, ("",))[0]]
    if own and image_shape(own[0]) != mask.data.shape:
        raise InputError(
            tr(
                "'{mask}' has shape {shape}; expected {wanted}, as its image '{image}'. Select the mask of "
                "that image, or remove that layer.",
                mask=mask.name,
                shape=mask.data.shape,
                wanted=image_shape(own[0]),
                image=own[0].name,
            )
        )
    alike = own or [image for image in images if image_shape(image) == mask.data.shape]
    why = [apart(mask, image) for image in alike]
    found = [image for image, problem in zip(alike, why, strict=True) if problem is None]
    if alike and not found:
        raise InputError(str(why[0]))
    if any(not _same(grid_of(image), grid_of(found[0])) for image in found):
        names = ", ".join(f"'{image.name}'" for image in found)
        raise InputError(
            tr(
                "'{mask}' lies on {names}, whose files lie differently; expected one of them. Remove the others.",
                mask=mask.name,
                names=names,
            )
        )
    return found[0] if found else None


def grid_of(layer: Any) -> Grid:
    """The grid of a layer's pixels: that of its file, or where no file says it, as the layer is shown.

    The world's axes are taken for the patient's: x to the right, y to the front, z up.
    """
    shape = tuple(int(n) for n in layer.data.shape[: layer.ndim])
    known = layer.metadata.get(GRID_KEY)
    if isinstance(known, Grid) and known.shape == shape:
        return known
    unit, matrix = unit_of(layer), matrix_of(layer)
    if layer.ndim == 3:
        matrix[:3] *= IN_MM.get(unit, 1.0)
        return Grid.of_affine(shape, matrix, unit="px" if unit == "px" else "mm")
    sizes = np.linalg.norm(matrix[:-1, :-1], axis=0)
    return Grid(shape, spacing=None if unit == "px" else tuple(float(size) for size in sizes[::-1]), unit=unit)


def resized(image: Any, kept: Grid) -> str | None:
    """Why an image is not of the size, or not in the place, that its project keeps; None where it is, or says nothing.

    The project keeps what was known when the image was added; its exports say that.
    """
    now = grid_of(image)
    if now.affine is not None and kept.affine is not None:
        same = same_place(kept.affine, now.affine, now.shape)
    else:
        sizes, known = now.spacing_mm, kept.spacing_mm
        same = sizes is None or (known is not None and np.allclose(sizes, known, rtol=1e-4))
    if same:
        return None
    return tr(
        "'{image}' has {place}; expected {wanted}, as its project keeps since it was added. Set "
        "its scale back, or export it as the selected mask, which is written as it is shown.",
        image=image.name,
        place=now.describe(),
        wanted=kept.describe(),
    )


def grid_under(images: Sequence[Any], mask: Any) -> Grid:
    """The grid that a mask is written on: its image's, or where it has none, its own.

    Parameters and errors are those of :func:`image_under`; it is also an error where that is not where it is seen.
    """
    image = image_under(images, mask)
    ground = mask if image is None else image
    flat = image is None and mask.ndim == 2
    if (why := moved(ground) or (_turned(mask) if flat else None)) is not None:
        raise InputError(why)
    return grid_of(ground)


def file_under(images: Sequence[Any], mask: Any) -> Path | None:
    """The file of the image that a mask lies on; None where it lies on none, or nobody knows from where that is.

    Parameters and errors are those of :func:`image_under`.
    """
    image = image_under(images, mask)
    if image is None:
        return None
    known = image.metadata.get(FILE_KEY) or getattr(getattr(image, "source", None), "path", None)
    return None if known is None else Path(known)


def _same(a: Grid, b: Grid) -> bool:
    if a.affine is None or b.affine is None:
        return a.spacing == b.spacing and a.unit == b.unit
    return a.header == b.header and np.array_equal(a.affine, b.affine)

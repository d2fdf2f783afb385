"""What the metadata of an OME-Zarr image says, version 0.4 and 0.5, as plain values: knows no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid, usable_sizes
from napari_medseg.io.tiff_size import NAMED_IN_UM, unit_of

VERSIONS = ("0.4", "0.5")
# under which our own words stand beside OME's
KEY = "medseg"
RGB_TOLD = "its three channels were read as red, green and blue."
_RGB = ["FF0000", "00FF00", "0000FF"]
_WORDS = {"time": "times", "channel": "channels"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image of a store: its full level.

    Parameters
    ----------
    array : str
        Where its array is, below the group.
    axes : tuple of (name, type)
    scale, translation : tuple of float
        From indices to units, by axis.
    units : tuple of str
    colours : bool or None
        Whether its channels are shown as red, green and blue; None where nothing says how.
    labels : tuple of str
        Names of labels that lie in it.
    is_labels : bool
        It holds labels itself.
    own : mapping
        What this program wrote beside.
    names : dict of int to str
        What its labels are called.
    smaller : tuple of str
        Where the arrays of its smaller levels are.
    """

    array: str
    axes: tuple[tuple[str, str], ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    units: tuple[str, ...]
    colours: bool | None
    is_labels: bool
    own: Mapping[str, Any]
    names: dict[int, str]
    smaller: tuple[str, ...] = ()


def picture_of(attributes: Mapping[str, Any], path: Path) -> Picture:
    """The one image of a group, by its attributes.

    Raises
    ------
    ImageReadError
        If there is none, or of another version.
    """
    ome = attributes.get("ome")
    facts: Mapping[str, Any] = ome if isinstance(ome, Mapping) else attributes
    if "plate" in facts or "well" in facts:
        raise ImageReadError(f"{path} holds the images of a plate; expected one image. Give the folder of a field.")
    several = facts.get("multiscales")
    if not isinstance(several, Sequence) or not several or not isinstance(several[0], Mapping):
        raise ImageReadError(f"{path} is Zarr without an image of OME's; expected OME-Zarr. Export it as such.")
    if len(several) > 1:
        raise ImageReadError(f"{path} holds {len(several)} images; expected one. Save the one you need by itself.")
    image = several[0]
    version = str(facts.get("version") or image.get("version") or ("0.5" if ome else "0.4"))
    if version not in VERSIONS:
        raise ImageReadError(
            f"{path} is OME-Zarr of version {version[:20]}; expected {' or '.join(VERSIONS)}. Export it in one of them."
        )
    axes = tuple((str(axis["name"]), str(axis.get("type", ""))) for axis in image["axes"])
    datasets = image["datasets"]
    array, *smaller = (str(one["path"]).strip("/") for one in datasets)
    if not _inside(array):
        raise ImageReadError(f"{path} names an array outside of it; expected one inside. Export it again.")
    # the level's own first, then what holds for all levels
    steps = [*datasets[0].get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]
    scale, translation = _transformed(steps, len(axes), path)
    own = attributes.get(KEY)
    return Picture(
        array=array,
        axes=axes,
        scale=scale,
        translation=translation,
        units=tuple(str(axis.get("unit", "")) for axis in image["axes"]),
        colours=_colours(facts),
        is_labels="image-label" in facts,
        own=own if isinstance(own, Mapping) else {},
        names=_names_in(facts.get("image-label")),
        smaller=tuple(name for name in smaller if _inside(name)),
    )


def _inside(array: str) -> bool:
    """Whether the name of an array leads into its group."""
    return bool(array) and ".." not in array.split("/") and "\\" not in array and ":" not in array


def _names_in(labels: object) -> dict[int, str]:
    """Names by label, as the properties of labels tell them."""
    listed = labels.get("properties") if isinstance(labels, Mapping) else None
    rows = [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []
    named = ((row.get("label-value"), row.get("name")) for row in rows)
    return {label: name for label, name in named if isinstance(label, int) and isinstance(name, str)}


def label_names(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Names in a group of labels."""
    ome = attributes.get("ome")
    names = (ome if isinstance(ome, Mapping) else attributes).get("labels")
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, Sequence) else ()


def _transformed(steps: Sequence[Any], axes: int, path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    scale, offset = np.ones(axes), np.zeros(axes)
    for step in steps:
        kind = step.get("type")
        if kind == "identity":
            continue
        values = np.array(step.get(str(kind), ()), float)
        if kind not in ("scale", "translation") or values.shape != (axes,) or not np.isfinite(values).all():
            raise ImageReadError(
                f"{path} has a transformation of kind '{str(kind)[:20]}' that cannot be followed; expected a scale and "
                f"a translation of {axes} numbers. Export it again so."
            )
        scale, offset = (scale * values, offset * values) if kind == "scale" else (scale, offset + values)
    return tuple(scale.tolist()), tuple(offset.tolist())


def _colours(facts: Mapping[str, Any]) -> bool | None:
    shown = facts.get("omero")
    channels = shown.get("channels") if isinstance(shown, Mapping) else None
    if not isinstance(channels, Sequence):
        return None
    return [str(one.get("color", "")).upper() for one in channels if isinstance(one, Mapping)] == _RGB


@dataclass(frozen=True, slots=True, eq=False)
class Lie:
    """How an array becomes an image or a volume.

    Parameters
    ----------
    at : tuple of slice or int
        What of the array it is; each axis that is left out has one element.
    colours : bool
        The first axis is red, green and blue.
    grid : Grid
    """

    at: tuple[Any, ...]
    colours: bool
    grid: Grid


def lie_of(picture: Picture, shape: tuple[int, ...], path: Path) -> Lie:
    """Where the pixels of an image lie.

    Raises
    ------
    ImageReadError
        If it has several times, or channels that are no colours, or its axes run in another order than z, y, x.
    """
    names = [name for name, _ in picture.axes]
    if len(shape) != len(names):
        raise ImageReadError(
            f"{path} has {len(shape)} axes, and its metadata tells of {len(names)}; expected the same. Export it again."
        )
    space = [n for n, (name, kind) in enumerate(picture.axes) if kind == "space" or (not kind and name in "zyx")]
    if [names[n] for n in space] not in (["y", "x"], ["z", "y", "x"]):
        found = ", ".join(names[n] for n in space)
        raise ImageReadError(f"{path} has the axes {found[:60]}; expected z, y, x in this order. Export it again so.")
    grid = _own_grid(picture, tuple(shape[n] for n in space))
    deep = len(space) == 3 and (shape[space[0]] > 1 or (grid is not None and len(grid.shape) == 3))
    kept = space if deep else space[-2:]
    more = [n for n in range(len(shape)) if n not in space and shape[n] > 1]
    colours = len(more) == 1 and picture.axes[more[0]][1] == "channel" and shape[more[0]] == 3 and not deep
    if more and not (colours and picture.colours is not False):
        counts = " x ".join(f"{shape[n]} {_WORDS.get(picture.axes[n][1], 'of axis ' + names[n][:20])}" for n in more)
        raise ImageReadError(
            f"{path} holds {counts}; expected one image, or one volume in one channel. Save the one you need by itself."
        )
    at = tuple(slice(None) if n in kept or n in more else 0 for n in range(len(shape)))
    if grid is None:
        grid = _grid(picture, tuple(shape[n] for n in kept), kept)
    return Lie(at, bool(more), grid)


def _grid(picture: Picture, shape: tuple[int, ...], axes: Sequence[int]) -> Grid:
    """The grid that scale, translation and units tell of."""
    factors = [NAMED_IN_UM.get(unit_of(picture.units[n])) for n in axes]
    known = [factor / 1e3 for factor in factors if factor is not None]
    sizes = [abs(picture.scale[n]) * factor for n, factor in zip(axes, known, strict=False)]
    if len(known) < len(axes) or not usable_sizes(sizes):
        sizes = known = []
    if len(shape) == 2:
        # as other images of microscopes
        return Grid(shape, tuple(size * 1e3 for size in sizes), "um") if sizes else Grid(shape)
    affine = np.eye(4)
    if sizes:
        affine = np.diag((*(picture.scale[n] * factor for n, factor in zip(axes, known, strict=True)),))[::-1, ::-1]
        affine = np.block([[affine, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])
        affine[:3, 3] = [picture.translation[n] * factor for n, factor in zip(axes, known, strict=True)][::-1]
    return Grid.of_affine(shape, affine, unit="mm" if sizes else "px")


def _own_grid(picture: Picture, shape: tuple[int, ...]) -> Grid | None:
    """The grid that we wrote, if the image is still of its size: scale and translation hold less."""
    try:
        grid = Grid.from_json(str(picture.own["grid"]))
    except (KeyError, ValueError):
        return None
    scale = picture.scale[-len(grid.shape) :]
    same = grid.shape == shape and np.allclose(scale, grid.spacing or (1.0,) * len(grid.shape), rtol=1e-6)
    lies = grid.affine is None or (grid.affine.shape == (4, 4) and bool(np.isfinite(grid.affine).all()))
    return grid if same and lies and (grid.affine is None) == (len(shape) == 2) else None

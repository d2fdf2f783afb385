"""Labels, maps and images as OME-Zarr 0.5: a folder, or one file of it, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_folder, atomic_path
from napari_medseg.errors import OutputError
from napari_medseg.io.colours import colour_in, names_of, palette_of
from napari_medseg.io.image import Grid
from napari_medseg.io.json_file import plain
from napari_medseg.io.ome_zarr_meta import KEY

SUFFIXES = (".ome.zarr", ".zarr", ".zarr.zip")
VERSION = "0.5"
_UNITS = {"mm": "millimeter", "um": "micrometer"}
# sides of a chunk, px
_FLAT, _DEEP = 1024, 128


def write_labels(
    path: Path,
    labels: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
    source: Path | None = None,
) -> None:
    """Write labels with their colours and names, whole or not at all.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X).
    grid : Grid
        Of their shape. OME-Zarr has scale and translation; the whole of it is kept beside, as text.
    provenance : mapping, optional
        Kept beside; its ``classes`` are the names of the labels and its ``colours`` their colours.
    source : Path, optional
        The image that was segmented: named where it is OME-Zarr too.

    Raises
    ------
    OutputError
        If it cannot be written, or there is a folder of this name that this program did not write.
    """
    facts = label_facts(labels, provenance)
    if source is not None and source.is_dir() and source.name.lower().endswith(SUFFIXES):
        facts["source"] = {"image": Path(os.path.relpath(source.absolute(), path.absolute())).as_posix()}
    _write(path, labels, grid, {"image-label": facts}, provenance)


def label_facts(labels: np.ndarray, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    """Colours of the labels, integer of any shape, and names where there are some, as OME-Zarr has them."""
    facts: dict[str, Any] = {"colors": _colours(labels, provenance)}
    names = names_of(provenance)
    if names:
        facts["properties"] = [{"label-value": number, "name": name} for number, name in names.items()]
    return facts


def write(path: Path, data: np.ndarray, *, grid: Grid) -> None:
    """Write a map or an image, (Y, X) or (Z, Y, X), whole or not at all; errors are those of :func:`write_labels`."""
    _write(path, data, grid, {}, None)


def _write(
    path: Path, data: np.ndarray, grid: Grid, more: Mapping[str, Any], provenance: Mapping[str, Any] | None
) -> None:
    own: dict[str, Any] = {"grid": grid.to_json()}
    if provenance is not None:
        own["provenance"] = plain(provenance)
    attributes = {"ome": {"version": VERSION, "multiscales": [_image(path, data, grid)], **more}, KEY: own}
    if path.name.lower().endswith(".zip"):
        with atomic_path(path) as temporary:
            folder = temporary.with_name(temporary.name + ".d")
            try:
                _fill(folder, data, attributes)
                _pack(folder, temporary)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return
    if path.is_dir() and not is_ours(path):
        raise OutputError(f"{path} is a folder that MedSeg did not write; expected none. Choose another name.")
    with atomic_folder(path) as temporary:
        _fill(temporary, data, attributes)


def is_ours(path: Path) -> bool:
    """Whether a folder is OME-Zarr that this program wrote."""
    try:
        found = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
        return isinstance(found["attributes"][KEY], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def axes_of(ndim: int, unit: str) -> list[dict[str, Any]]:
    """OME's axes of an image or a volume."""
    named = {"unit": _UNITS[unit]} if unit in _UNITS else {}
    return [{"name": name, "type": "space", **named} for name in "zyx"[-ndim:]]


def _image(path: Path, data: np.ndarray, grid: Grid) -> dict[str, Any]:
    unit = _UNITS.get(grid.unit)
    spacing = [float(size) for size in grid.spacing or (1.0,) * data.ndim]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": spacing}]
    affine = grid.affine
    # what is turned or sheared has no place here
    if affine is not None and unit == "millimeter" and np.allclose(affine[:3, :3], np.diag(spacing[::-1]), atol=1e-9):
        steps.append({"type": "translation", "translation": [float(at) for at in affine[2::-1, 3]]})
    axes = axes_of(data.ndim, grid.unit)
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    return {"name": path.name.partition(".")[0] or path.name, "axes": axes, "datasets": datasets}


def _fill(folder: Path, data: np.ndarray, attributes: Mapping[str, Any]) -> None:
    import zarr
    from zarr.codecs import ZstdCodec

    side = _FLAT if data.ndim == 2 else _DEEP
    zarr.create_group(folder, zarr_format=3, attributes=dict(attributes))
    # one that is missing was then lost
    whole: Any = {"write_empty_chunks": True}
    array = zarr.create_array(
        folder,
        name="0",
        shape=data.shape,
        dtype=data.dtype,
        chunks=tuple(min(n, side) for n in data.shape),
        compressors=ZstdCodec(level=3, checksum=True),
        fill_value=0,
        dimension_names=tuple("zyx"[-data.ndim :]),
        config=whole,
    )
    array[...] = data


def _pack(folder: Path, target: Path) -> None:
    """One file of a folder, its root's metadata first; chunks are packed already."""
    files = sorted(
        (file for file in folder.rglob("*") if file.is_file()), key=lambda file: (len(file.parts), file.name)
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for file in files:
            packed.write(file, file.relative_to(folder).as_posix())


def _colours(labels: np.ndarray, provenance: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    palette = palette_of(provenance)
    numbers = sorted({*np.flatnonzero(np.bincount(labels.ravel())).tolist(), *names_of(provenance)} - {0})
    return [{"label-value": number, "rgba": [*colour_in(palette, number), 255]} for number in numbers]

"""Masks larger than memory, written block by block; each file is whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_folder
from napari_medseg.errors import OutputError
from napari_medseg.io import geojson
from napari_medseg.io.image import Grid
from napari_medseg.io.json_file import plain
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large_outlines import Parted, Read, large_objects
from napari_medseg.io.ome_zarr_meta import KEY
from napari_medseg.io.ome_zarr_write import is_ours, label_facts

Progress = Callable[[float], None]


def write_zarr(path: Path, read: Read, *, grid: Grid, provenance: Mapping[str, Any], progress: Progress) -> None:
    """Write labels as OME-Zarr, with smaller levels.

    Parameters
    ----------
    read : callable
        Labels (uint8) of a box, px.
    grid : Grid
        (Y, X) or (Z, Y, X).
    provenance : mapping
        As :func:`napari_medseg.io.write_mask` takes it.
    progress : callable
        Called with the share that is done; what it raises ends the work, and nothing is left.

    Raises
    ------
    OutputError
        If it cannot be written, or there is a folder of this name that this program did not write.
    """
    if path.is_dir() and not is_ours(path):
        raise OutputError(f"{path} is a folder that MedSeg did not write; expected none. Choose another name.")
    seen = np.zeros(256, bool)
    with atomic_folder(path) as temporary:
        store = LabelBlocks.create(temporary, grid, {})
        blocks = store.blocks()
        for number, index in enumerate(blocks):
            progress(number / len(blocks))
            labels = read(store.box(index))
            seen |= np.bincount(labels.ravel(), minlength=256) > 0
            store.write(index, labels)
        _describe(temporary, path, np.flatnonzero(seen), provenance)


def _describe(folder: Path, path: Path, labels: np.ndarray, provenance: Mapping[str, Any]) -> None:
    """Names and colours, and where the mask comes from, as our other masks have them."""
    import zarr

    root = zarr.open_group(folder, mode="r+", zarr_format=3)
    found: Any = root.attrs.asdict()
    ome, own = dict(found["ome"]), dict(found[KEY])
    ome["image-label"] = label_facts(labels, provenance)
    ome["multiscales"] = [{**ome["multiscales"][0], "name": path.name.partition(".")[0]}]
    root.attrs.update({"ome": ome, KEY: {**own, "provenance": plain(provenance)}})


def write_geojson(
    path: Path,
    read: Read,
    *,
    grid: Grid,
    provenance: Mapping[str, Any],
    progress: Progress,
    parted: Parted | None = None,
) -> None:
    """Write labels (Y, X) as objects; parameters and errors are those of :func:`write_zarr`.

    ``parted``: tells objects apart that touch, see :func:`napari_medseg.io.large_outlines.large_objects`.
    """
    objects = large_objects(read, (grid.shape[0], grid.shape[1]), parted=parted, progress=progress)
    geojson.write_objects(path, objects, grid=grid, provenance=provenance)

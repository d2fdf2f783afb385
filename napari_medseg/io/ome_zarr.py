"""OME-Zarr images, volumes and labels, version 0.4 and 0.5, by zarr."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.large_zarr import open_zarr
from napari_medseg.io.mask import as_told
from napari_medseg.io.ome_zarr_find import find
from napari_medseg.io.ome_zarr_meta import RGB_TOLD, Picture
from napari_medseg.io.ome_zarr_write import SUFFIXES, write, write_labels
from napari_medseg.io.zarr_array import Facts, read_array, weigh
from napari_medseg.io.zarr_store import Store

# what a folder of Zarr has in it
_MARKS = ("zarr.json", ".zattrs", ".zgroup")
EMPTY_TOLD = (
    "{} of its {} chunks are not there, and were read as {}: that is how what is empty is stored, and how a copy looks "
    "that was cut short."
)


def read(path: Path, *, mask: bool = False) -> Image:
    """Read the full level of an image, (Y, X[, 3]), or a volume, (Z, Y, X); as a mask, the labels in it.

    Raises
    ------
    ImageReadError
        If it is damaged, of another version, or holds several images, times, channels or labels.
    """
    with told_as_damaged(path, "OME-Zarr"), Store(path) as store:
        _, picture, facts, lie = find(store, path, mask=mask)
        weigh(store, facts, path, mask=mask)
        told = _missing(facts, picture, path)
        data = read_array(store, facts, lie.at)
    if lie.colours:
        data, told = np.moveaxis(data, 0, -1), (*told, RGB_TOLD)
    data = np.ascontiguousarray(data)
    # labels are numbers, whatever wrote them
    numbered = picture.is_labels and data.dtype.kind in "iu"
    image = Image(data, lie.grid.spacing, lie.grid.unit, path, lie.grid, numbered=numbered, told=told)
    return as_told(image, picture.own.get("provenance")) if mask else image


def read_grid(path: Path) -> Grid | None:
    """Where the pixels lie, by the metadata; errors are those of :func:`read`."""
    with told_as_damaged(path, "OME-Zarr"), Store(path) as store:
        return find(store, path, mask=False)[3].grid


def read_told(path: Path) -> object:
    """What this program wrote into a mask; errors are those of :func:`read`."""
    with told_as_damaged(path, "OME-Zarr"), Store(path) as store:
        return find(store, path, mask=True)[1].own.get("provenance")


def read_names(path: Path) -> dict[int, str]:
    """What the labels are called; errors are those of :func:`read`."""
    with told_as_damaged(path, "OME-Zarr"), Store(path) as store:
        return find(store, path, mask=True)[1].names


def files(path: Path) -> tuple[Path, ...]:
    """Metadata and the chunks of the full level; errors are those of :func:`read`."""
    if path.is_file():
        return (path,)
    with told_as_damaged(path, "OME-Zarr"), Store(path) as store:
        group, _, facts, _ = find(store, path, mask=False)
        inner = f"{group}/" if group else ""
        names = [f"{where}{mark}" for where in ("", inner, f"{facts.name}/") for mark in (*_MARKS, ".zarray")]
        found = (path / name for name in dict.fromkeys((*names, *facts.files)))
        return tuple(file for file in found if file.is_file())


def holds(path: Path) -> bool:
    """Whether a folder is one of Zarr's."""
    with suppress(OSError, ValueError):
        return path.is_dir() and any((path / name).is_file() for name in _MARKS)
    return False


def _missing(facts: Facts, picture: Picture, path: Path) -> tuple[str, ...]:
    """Words on chunks that are not there.

    Raises
    ------
    ImageReadError
        If none is there of an image, or not all of what we wrote: we write each.
    """
    missing = facts.expected - len(facts.files)
    if missing <= 0:
        return ()
    ours = bool(picture.own)
    if ours or (not facts.files and not picture.is_labels):
        raise ImageReadError(
            f"{path} has {len(facts.files)} of its {facts.expected} chunks; expected {'all' if ours else 'some'}. It "
            "was not copied to its end: copy or export it again."
        )
    return () if picture.is_labels else (EMPTY_TOLD.format(missing, facts.expected, "its fill value"),)


FORMAT = Format(
    name="ome-zarr",
    title="OME-Zarr",
    suffixes=SUFFIXES,
    inner=(".ome",),
    read=read,
    grid=read_grid,
    names=read_names,
    told=read_told,
    files=files,
    holds=holds,
    write_mask=write_labels,
    write_map=write,
    write_image=write,
    open_large=open_zarr,
    gives=Gives(axes=(2, 3), folder=True),
    takes=Takes(axes=(2, 3), source=True),
    keeps=Keeps(spacing=Kept.WHOLE, position=Kept.AS_TEXT, classes=Kept.WHOLE, provenance=Kept.AS_TEXT),
    reader=True,
    extra="zarr",
    judged="zarr, ome-zarr, ome-zarr-models",
)

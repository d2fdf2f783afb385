"""Which image of an OME-Zarr store is meant, and how it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_medseg.errors import ImageReadError
from napari_medseg.io.ome_zarr_meta import Lie, Picture, label_names, lie_of, picture_of
from napari_medseg.io.ras import is_place
from napari_medseg.io.zarr_array import Facts, facts_of
from napari_medseg.io.zarr_store import Store, attributes_of


def find(store: Store, path: Path, *, mask: bool) -> tuple[str, Picture, Facts, Lie]:
    """The image that is meant: its group, its metadata, its array, and how that lies."""
    found = attributes_of(store, "")
    if found is None:
        what = "is an array of Zarr's alone" if _is_array(store) else "has no metadata of Zarr at its root"
        raise ImageReadError(f"{path} {what}; expected the folder of an OME-Zarr image. Give that one.")
    group, attributes = "", found[1]
    if "bioformats2raw.layout" in {**attributes, **_ome(attributes)} and "multiscales" not in _ome(attributes):
        # a folder of images, counted from 0
        one = attributes_of(store, "0")
        if one is None or attributes_of(store, "1") is not None:
            raise ImageReadError(f"{path} holds several images, or none; expected one. Give the folder of one, as '0'.")
        group, attributes = "0", one[1]
    image = _opened(store, group, attributes, path)
    names = _labels_in(store, group) if mask and not image[1].is_labels else ()
    if len(names) > 1:
        raise ImageReadError(
            f"{path} holds {len(names)} sets of labels ({', '.join(names)[:80]}); expected one. Give the folder "
            f"{path.name}/{f'{group}/' if group else ''}labels/{names[0]}, or another of them."
        )
    if not names:
        return image
    inner = f"{group}/labels/{names[0]}" if group else f"labels/{names[0]}"
    there = attributes_of(store, inner)
    if there is None:
        raise ImageReadError(f"{path} names the labels '{names[0][:60]}', which are not there. Copy it again.")
    labels = _opened(store, inner, there[1], path)
    if labels[3].grid.shape != image[3].grid.shape:
        sizes = [" x ".join(map(str, one[3].grid.shape)) for one in (labels, image)]
        raise ImageReadError(
            f"{path} has labels of {sizes[0]} px on an image of {sizes[1]} px; expected the same. Export them again."
        )
    return labels


def _opened(store: Store, group: str, attributes: Mapping[str, Any], path: Path) -> tuple[str, Picture, Facts, Lie]:
    picture = picture_of(attributes, path)
    facts = facts_of(store, f"{group}/{picture.array}" if group else picture.array, path)
    lie = lie_of(picture, facts.shape, path)
    if lie.grid.affine is not None and not is_place(lie.grid.affine):
        raise ImageReadError(
            f"{path} puts its voxels nowhere; expected voxels of some size in three directions. Export it again."
        )
    return group, picture, facts, lie


def _ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def _is_array(store: Store) -> bool:
    return (store.json("zarr.json") or {}).get("node_type") == "array" or store.size(".zarray") is not None


def _labels_in(store: Store, group: str) -> tuple[str, ...]:
    found = attributes_of(store, f"{group}/labels" if group else "labels")
    names = () if found is None else label_names(found[1])
    return tuple(name for name in names if name and "/" not in name and ".." not in name)

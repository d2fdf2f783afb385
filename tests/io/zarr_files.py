"""OME-Zarr as other programs write it, and ways to change it."""

import json

import numpy as np
import pytest

zarr = pytest.importorskip("zarr")

VOLUME = np.random.default_rng(0).integers(0, 60000, (6, 40, 50)).astype(np.uint16)
LABELS = (VOLUME // 20000).astype(np.uint8)
UM = {"z": "micrometer", "y": "micrometer", "x": "nanometer"}


def axes_of(names, units=None):
    kinds = {"t": "time", "c": "channel"}
    return [
        {"name": n, "type": kinds.get(n, "space"), **({"unit": (units or {})[n]} if n in (units or {}) else {})}
        for n in names
    ]


def store(
    path, data, names="zyx", *, version="0.5", scale=None, translation=None, units=None, more=None, levels=1, **options
):
    """An image as other programs write it."""
    three = version == "0.5"
    steps = [{"type": "scale", "scale": list(scale or (1.0,) * data.ndim)}]
    steps += [{"type": "translation", "translation": list(translation)}] if translation else []
    datasets = [{"path": f"s{n}", "coordinateTransformations": steps} for n in range(levels)]
    image = {"axes": axes_of(names, units), "datasets": datasets}
    if three:
        attributes = {"ome": {"version": version, "multiscales": [image], **(more or {})}}
    else:
        attributes = {"multiscales": [{"version": version, **image}], **(more or {})}
    zarr.create_group(path, zarr_format=3 if three else 2, attributes=attributes, overwrite=True)
    for n in range(levels):
        level = data[..., :: 2**n, :: 2**n]
        array = zarr.create_array(
            path, name=f"s{n}", shape=level.shape, dtype=data.dtype, zarr_format=3 if three else 2, **options
        )
        array[...] = level
    return path


def edit(path, change, name="zarr.json"):
    found = json.loads((path / name).read_text())
    change(found)
    (path / name).write_text(json.dumps(found))

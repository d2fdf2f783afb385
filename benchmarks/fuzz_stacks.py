"""Small sound stacks, TIFF and OME-Zarr, and ways to damage what lies in a zip file: for ``fuzz_seeds.py``."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np


def make_stacks(folder: Path) -> None:
    """Write the seeds."""
    rng = np.random.default_rng(3)
    data = np.kron(rng.integers(0, 4, (3, 6, 8), np.uint8), np.ones((1, 4, 4), np.uint8))
    _tiffs(folder, data)
    _metas(folder, data)
    # it has left Python 3.10
    if find_spec("zarr") is not None:
        _stores(folder, data)


def _tiffs(folder: Path, data: np.ndarray) -> None:
    import tifffile

    facts = {"axes": "ZYX", "unit": "micron", "spacing": 2.0}
    tifffile.imwrite(folder / "slices-imagej.tif", data, imagej=True, resolution=(3, 3), metadata=facts)
    tifffile.imwrite(folder / "slices-packed.tif", data, compression="zlib", photometric="minisblack", metadata=None)
    tifffile.imwrite(folder / "slices-colour.tif", np.stack([data] * 3, axis=-1), photometric="rgb", compression="lzw")
    sizes = {"axes": "ZYX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3, "PhysicalSizeZ": 1.0}
    with tifffile.TiffWriter(folder / "slices.ome.tif", bigtiff=True, ome=True) as file:
        file.write(data, subifds=1, tile=(16, 16), metadata=sizes)
        file.write(data[:, ::2, ::2], subfiletype=1, tile=(16, 16))


def _metas(folder: Path, data: np.ndarray) -> None:
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = {}\n"
        "TransformMatrix = 0 1 0 1 0 0 0 0 -1\nOffset = 1 2 3\nElementSpacing = 0.5 0.7 2\nDimSize = 32 24 3\n"
        'ElementType = MET_UCHAR\nMedSeg = {{"values": "label numbers"}}\nElementDataFile = LOCAL\n'
    )
    for name, packed in (("plain", False), ("packed", True)):
        blob = zlib.compress(data.tobytes()) if packed else data.tobytes()
        (folder / f"{name}.mha").write_bytes(head.format(packed).encode() + blob)


def _stores(folder: Path, data: np.ndarray) -> None:
    import numcodecs
    import zarr
    from zarr.codecs import GzipCodec

    packings: dict[str, dict[str, Any]] = {
        "plain": {"compressors": None},
        "zstd": {"chunks": (1, 24, 16)},
        "shards": {"chunks": (1, 12, 16), "shards": (3, 24, 32), "compressors": [GzipCodec()]},
        "older": {"compressors": numcodecs.Blosc(), "chunks": (2, 24, 32)},
        "zlib": {"compressors": numcodecs.Zlib(), "chunks": (3, 10, 10)},
    }
    for name, options in packings.items():
        version: Any = 2 if name in ("older", "zlib") else 3
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
        steps = [{"type": "scale", "scale": [2, 0.5, 0.5]}, {"type": "translation", "translation": [1, 2, 3]}]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": steps}]}
        facts: dict[str, Any] = {"multiscales": [image]}
        facts = {"ome": {"version": "0.5", **facts}} if version == 3 else {"multiscales": [{"version": "0.4", **image}]}
        place = folder / "store"
        zarr.create_group(place, zarr_format=version, attributes=facts)
        array = zarr.create_array(place, name="0", shape=data.shape, dtype=data.dtype, zarr_format=version, **options)
        array[...] = data
        files = sorted(file for file in place.rglob("*") if file.is_file())
        _zip(folder / f"{name}.zarr.zip", {file.relative_to(place).as_posix(): file.read_bytes() for file in files})
        shutil.rmtree(place)


def _zip(target: Path | io.BytesIO, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(target, "w") as packed:
        for name, blob in files.items():
            # a date of its own would make each run another
            packed.writestr(zipfile.ZipInfo(name), blob)


def damage_zip(
    blob: bytes,
    other: bytes,
    chance: random.Random,
    mutate: Callable[[bytes, bytes, random.Random], bytes],
    odd: tuple[int, ...],
) -> bytes:
    """A zip file that is sound, and one of whose files is not; it may also be gone."""
    with zipfile.ZipFile(io.BytesIO(blob)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    name = chance.choice(sorted(files))
    if chance.random() < 0.1:
        del files[name]
    elif name.rpartition("/")[2].startswith((".z", "zarr")) and chance.random() < 0.7:
        files[name] = _damage_json(files[name], chance, odd)
    else:
        files[name] = mutate(files[name], other, chance)
    out = io.BytesIO()
    _zip(out, files)
    return out.getvalue()


def _damage_json(blob: bytes, chance: random.Random, odd: tuple[int, ...]) -> bytes:
    """JSON one of whose values is another."""
    values: list[Any] = [*odd, -1, 0.5, None, True, "", "a", [], {}, [[]], "../b", "0.3", 1e300, "<f8", "|O", "zstd"]
    text = blob.decode("utf-8")
    places = list(re.finditer(r'"[^"]*"(?!\s*:)|-?\d+(\.\d+)?|null|true|false', text))
    if not places:
        return b"[]"
    place = chance.choice(places)
    return (text[: place.start()] + json.dumps(chance.choice(values)) + text[place.end() :]).encode("utf-8")

"""An array of a Zarr store: what it claims is weighed, its packing checked, and then zarr reads it."""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.limits import check_claim, in_words
from napari_medseg.io.zarr_store import Store

# of a number no code is run: pickled objects and what else codecs can be are refused
PACKINGS = ("blosc", "zstd", "gzip", "zlib", "lz4")
_HARMLESS = ("bytes", "transpose", "crc32c")
_CHUNK = re.compile(r"(?:c[/.])?\d+(?:[/.]\d+)*|c")
# chunks are read one by one: so many in the twinkling of an eye, and for each that is there so many that are not
_CHUNKS, _EACH = 20_000, 50
_SLACK, _DEFLATE, _EMPTY = 1 << 16, 1040, 2**64 - 1
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An array, by its metadata.

    Parameters
    ----------
    name : str
    format : {2, 3}
    shape, chunk : tuple of int
        Of a sharded array, ``chunk`` is what is packed, ``shard`` what is a file.
    shard : tuple of int
    dtype : np.dtype
    packing : str or None
    sharding : mapping or None
    files : mapping of str to int
        Sizes of its chunks, by name.
    """

    name: str
    format: Literal[2, 3]
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    shard: tuple[int, ...]
    dtype: np.dtype[Any]
    packing: str | None
    sharding: Mapping[str, Any] | None
    files: Mapping[str, int]

    @property
    def expected(self) -> int:
        """How many files there would be."""
        return math.prod(-(-n // step) for n, step in zip(self.shape, self.shard, strict=True))


def facts_of(store: Store, name: str, path: Path) -> Facts:
    """What the metadata of an array says; everything but ImageReadError means that it is damaged."""
    found = version = store.json(f"{name}/zarr.json")
    sharding = None
    if found is not None:
        if found["node_type"] != "array" or not isinstance(found["data_type"], str):
            raise ValueError("no array")
        kind = found["data_type"]
        shard = chunk = _sides(found["chunk_grid"]["configuration"]["chunk_shape"])
        codecs = found["codecs"]
        if [one["name"] for one in codecs] == ["sharding_indexed"]:
            sharding = codecs[0]["configuration"]
            chunk, codecs = _sides(sharding["chunk_shape"]), sharding["codecs"]
            if any(n % step for n, step in zip(shard, chunk, strict=True)):
                raise ValueError("shards that are no multiple of their chunks")
        named = [str(one["name"]) for one in codecs]
    else:
        found = store.json(f"{name}/.zarray")
        if found is None:
            raise ImageReadError(f"{path} names the array '{name[:60]}', which is not there. Copy or export it again.")
        kind = found["dtype"]
        shard = chunk = _sides(found["chunks"])
        named = [str(one["id"]) for one in (*(found.get("filters") or ()), found.get("compressor")) if one]
    other = [one for one in named if one not in (*PACKINGS, *_HARMLESS)]
    packed = [one for one in named if one in PACKINGS]
    if other or len(packed) > 1:
        raise ImageReadError(
            f"{path} is packed by {', '.join(other or packed)[:80]}; expected one of {', '.join(PACKINGS)}. Export it "
            "again so."
        )
    dtype = np.dtype(kind)
    if dtype.kind not in "buif":
        raise ImageReadError(f"{path} holds {str(kind)[:20]}; expected real numbers. Export it again so.")
    files = {file: size for file, size in store.files(name).items() if _CHUNK.fullmatch(file[len(name) + 1 :])}
    shape = _sides(found["shape"])
    if not len(shape) == len(chunk) == len(shard):
        raise ValueError("no shape")
    return Facts(
        name=name,
        format=2 if version is None else 3,
        shape=shape,
        chunk=chunk,
        shard=shard,
        dtype=dtype,
        packing=next(iter(packed), None),
        sharding=sharding,
        files=files,
    )


def _sides(found: Sequence[Any]) -> tuple[int, ...]:
    sides = tuple(found)
    if not sides or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sides):
        raise ValueError("no sides")
    return sides


def weigh(store: Store, facts: Facts, path: Path, *, mask: bool) -> None:
    """Refuse what is larger than such a store can hold, or does not unpack to what it says.

    Raises
    ------
    ImageReadError
    """
    stored = sum(facts.files.values()) if store.stored is None else store.stored
    check_claim(path, facts.shape, facts.dtype.itemsize, mask=mask, stored=stored)
    # chunks are unpacked whole, also where they are larger than the array
    check_claim(path, facts.chunk, facts.dtype.itemsize, mask=mask, stored=stored)
    if facts.sharding is not None:
        check_claim(path, facts.shard, facts.dtype.itemsize, mask=mask, stored=stored)
    if facts.expected > _CHUNKS + _EACH * len(facts.files):
        raise ImageReadError(
            f"{path} says that it has {facts.expected} chunks, and {len(facts.files)} are there; expected more. "
            "It is damaged, or empty all over: export it again."
        )
    most = math.prod(facts.chunk) * facts.dtype.itemsize
    if store.stored is not None:
        # what a zip file packs is unpacked before
        check_claim(path, (max(facts.files.values(), default=0),), 1, mask=mask, stored=stored)
    if facts.packing is None:
        return
    for name, start, length in _pieces(store, facts, path):
        if _unpacked(store, facts, name, start, length, most) > most + _SLACK:
            raise ImageReadError(
                f"{path} has a chunk that unpacks to more than {in_words(most)}, which it holds; expected as much. It "
                "is damaged: export it again."
            )


def _pieces(store: Store, facts: Facts, path: Path) -> Iterator[tuple[str, int, int]]:
    """Each packed chunk: file, first byte, length."""
    if facts.sharding is None:
        yield from ((name, 0, size) for name, size in facts.files.items())
        return
    index = [str(one["name"]) for one in facts.sharding["index_codecs"]]
    if index not in (["bytes"], ["bytes", "crc32c"]):
        raise ImageReadError(f"{path} packs the index of its shards; expected it plain. Export it again so.")
    count = math.prod(n // step for n, step in zip(facts.shard, facts.chunk, strict=True))
    length = 16 * count + 4 * (len(index) - 1)
    for name, size in facts.files.items():
        begins = 0 if facts.sharding.get("index_location", "end") == "start" else size - length
        if size < length:
            raise ValueError("shard without an index")
        for start, many in np.frombuffer(store.piece(name, begins, 16 * count), "<u8").reshape(-1, 2).tolist():
            if (start, many) == (_EMPTY, _EMPTY):
                continue
            if start + many > size:
                raise ValueError("a chunk behind the end of its shard")
            yield name, start, many


def _unpacked(store: Store, facts: Facts, name: str, start: int, length: int, most: int) -> int:
    """To how many bytes a chunk unpacks at most, by its head; of what does not say it, by counting up to the limit."""
    head = store.piece(name, start, min(length, 32))
    if facts.packing == "blosc":
        return int(struct.unpack_from("<I", head, 4)[0])
    if facts.packing == "lz4":
        return int(struct.unpack_from("<I", head, 0)[0])
    if facts.packing == "zstd":
        size = _of_zstd(head)
        return _by_trying(store.piece(name, start, length), most + _SLACK) if size is None else size
    if length * _DEFLATE <= most + _SLACK:
        return 0
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    found, more = 0, store.piece(name, start, length)
    while more and not unpack.eof and found <= most + _SLACK:
        found += len(unpack.decompress(more, 1 << 20))
        more = unpack.unconsumed_tail
    return found


def _of_zstd(head: bytes) -> int | None:
    """The size in the head of a frame of zstd (RFC 8878); None where it is not said."""
    if head[:4] != _ZSTD:
        raise ValueError("no frame")
    flags = head[4]
    single, kind = flags >> 5 & 1, flags >> 6
    if not kind and not single:
        return None
    at = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(head[at : at + (1, 2, 4, 8)[kind]], "little")
    return size + 256 if kind == 1 else size


def _by_trying(packed: bytes, most: int) -> int:
    """To how many bytes a frame of zstd unpacks, if they are no more than these."""
    import imagecodecs

    return len(imagecodecs.zstd_decode(packed, out=most))


def read_array(store: Store, facts: Facts, at: tuple[Any, ...]) -> np.ndarray:
    """The numbers of an array, by zarr; a chunk that is not there holds the fill value."""
    import zarr

    kept: Any = (
        zarr.storage.ZipStore(store.path, mode="r")
        if store.zipped
        else zarr.storage.LocalStore(store.path, read_only=True)
    )
    try:
        array = zarr.open_array(kept, path=facts.name, mode="r", zarr_format=facts.format)
        data = np.asarray(array[at])
    finally:
        kept.close()
    return data.astype(data.dtype.newbyteorder("="), copy=False)

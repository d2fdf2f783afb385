"""NRRD images and volumes, by pynrrd."""

from __future__ import annotations

import bz2
import json
import math
import re
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.limits import check_claim, check_stored, in_words
from napari_medseg.io.mask import as_told
from napari_medseg.io.nrrd_header import lie_of, placed
from napari_medseg.plain import open_plain

KEY = "medseg"
_AHEAD = 16_000_000  # so many bytes may stand before the pixels
_TAIL, _CHUNK = 16_000_000, 1 << 20
_PLAIN, _GZIP, _BZIP = ("raw",), ("gzip", "gz"), ("bzip2", "bz2")
# bytes of a number, by what stands in the name of its type, the first that does
_BYTES = (("8", 1), ("char", 1), ("16", 2), ("short", 2), ("64", 8), ("long long", 8), ("longlong", 8), ("double", 8))


def read(path: Path, *, mask: bool = False) -> Image:
    """Read an image, (Y, X[, 3]), or a volume, turned to (Z, Y, X) of RAS.

    Raises
    ------
    ImageReadError
        If the file is damaged, in parts, or its header puts the pixels nowhere.
    """
    import nrrd

    with told_as_damaged(path, "NRRD"):
        with open_plain(path) as stream:
            header = _header(path, stream)
            lie = lie_of(path, header)
            begins = stream.tell()
            _weigh(path, header, stream, mask=mask)
            stream.seek(begins)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = nrrd.read_data(header, stream, None, index_order="F")
        if data.dtype.kind not in "iuf":
            raise TypeError
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    if lie.turn is not None:
        data = lie.turn(data.reshape(data.shape[:3]))
    elif lie.colours is not None:
        data = np.ascontiguousarray(data.transpose(*lie.axes[::-1], lie.colours)[..., :3])
    else:
        data = np.ascontiguousarray(data.reshape(data.shape[:2]).T)
    image = Image(data, lie.grid.spacing, lie.grid.unit, path, lie.grid)
    return as_told(image, _told(header)) if mask else image


def _told(header: Mapping[str, Any]) -> object:
    """What this program wrote into a mask's header; nothing where another did."""
    with suppress(ValueError, RecursionError, TypeError):
        return json.loads(str(header.get(KEY, "null")))
    return None


def read_told(path: Path) -> object:
    """What this program wrote into a mask; errors are those of :func:`read`."""
    with told_as_damaged(path, "NRRD"), open_plain(path) as stream:
        return _told(_header(path, stream))


def read_grid(path: Path) -> Grid:
    """Where the pixels lie, as the header says; errors are those of :func:`read`."""
    with told_as_damaged(path, "NRRD"), open_plain(path) as stream:
        return lie_of(path, _header(path, stream)).grid


def _header(path: Path, stream: Any) -> Mapping[str, Any]:
    """The header, and the stream at the first byte behind it."""
    import nrrd

    # a line without an end would be read to the end of the file
    head = stream.read(_AHEAD)
    ends = [found.end() for found in (re.search(rb"\r?\n\r?\n", head),) if found]
    if not head.startswith(b"NRRD") or not ends:
        raise ValueError("no header")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header: Mapping[str, Any] = nrrd.read_header(head[: ends[0]].decode("utf-8", "replace").splitlines())
    if any(name in header for name in ("data file", "datafile")):
        raise ImageReadError(f"{path} has its pixels in another file; expected them in it. Export it as one file.")
    skipped = [int(header.get(name, 0)) for name in ("line skip", "lineskip", "byte skip", "byteskip")]
    if any(skipped):
        raise ImageReadError(
            f"{path} passes over {sum(skipped)} lines or bytes before its pixels; expected none. Export it again."
        )
    if min(header["sizes"], default=0) < 1 or len(header["sizes"]) != header["dimension"]:
        raise ValueError("no sizes")
    stream.seek(ends[0])
    return header


def _weigh(path: Path, header: Mapping[str, Any], stream: Any, *, mask: bool) -> None:
    """Refuse what is larger than such a file can hold, or does not unpack to what its header says."""
    kind, packed = str(header["type"]).lower(), str(header["encoding"]).lower()
    each = next((size for word, size in _BYTES if word in kind), 4)
    shape = [int(n) for n in header["sizes"]]
    needed = each * math.prod(shape)
    if packed in _PLAIN:
        check_stored(path, stream.tell() + needed)
    check_claim(path, shape, each, mask=mask)
    if packed in _PLAIN:
        return
    if packed not in (*_GZIP, *_BZIP):
        raise ImageReadError(
            f"{path} is packed in another way than raw, gzip or bzip2; expected one of these. Export it again."
        )
    unpack: Any = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed in _GZIP else bz2.BZ2Decompressor()
    found, more = 0, b""
    while not unpack.eof:
        if not more and getattr(unpack, "needs_input", True):
            more = stream.read(_CHUNK)
            if not more:
                raise EOFError
        found += len(unpack.decompress(more, _CHUNK))
        more = unpack.unconsumed_tail if packed in _GZIP else b""
        if found > needed + _TAIL:
            raise ImageReadError(
                f"{path} goes on after its pixels, past {in_words(found)}; expected {in_words(needed)}. "
                "It is damaged: export it again."
            )


def write(path: Path, data: np.ndarray, *, grid: Grid, provenance: Mapping[str, Any] | None = None) -> None:
    """Write labels, a map or an image, whole or not at all, packed by gzip.

    Parameters
    ----------
    data : np.ndarray
        (Y, X) or (Z, Y, X).
    grid : Grid
        Of its shape. Of an NRRD image, all that its header says of space goes into its mask; of another, the affine
        does, or the size of the pixels.
    provenance : mapping, optional
        Stored as JSON under a key of the header.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import nrrd

    counted, header = placed(data, grid)
    if provenance is not None:
        header[KEY] = json.dumps(dict(provenance), sort_keys=True, default=str)
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # pynrrd asks for the time in a way that Python 3.12 warns of
        warnings.simplefilter("ignore", DeprecationWarning)
        nrrd.write(str(temporary), counted, header, index_order="F")


FORMAT = Format(
    name="nrrd",
    title="NRRD",
    suffixes=(".nrrd",),
    read=read,
    grid=read_grid,
    told=read_told,
    write_mask=write,
    write_map=write,
    write_image=write,
    gives=Gives(axes=(2, 3)),
    takes=Takes(axes=(2, 3)),
    keeps=Keeps(spacing=Kept.WHOLE, position=Kept.WHOLE, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT),
    inner=(".seg",),
    reader=True,
    extra="nrrd",
    judged="pynrrd, SimpleITK",
)

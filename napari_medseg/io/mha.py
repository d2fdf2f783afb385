"""MetaImage, MHA and MHD: a header of text, and numbers as they are or packed by zlib. Decision 54 says why by hand."""

from __future__ import annotations

import json
import math
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
from napari_medseg.io.json_file import to_json
from napari_medseg.io.limits import check_claim, in_words
from napari_medseg.io.mask import NUMBERS, VALUES, as_told
from napari_medseg.io.mha_header import NAMES, Header, lie_of, parse, placed
from napari_medseg.plain import open_plain

KEY = "MedSeg"
# of a provenance that is too long for a line, what is read again
KEPT = ("classes", "colours", "image", "image_sha256", "objects")
# bytes of a header, and of a line: ITK fails at longer ones
_LONGEST, _LINE = 1_000_000, 30_000
_CHUNK = 1 << 20


def read(path: Path, *, mask: bool = False) -> Image:
    """Read an image, (Y, X[, 3]), or a volume, turned to (Z, Y, X) of RAS.

    Raises
    ------
    ImageReadError
        If the file is damaged, in parts, or its header puts the pixels nowhere.
    """
    with told_as_damaged(path, "MetaImage"):
        header, begins = _header(path)
        grid, turn = lie_of(path, header)
        data = np.frombuffer(_pixels(path, header, begins, mask=mask), header.dtype)
    data = data.astype(header.dtype.newbyteorder("="), copy=False)
    if turn is not None:
        data = turn(data.reshape(header.shape[::-1]).transpose())
    elif header.channels > 1:
        data = np.ascontiguousarray(data.reshape(*header.shape[::-1], header.channels)[..., :3])
    else:
        data = np.array(data.reshape(header.shape[::-1]))
    image = Image(data, grid.spacing, grid.unit, path, grid)
    return as_told(image, _told(header)) if mask else image


def read_told(path: Path) -> object:
    """What this program wrote into a mask; errors are those of :func:`read`."""
    with told_as_damaged(path, "MetaImage"):
        return _told(_header(path)[0])


def read_grid(path: Path) -> Grid:
    """Where the pixels lie, as the header says; errors are those of :func:`read`."""
    with told_as_damaged(path, "MetaImage"):
        return lie_of(path, _header(path)[0])[0]


def files(path: Path) -> tuple[Path, ...]:
    """The header and what holds its pixels; errors are those of :func:`read`."""
    with told_as_damaged(path, "MetaImage"):
        name = _header(path)[0].file
    return (path, path.parent / name) if name else (path,)


def _header(path: Path) -> tuple[Header, int]:
    """The header, and where it ends."""
    lines: list[str] = []
    with open_plain(path) as stream:
        while not lines or not lines[-1].startswith("ElementDataFile"):
            line = stream.readline(_LONGEST)
            if not line.endswith(b"\n") and not line.startswith(b"ElementDataFile"):
                raise ValueError("a header without an end")
            if stream.tell() > _LONGEST:
                raise ValueError("a header that is too long")
            if line.strip():
                lines.append(line.decode("utf-8", "replace").strip())
        return parse(path, lines), stream.tell()


def _told(header: Header) -> object:
    """What this program wrote into a mask's header; nothing where another did."""
    with suppress(ValueError, RecursionError):
        return json.loads(header.fields.get(KEY, "null"))
    return None


def _pixels(path: Path, header: Header, begins: int, *, mask: bool) -> bytes | bytearray:
    """The numbers, unpacked; what is larger than such a file can hold is refused before."""
    file, each = (path.parent / header.file if header.file else path), header.dtype.itemsize
    needed = each * header.channels * math.prod(header.shape)
    try:
        stream = open_plain(file)
    except OSError as error:
        raise ImageReadError(
            f"{path} has its pixels in {file.name}, which cannot be read beside it. Copy both into one folder."
        ) from error
    with stream:
        size = file.stat().st_size
        start = begins if not header.file else size - needed if header.skip == -1 else header.skip
        if not header.packed and (start < 0 or size < start + needed):
            raise ImageReadError(
                f"{file} is truncated or damaged: it has {size} bytes; expected at least {max(start, 0) + needed}, by "
                "the header. Copy or export it again."
            )
        check_claim(file, (*header.shape, header.channels), each, mask=mask)
        stream.seek(max(start, 0))
        if not header.packed:
            return stream.read(needed)
        return _unpacked(file, stream, needed)


def _unpacked(file: Path, stream: Any, needed: int) -> bytearray:
    unpack, found = zlib.decompressobj(zlib.MAX_WBITS | 32), bytearray()
    while not unpack.eof:
        more = unpack.unconsumed_tail or stream.read(_CHUNK)
        if not more:
            raise EOFError
        found += unpack.decompress(more, _CHUNK)
        if len(found) > needed:
            break
    if len(found) != needed:
        over = "more than " if len(found) > needed else ""
        raise ImageReadError(
            f"{file} unpacks to {over}{in_words(min(len(found), needed))}; expected {in_words(needed)}, by the header. "
            "It is damaged: export it again."
        )
    return found


def write(path: Path, data: np.ndarray, *, grid: Grid, provenance: Mapping[str, Any] | None = None) -> None:
    """Write labels, a map or an image, whole or not at all, packed by zlib, as one file.

    Parameters
    ----------
    data : np.ndarray
        (Y, X) or (Z, Y, X).
    grid : Grid
        Of its shape; a mask of an MHA image lies in its file as the image in its own.
    provenance : mapping, optional
        Stored as JSON in a line of the header. ITK reads no line beyond 30 000 bytes: of more, names and colours are
        kept.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    counted, lies = placed(data, grid)
    packed = zlib.compress(counted.astype(counted.dtype.newbyteorder("<"), copy=False).tobytes(order="F"), 6)
    fields = {
        "ObjectType": "Image",
        "NDims": str(data.ndim),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(packed)),
        **lies,
        **({} if provenance is None else {KEY: _line(provenance)}),
        "DimSize": " ".join(map(str, counted.shape)),
        "ElementType": NAMES[counted.dtype.newbyteorder("=").str[1:]],
        "ElementDataFile": "LOCAL",
    }
    head = "".join(f"{name} = {value}\n" for name, value in fields.items())
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(head.encode("ascii"))
        stream.write(packed)


def _line(provenance: Mapping[str, Any]) -> str:
    text = to_json(provenance)
    if len(text) <= _LINE:
        return text
    short = {name: provenance[name] for name in (VALUES, *KEPT) if name in provenance}
    text = to_json({**short, "shortened": True})
    return text if len(text) <= _LINE else to_json({VALUES: NUMBERS})


FORMAT = Format(
    name="mha",
    title="MetaImage",
    suffixes=(".mha", ".mhd"),
    read=read,
    grid=read_grid,
    told=read_told,
    files=files,
    write_mask=write,
    write_map=write,
    write_image=write,
    gives=Gives(axes=(2, 3)),
    takes=Takes(axes=(2, 3)),
    keeps=Keeps(spacing=Kept.WHOLE, position=Kept.WHOLE, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT),
    reader=True,
    judged="SimpleITK",
)

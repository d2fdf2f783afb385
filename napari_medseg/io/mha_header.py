"""What a MetaImage header says (MHA, MHD), as ITK reads it, and how a mask comes to say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid, usable_sizes
from napari_medseg.io.orientation import why_none
from napari_medseg.io.ras import LPS, ToRas, axes_of, is_place

TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
NAMES = {kind: name for name, kind in TYPES.items()}
# what a header may call the same
_PLACES, _TURNS = ("Offset", "Position", "Origin"), ("TransformMatrix", "Rotation", "Orientation")
# what we write of a volume that says less than an ITK image: sizes that nobody knows, no sides of a patient
UNIT, SIDES = "MedSegUnit", "MedSegSides"
_FILE = re.compile(r"[^/\\:%\s*?]+(?: [^/\\:%\s*?]+)*")


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """A header.

    Parameters
    ----------
    shape : tuple of int
        (X, Y) or (X, Y, Z).
    channels : int
    dtype : np.dtype
        As stored, with its order of bytes.
    packed : bool
    skip : int
        Bytes before the pixels in a file of their own; -1: they are its last.
    file : str
        That the pixels are in; empty: behind the header.
    fields : mapping of str to str
    """

    shape: tuple[int, ...]
    channels: int
    dtype: np.dtype[Any]
    packed: bool
    skip: int
    file: str
    fields: Mapping[str, str]


def parse(path: Path, lines: list[str]) -> Header:
    """A header by its lines; ValueError means that it is damaged.

    Raises
    ------
    ImageReadError
        If its pixels are none that we read, or lie elsewhere.
    """
    fields = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueError("a line without a name")
        fields[name.strip()] = value.strip()
    shape = tuple(int(n) for n in fields["DimSize"].split())
    if len(shape) != int(fields["NDims"]) or min(shape) < 1:
        raise ValueError("no sizes")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    channels = int(fields.get("ElementNumberOfChannels", 1))
    if len(shape) not in (2, 3) or (channels != 1 and not (len(shape) == 2 and channels in (3, 4))):
        raise ImageReadError(
            f"{path} has {' x '.join(map(str, shape))} px of {channels} number(s); expected one image, or one volume "
            "of a number a voxel. Export it as a file of its own."
        )
    kind = TYPES.get(fields["ElementType"])
    if kind is None or not _says(fields, "BinaryData", True):
        what = f"numbers of the type {fields['ElementType'][:30]}" if kind is None else "numbers as text"
        raise ImageReadError(f"{path} holds {what}; expected numbers of 8 to 64 bits. Export it again so.")
    last = _says(fields, "BinaryDataByteOrderMSB", _says(fields, "ElementByteOrderMSB", False))
    file = fields["ElementDataFile"]
    if file.upper() == "LOCAL":
        file = ""
    elif not _FILE.fullmatch(file) or file.upper().startswith("LIST") or not path.name.lower().endswith(".mhd"):
        raise ImageReadError(
            f"{path} has its pixels in '{file[:60]}'; expected them behind its header, or, of an .mhd, in one file "
            "beside it. Export it as one .mha file."
        )
    skip = int(fields.get("HeaderSize", 0))
    if skip < -1:
        raise ValueError("no begin")
    dtype = np.dtype((">" if last else "<") + kind)
    return Header(shape, channels, dtype, _says(fields, "CompressedData", False), skip, file, fields)


def _says(fields: Mapping[str, str], name: str, default: bool) -> bool:
    value = fields.get(name)
    return default if value is None else value[:1].upper() in ("T", "1")


# a number that is none is told by our own sentence
@np.errstate(all="ignore")
def lie_of(path: Path, header: Header) -> tuple[Grid, ToRas | None]:
    """Where the pixels lie; of a volume, how it is turned to RAS.

    Raises
    ------
    ImageReadError
        If the header puts them nowhere.
    """
    axes = len(header.shape)
    sizes = _numbers(header, ("ElementSpacing", "ElementSize"), axes, (1.0,) * axes)
    unknown = header.fields.get(UNIT) == "px"
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        said = " ".join(f"{size:.6g}" for size in sizes)
        raise ImageReadError(
            f"{path} has the ElementSpacing {said}; expected sizes above 0. Export it again, or repair its header."
        )
    if axes == 2:
        # so ITK writes what it does not know
        known = not unknown and sizes.tolist() != [1.0, 1.0] and usable_sizes(sizes.tolist())
        spacing = tuple(float(size) for size in sizes[::-1]) if known else None
        return Grid(header.shape[::-1], spacing=spacing, unit="mm" if known else "px"), None
    affine = np.eye(4)
    # a row a direction
    affine[:3, :3] = _numbers(header, _TURNS, 9, np.eye(3).ravel()).reshape(3, 3).T * sizes
    affine[:3, 3] = _numbers(header, _PLACES, 3, np.zeros(3))
    affine = LPS @ affine
    if not is_place(affine):
        raise ImageReadError(
            f"{path} puts its voxels nowhere; expected voxels of some size in three directions. Export the volume "
            "again, or repair its header."
        )
    more = {"shape": list(header.shape), "affine": affine.tolist(), "sides": int(header.fields.get(SIDES) != "0")}
    unit = "px" if unknown else "mm"
    turn = ToRas.of(header.shape, affine, unit=unit, header={"mha": more}, stored=axes_of(affine))
    return turn.grid, turn


def _numbers(header: Header, names: tuple[str, ...], count: int, default: Any) -> np.ndarray:
    said = next((header.fields[name] for name in names if name in header.fields), None)
    if said is None:
        return np.array(default, float)
    found = np.array(said.split(), float)
    # of an axis of one element that was left out, what is said is left out too
    if len(found) > count and count != 9:
        found = found[:count]
    if len(found) > count:
        side = round(len(found) ** 0.5)
        found = found.reshape(side, side)[:3, :3].ravel()
    if len(found) != count:
        raise ValueError("too few numbers")
    return found


def placed(data: np.ndarray, grid: Grid) -> tuple[np.ndarray, dict[str, str]]:
    """What is written, as the file counts it, (X, Y) or (X, Y, Z), and the fields that say where it lies."""
    if data.ndim == 2:
        known = grid.spacing_mm
        fields = {"ElementSpacing": _text(known[::-1])} if known is not None else {UNIT: "px"}
        return data.T, fields
    kept, affine = grid.header.get("mha"), grid.affine
    counted = data.transpose()
    if isinstance(kept, Mapping):
        affine = np.array(kept["affine"], float)
        counted = ToRas.of(tuple(kept["shape"]), affine).back(data)
    elif affine is None:
        z, y, x = grid.spacing_mm or (1.0, 1.0, 1.0)
        affine = np.diag((x, y, z, 1.0))
    lps = LPS @ affine + 0.0
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    fields = {
        "TransformMatrix": _text((lps[:3, :3] / sizes).T.ravel()),
        "Offset": _text(lps[:3, 3]),
        "ElementSpacing": _text(sizes),
        **({UNIT: "px"} if grid.unit == "px" else {}),
        # as ITK has it of what it does not know
        **({SIDES: "0", "AnatomicalOrientation": "???"} if why_none(grid) is not None else {}),
    }
    return counted, fields


def _text(numbers: Any) -> str:
    return " ".join(repr(float(number)) for number in numbers)

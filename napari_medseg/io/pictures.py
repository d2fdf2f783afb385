"""Pictures that Pillow reads: PNG, JPEG, BMP, each by what it holds, whatever it is called."""

from __future__ import annotations

import json
import os
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import IN_MM, SIZES, Grid, Image, usable_sizes
from napari_medseg.io.limits import check_claim
from napari_medseg.io.mask import as_told, choose_labels, says_numbers

# Pillow's own guard takes the large pictures of microscopes for attacks; limits.py weighs each picture instead
PillowImage.MAX_IMAGE_PIXELS = None

# a damaged EXIF is passed over, without words of Pillow's on the screen
warnings.filterwarnings("ignore", module=r"PIL\.")

ORIENTATION = 274
SCANS = 64  # programs make about ten
# what files of these names hold; of others Pillow would follow neither orientation nor pages
KINDS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP")
# of a phone's JPEG the first picture is the one that it shows
_FIRST_COUNTS, _LOSSY = ("MPO",), ("JPEG", "MPO", "WEBP")
# how many numbers a pixel of a PNG has, by its kind; and where the seven pictures begin, and step, of which one is
# that builds up (rows, columns)
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_PIECE = 1 << 20
# pixels that are handed over at once
_AT_ONCE = 1 << 26
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read(path: Path, *, mask: bool = False) -> Image:
    """Read a PNG, JPEG or BMP, upright as its EXIF says.

    Parameters
    ----------
    path : Path
    mask : bool
        Read the numbers of a palette, not its colours, keep the opacity of grey, (Y, X, 2), and read one bit as bool:
        its white is never 255.

    Raises
    ------
    ImageReadError
        If the file is damaged, no image, or a film.
    """
    try:
        with _open(path) as picture:
            frames = 1 if picture.format in _FIRST_COUNTS else getattr(picture, "n_frames", 1)
            if frames > 1:
                raise ImageReadError(
                    f"{path} is a film of {frames} pictures; expected one. Save the one you need as a file of its own."
                )
            deep = _is_deep(path)
            _weigh(picture, path, 2 if deep else 1, mask=mask)
            if picture.format == "PNG":
                _check_sums(path)
            turn = _orientation(picture, path)
            data, numbered = (_deep(path), False) if deep else _to_array(picture, path, mask=mask)
            spacing, unit = _spacing(picture, path)
            told, lossy, said = _facts(picture).get("provenance"), picture.format in _LOSSY, _said(picture)
    except ImageReadError:
        raise
    except UnidentifiedImageError as error:
        raise ImageReadError(
            f"{path} is no picture of PNG, JPEG or BMP although its name ends in '{path.suffix}'; expected one. "
            "Check the file, give it the name of its kind, or export it again."
        ) from error
    # truncated or damaged data: OSError, SyntaxError, struct.error, zlib.error, ValueError, PngError, ...
    except Exception as error:
        raise ImageReadError(
            f"{path} is truncated or damaged ({type(error).__name__}); expected a whole picture. "
            "Copy or export it again."
        ) from error
    if data.ndim == 3 and data.shape[-1] == 2 and not mask:
        # grey stays when it has an opacity
        data = data[..., 0]
    lies = Grid((), orientation=said)
    image = Image(data, spacing, unit, path, grid=lies, numbered=numbered, lossy=lossy).upright(turn)
    return as_told(image, told) if mask else image


def _open(path: Path) -> PillowImage.Image:
    return PillowImage.open(path, formats=KINDS)


def _weigh(picture: PillowImage.Image, path: Path, itemsize: int, *, mask: bool) -> None:
    """Refuse what would take too much memory, or too long, before it is decoded."""
    bands = picture.getbands()
    shape = (picture.height, picture.width, *([len(bands)] if len(bands) > 1 else []))
    check_claim(path, shape, 4 if bands[0] in ("I", "F") else itemsize, mask=mask)
    # what a phone hangs behind a picture, such as a film, may look like scans
    progressive = picture.format in ("JPEG", "MPO") and "progressive" in picture.info
    if progressive and (scans := path.read_bytes().count(b"\xff\xda")) > SCANS:
        raise ImageReadError(
            f"{path} is built up in {scans} scans; expected at most {SCANS}, each of which goes over the whole "
            "picture. It is damaged: export it again."
        )


def _check_sums(path: Path) -> None:
    """Refuse a PNG of which a piece does not match its checksum, or whose last rows are missing: no library asks."""
    with path.open("rb") as stream:
        stream.seek(len(_SIGNATURE))
        pixels, rows = zlib.decompressobj(), 0
        while len(head := stream.read(8)) == 8:
            left, found, kind = int.from_bytes(head[:4], "big"), zlib.crc32(head[4:]), head[4:]
            while left and (piece := stream.read(min(left, _PIECE))):
                left, found = left - len(piece), zlib.crc32(piece, found)
                if kind == b"IHDR":
                    rows = _bytes_of(piece)
                while kind == b"IDAT" and piece and rows > 0:
                    # a little at a time, whatever it unfolds to
                    rows -= len(pixels.decompress(piece, _PIECE))
                    piece = pixels.unconsumed_tail
            if left or stream.read(4) != found.to_bytes(4, "big"):
                break
            if kind == b"IEND" and rows <= 0:
                return
            if kind == b"IEND":
                raise ImageReadError(
                    f"{path} is truncated: {rows} bytes of its last rows are missing; expected a whole picture. "
                    "Copy or export it again."
                )
    raise ImageReadError(
        f"{path} is truncated or damaged: a part of it does not match its checksum; expected a whole picture. "
        "Copy or export it again."
    )


def _bytes_of(header: bytes) -> int:
    """How many bytes a PNG of this header unfolds to; each row has one of its own."""
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _SAMPLES[colours]
    parts = _PASSES if interlaced else ((0, 0, 1, 1),)
    sides = ((-(-(height - y) // down), -(-(width - x) // right)) for y, x, down, right in parts)
    return sum(rows * (1 + -(-columns * bits // 8)) for rows, columns in sides if rows > 0 and columns > 0)


def read_grid(path: Path) -> Grid | None:
    """Where the pixels of a picture lie as it is read, upright, by its header; None where that cannot be read."""
    # whoever reads the picture tells what is wrong
    with suppress(Exception), _open(path) as picture:
        spacing, unit = None, "px"
        with suppress(Exception):
            spacing, unit = _spacing(picture, path)
        shape = picture.height, picture.width
        grid = Grid(shape, spacing=spacing, unit=unit, orientation=_said(picture))
        return grid.upright(_orientation(picture, path))
    return None


def read_told(path: Path) -> object:
    """What this program wrote into a mask of where it comes from."""
    with suppress(Exception), _open(path) as picture:
        return _facts(picture).get("provenance")
    return None


def _said(picture: PillowImage.Image) -> int:
    """What a picture says by itself of how it is looked at: ours have no orientation, and are upright."""
    return 1 if _facts(picture) else 0


def _orientation(picture: PillowImage.Image, path: Path) -> int:
    """How a picture is looked at, without decoding it; 0 where it says nothing."""
    late = _late_exif(path) if picture.format == "PNG" and "exif" not in picture.info else None
    if late is not None:
        picture.info["exif"] = late
    # Image's own: that of a PNG decodes the whole picture first
    with suppress(Exception):
        found = PillowImage.Image.getexif(picture).get(ORIENTATION, 0)
        return found if isinstance(found, int) else 0
    # a damaged EXIF says nothing
    return 0


def _late_exif(path: Path) -> bytes | None:
    """The EXIF of a PNG, which may stand behind the picture."""
    with path.open("rb") as stream:
        stream.seek(len(_SIGNATURE))
        while len(head := stream.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind == b"eXIf":
                return b"Exif\0\0" + stream.read(min(length, 1 << 20))
            stream.seek(length + 4, os.SEEK_CUR)
    return None


def _is_deep(path: Path) -> bool:
    """Whether this is a PNG of 16 bits with colours or opacity, of which Pillow would read the upper 8 bits."""
    with path.open("rb") as stream:
        head = stream.read(26)
    return head.startswith(_SIGNATURE) and head[24] == 16 and head[25] in (2, 4, 6)


def _deep(path: Path) -> np.ndarray:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def _to_array(picture: PillowImage.Image, path: Path, *, mask: bool) -> tuple[np.ndarray, bool]:
    """The pixels, and whether they are numbers of a palette."""
    picture.load()
    mode = picture.mode
    if mode in ("P", "PA"):
        if says_numbers(_facts(picture).get("provenance")):
            return _numbers(picture), True
        if mask:
            return choose_labels(_numbers(picture), _palette(picture), path)
        picture = picture.convert("RGBA" if mode == "PA" or "transparency" in picture.info else "RGB")
    elif mode == "1" and not mask:
        picture = picture.convert("L")
    elif mode not in ("1", "L", "LA", "RGB", "RGBA", "F") and not mode.startswith("I"):
        picture = picture.convert("RGB")
    data = _pixels(picture)
    if mode == "I" and data.min() >= 0 and data.max() < 65536:
        data = data.astype(np.uint16)
    return data, False


def _pixels(picture: PillowImage.Image) -> np.ndarray:
    """The pixels of a picture; a large one in strips, as the whole would be copied three times over on its way."""
    rows = max(1, _AT_ONCE // picture.width)
    if picture.height <= rows:
        return np.asarray(picture)
    first = np.asarray(picture.crop((0, 0, picture.width, 1)))
    data = np.empty((picture.height, *first.shape[1:]), first.dtype)
    for top in range(0, picture.height, rows):
        end = min(top + rows, picture.height)
        data[top:end] = np.asarray(picture.crop((0, top, picture.width, end)))
    return data


def _numbers(picture: PillowImage.Image) -> np.ndarray:
    """Of a picture with a palette, (Y, X): its opacity is left out."""
    numbers = _pixels(picture)
    return numbers[..., 0] if picture.mode == "PA" else numbers


def _palette(picture: PillowImage.Image) -> np.ndarray:
    """(256, 3), uint8."""
    found = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)[:256]
    return np.concatenate([found, np.zeros((256 - len(found), 3), np.uint8)])


def _facts(picture: PillowImage.Image) -> dict[str, Any]:
    """What this program wrote into a picture; nothing where another did, or where it is damaged."""
    own = picture.info.get("medseg")
    if not isinstance(own, str):
        return {}
    # RecursionError: brackets in brackets without end
    with suppress(ValueError, RecursionError):
        facts = json.loads(own)
        return facts if isinstance(facts, dict) else {}
    return {}


def _spacing(picture: PillowImage.Image, path: Path) -> tuple[tuple[float, float] | None, str]:
    """Size of a pixel (y, x) in our own text; whoever wrote it, it is checked."""
    facts = _facts(picture)
    size, unit = facts.get("spacing"), facts.get("unit")
    if isinstance(size, list) and len(size) == 2 and unit in IN_MM:
        if not usable_sizes(size, unit):
            raise ImageReadError(
                f"{path} says that a pixel measures {size[0]!r:.40} x {size[1]!r:.40} {unit}; expected "
                f"{SIZES}. Save the picture again with another program, which drops that text."
            )
        return (float(size[0]), float(size[1])), unit
    return None, "px"

"""PNG and what else Pillow reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import PngImagePlugin, UnidentifiedImageError

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import IN_MM, LARGEST, SMALLEST, Image, usable_sizes

# a picture of more pixels is taken for an attack by Pillow's default; microscopes make larger ones
PillowImage.MAX_IMAGE_PIXELS = 2_000_000_000


def read(path: Path, *, mask: bool = False) -> Image:
    """Read a PNG, JPEG or BMP.

    Parameters
    ----------
    path : Path
    mask : bool
        A picture of one bit is read as bool: it holds no numbers, and its white is never 255.

    Raises
    ------
    ImageReadError
        If the file is damaged or no image.
    """
    try:
        with PillowImage.open(path) as picture:
            picture.load()
            data = np.asarray(picture) if mask and picture.mode == "1" else _to_array(picture)
            spacing, unit = _spacing(picture, path)
    except ImageReadError:
        raise
    except UnidentifiedImageError as error:
        raise ImageReadError(
            f"{path} is no picture although its name ends in '{path.suffix}'; expected image data. "
            "Check the file, or export it again."
        ) from error
    # truncated or damaged data: OSError, SyntaxError, struct.error, zlib.error, ValueError, DecompressionBombError
    except Exception as error:
        raise ImageReadError(
            f"{path} is truncated or damaged ({type(error).__name__}); expected a whole picture. "
            "Copy or export it again."
        ) from error
    return Image(data, spacing, unit, path)


def size(path: Path) -> tuple[int, int] | None:
    """(Y, X) of a picture; None where it cannot be read."""
    # whoever reads the picture tells what is wrong
    with suppress(Exception), PillowImage.open(path) as picture:
        return picture.height, picture.width
    return None


def pixel_size(path: Path) -> tuple[tuple[float, float] | None, str]:
    """Size of a pixel (y, x) and its unit, by the header."""
    # whoever reads the picture tells what is wrong
    with suppress(Exception), PillowImage.open(path) as picture:
        return _spacing(picture, path)
    return None, "px"


def _to_array(picture: PillowImage.Image) -> np.ndarray:
    if picture.mode == "1":
        return np.asarray(picture.convert("L"))
    if picture.mode == "LA":
        return np.asarray(picture.getchannel("L"))
    if picture.mode == "P":
        palette = "RGBA" if "transparency" in picture.info else "RGB"
        return np.asarray(picture.convert(palette))
    if picture.mode in ("L", "RGB", "RGBA", "F") or picture.mode.startswith("I"):
        data = np.asarray(picture)
        return data.astype(np.uint16) if picture.mode == "I" and data.min() >= 0 and data.max() < 65536 else data
    return np.asarray(picture.convert("RGB"))


def provenance_of(path: Path) -> Mapping[str, Any]:
    """What a mask of ours says of itself; empty for others."""
    # whoever reads the picture tells what is wrong
    with suppress(Exception), PillowImage.open(path) as picture:
        return dict(json.loads(picture.info["medseg"])["provenance"])
    return {}


def _spacing(picture: PillowImage.Image, path: Path) -> tuple[tuple[float, float] | None, str]:
    """Size of a pixel (y, x) in our own text; whoever wrote it, it is checked."""
    own = picture.info.get("medseg")
    if isinstance(own, str):
        try:
            facts = json.loads(own)
            size, unit = facts.get("spacing"), facts.get("unit")
        except (ValueError, AttributeError):
            return None, "px"
        if isinstance(size, list) and len(size) == 2 and unit in IN_MM:
            if not usable_sizes(size):
                raise ImageReadError(
                    f"{path} says that a pixel measures {size[0]!r:.40} x {size[1]!r:.40} {unit}; expected "
                    f"{SMALLEST:g} to {LARGEST:g}. Save the picture again with another program, which drops that text."
                )
            return (float(size[0]), float(size[1])), unit
    return None, "px"


def write_labels(
    path: Path,
    labels: np.ndarray,
    *,
    spacing: tuple[float, float] | None = None,
    unit: str = "px",
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write labels (Y, X) uint8 or uint16.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts: dict[str, Any] = {"spacing": spacing, "unit": unit, "provenance": dict(provenance or {})}
    write(path, labels, facts=facts)


def write(path: Path, data: np.ndarray, *, facts: Mapping[str, Any] | None = None) -> None:
    """Write a greyscale PNG, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = PngImagePlugin.PngInfo()
    if facts is not None:
        text.add_text("medseg", json.dumps(facts, sort_keys=True, default=str))
    with atomic_path(path) as temporary:
        PillowImage.fromarray(data).save(temporary, format="PNG", pnginfo=text)

"""PNG, by Pillow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from napari_medseg.atomic import atomic_path
from napari_medseg.io.format import Format, Keeps, Kept
from napari_medseg.io.image import Grid
from napari_medseg.io.pictures import read, read_grid, read_told

STEPS = 256


def write_mask(path: Path, labels: np.ndarray, *, grid: Grid, provenance: Mapping[str, Any] | None = None) -> None:
    """Write labels (Y, X), uint8 or uint16.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(path, labels, _facts(grid, provenance))


def write_coloured(
    path: Path,
    labels: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
    palette: np.ndarray,
) -> None:
    """Write labels (Y, X), uint8, as the numbers of a palette (256, 3), uint8.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(path, labels, _facts(grid, provenance), palette)


def write_map(path: Path, data: np.ndarray, *, grid: Grid) -> None:
    """Write a map (Y, X) in [0, 1] as 0 to 255.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    shades = np.round(np.clip(data, 0, 1) * (STEPS - 1)).astype(np.uint8)
    _write(path, shades, {"spacing": grid.flat, "unit": grid.unit})


def _facts(grid: Grid, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"spacing": grid.flat, "unit": grid.unit, "provenance": dict(provenance or {})}


def _write(path: Path, data: np.ndarray, facts: Mapping[str, Any], palette: np.ndarray | None = None) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("medseg", json.dumps(facts, sort_keys=True, default=str))
    picture = PillowImage.fromarray(data)
    if palette is not None:
        # all 256 entries: of fewer, Pillow packs several pixels into a byte, which not every reader unpacks
        picture.putpalette(palette.tobytes())
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=text)


FORMAT = Format(
    name="png",
    title="PNG",
    suffixes=(".png",),
    read=read,
    grid=read_grid,
    told=read_told,
    write_mask=write_mask,
    write_coloured=write_coloured,
    write_map=write_map,
    keeps=Keeps(spacing=Kept.AS_TEXT, classes=Kept.AS_TEXT, provenance=Kept.AS_TEXT, steps=STEPS),
    white=True,
    judged="Pillow",
)

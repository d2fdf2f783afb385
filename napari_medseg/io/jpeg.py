"""JPEG, by Pillow: read only, as it changes labels."""

from __future__ import annotations

from napari_medseg.io.format import Format
from napari_medseg.io.pictures import read, read_grid

FORMAT = Format(
    name="jpeg", title="JPEG", suffixes=(".jpg", ".jpeg", ".jfif", ".jpe"), read=read, grid=read_grid, judged="Pillow"
)

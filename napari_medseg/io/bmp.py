"""BMP, by Pillow: read only."""

from __future__ import annotations

from napari_medseg.io.format import Format
from napari_medseg.io.pictures import read, read_grid

FORMAT = Format(name="bmp", title="BMP", suffixes=(".bmp",), read=read, grid=read_grid, judged="Pillow")

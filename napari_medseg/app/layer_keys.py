"""What we note in the metadata of napari's layers; readers, writers and the panel know these names."""

from __future__ import annotations

from typing import Any

from napari_medseg.io import Image

FILE_KEY = "medseg_file"
"""The file that a layer shows."""
GRID_KEY = "medseg_grid"
"""Of a volume, and of masks of it: the :class:`napari_medseg.io.Grid` on which its voxels lie."""
SIZE_KEY = "medseg_size"
"""Of an image of which that is known: the size of its pixels, (y, x) or (z, y, x), when it was read."""


def facts_of(image: Image) -> dict[str, Any]:
    """Metadata of a layer that shows an image as it was read."""
    facts: dict[str, Any] = {}
    if image.source is not None:
        facts[FILE_KEY] = str(image.source)
    if image.volume:
        facts[GRID_KEY] = image.grid
    if image.spacing is not None:
        facts[SIZE_KEY] = image.spacing
    return facts

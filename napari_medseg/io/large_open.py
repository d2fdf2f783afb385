"""Which images are read in parts, and how they are opened: what holds for every format of the table."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_medseg.errors import ImageReadError
from napari_medseg.io.formats import read_grid
from napari_medseg.io.large import Large, large_shape
from napari_medseg.io.table import format_of


def is_large(path: str | Path) -> bool:
    """Whether a file is read in parts only, by its header, in a moment; False of what cannot be read."""
    with suppress(ImageReadError, OSError, ModuleNotFoundError):
        format = format_of(path)
        # what is compressed as a whole has no parts
        if format is None or format.open_large is None or Path(path).name.lower().endswith(".gz"):
            return False
        grid = read_grid(path)
        return grid is not None and large_shape(grid.shape)
    return False


def open_large(path: str | Path) -> Large:
    """Open an image or a volume of any size, to read parts of it.

    Raises
    ------
    ImageReadError
        If it cannot be read in parts: the sentence names the formats that can.
    """
    path = Path(path)
    format = format_of(path)
    if format is None or format.open_large is None:
        title = "an unknown format" if format is None else format.title
        raise ImageReadError(
            f"{path} is {title}, which is read whole only; expected TIFF, a slide, OME-Zarr or NIfTI for images larger "
            "than memory. Convert it to OME-Zarr."
        )
    with format.libraries():
        return format.open_large(path)

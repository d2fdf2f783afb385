"""Where the pixels of a TIFF lie."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import tifffile

from napari_medseg.io.image import Grid
from napari_medseg.io.tiff_colours import told
from napari_medseg.io.tiff_layout import Layout
from napari_medseg.io.tiff_size import Deep, Sized, size_of_pixels, size_of_voxels


def lies(file: tifffile.TiffFile, layout: Layout) -> tuple[Grid, tuple[str, ...]]:
    """The grid of the pixels as they are stored, and words on it; what we wrote has no orientation, and is upright."""
    sized = Sized()
    with suppress(Exception):
        sized = size_of_pixels(file)
    if not layout.slices:
        ours = 0 if told(layout.page) is None else 1
        return Grid(layout.sides, sized.spacing, sized.unit, printed=sized.printed, orientation=ours), ()
    deep = Deep()
    with suppress(Exception):
        deep = size_of_voxels(file, sized)
    # no file says how such a volume lies in a patient: its rows and columns run as they are stored
    z, y, x = deep.spacing or (1.0, 1.0, 1.0)
    unit = "px" if deep.spacing is None else "mm"
    return Grid.of_affine(layout.sides, np.diag((x, y, z, 1.0)), unit=unit), deep.told

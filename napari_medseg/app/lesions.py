"""The lesions of a mask, in mm or, where nobody knows the size of a pixel, in px."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from napari_medseg.app.measure import pixel_mm
from napari_medseg.app.planes import planes_of
from napari_medseg.classes import IGNORED
from napari_medseg.editing.instances import number_objects
from napari_medseg.io import Grid
from napari_medseg.io.orientation import letters_of
from napari_medseg.io.picture_numbers import Pictures
from napari_medseg.metrics.lesions import Lesion, measure_lesions

MM3_IN_ML = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The lesions of one mask.

    Attributes
    ----------
    lesions : tuple of Lesion
        In mm, mm² and mm³ where ``sized``, else in px; by class, the largest first.
    grid : Grid
    names : mapping of int to str
        What classes are called; also of those without a lesion.
    sized : bool
    pictures : Pictures or None
        Which picture of the image each voxel is in, where its files say so.
    apart : bool
        What touches is several; else each connected piece is one.
    """

    lesions: tuple[Lesion, ...]
    grid: Grid
    names: Mapping[int, str]
    sized: bool
    pictures: Pictures | None = None
    apart: bool = False

    @property
    def volume(self) -> bool:
        """Whether the mask is one of a volume."""
        return len(self.grid.shape) == 3

    @property
    def unit(self) -> str:
        """Of lengths."""
        return "mm" if self.sized else "px"

    def name_of(self, label: int) -> str:
        """What a class is called."""
        return self.names.get(label) or f"label {label}"

    def size(self, pixels: float) -> float:
        """So many mm² or, of a volume, ml; pixels or voxels where nobody knows their size."""
        pixel = pixel_mm(self.grid)
        return pixels if pixel is None else pixels * pixel / (MM3_IN_ML if self.volume else 1)

    def by_class(self) -> dict[int, list[Lesion]]:
        """Lesions by class; of a class that has a name, also none."""
        found: dict[int, list[Lesion]] = {
            label: [] for label in sorted({*self.names, *(o.label for o in self.lesions)})
        }
        for one in self.lesions:
            found[one.label].append(one)
        return found

    def plane(self) -> str:
        """The plane in which a volume's diameters are, such as ``axial``; empty of an image."""
        axis = self.lesions[0].axis if self.lesions else None
        return "" if axis is None else planes_of(letters_of(self.grid))[axis].name.lower()


def steps_of(grid: Grid) -> np.ndarray | None:
    """How far one pixel along each axis of the array leads, mm: (axes, axes); None where nobody knows their size."""
    if pixel_mm(grid) is None:
        return None
    if grid.affine is not None:
        return np.asarray(grid.affine[:3, :3].T[::-1], float)
    return np.diag(grid.spacing_mm or ())


def measure(
    labels: np.ndarray,
    grid: Grid,
    image: np.ndarray | None = None,
    *,
    names: Mapping[int, str] | None = None,
    apart: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Measured:
    """Measure the lesions of a mask; takes a while, so off the GUI thread.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), integer.
    grid : Grid
        On which they lie.
    image : np.ndarray, optional
        Values of the same pixels, such as HU, or colours.
    names : mapping of int to str, optional
        What classes are called; pixels of one that is called ``ignore`` are no lesion.
    apart : bool
        Touching objects are told apart, as :func:`napari_medseg.editing.instances.number_objects` does; those of fewer
        than ten pixels are left out.
    progress : callable
        Told the share that is done; what it raises ends the work.
    """
    names = dict(names or {})
    ignored = [label for label, name in names.items() if name.casefold() == IGNORED]
    if ignored:
        labels = np.where(np.isin(labels, ignored), 0, labels)
    steps = steps_of(grid)
    objects = number_objects(labels) if apart else None
    lesions = measure_lesions(labels, image, steps=steps, objects=objects, progress=progress)
    kept = {label: name for label, name in names.items() if label not in ignored}
    return Measured(tuple(lesions), grid, kept, steps is not None, apart=apart)

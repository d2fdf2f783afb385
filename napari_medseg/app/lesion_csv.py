"""The lesions of masks as rows of a CSV: the same columns, in English, in each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from napari_medseg.app.lesions import MM3_IN_ML, Measured
from napari_medseg.io import Grid
from napari_medseg.io.spreadsheet import Cell
from napari_medseg.metrics.lesions import Lesion

HEADER = (
    *("image", "class", "class name", "lesions of class", "lesion", "pixels", "volume (ml)", "area (mm²)"),
    *("longest diameter (mm)", "perpendicular diameter (mm)", "perimeter (mm)", "area (px)", "longest diameter (px)"),
    *("perpendicular diameter (px)", "perimeter (px)", "mean (image values)", "SD (image values)", "plane"),
    *("slice (window, from 0)", "row (window, from 0)", "column (window, from 0)"),
    *("patient x (mm to the left)", "patient y (mm to the back)", "patient z (mm to the head)"),
    *("DICOM instance number", "DICOM frame"),
)
"""Of the columns of :func:`csv_rows`, the same in each file; what does not apply is empty."""


def csv_rows(image: str, measured: Measured) -> Iterator[Sequence[Cell]]:
    """Rows of a table with :data:`HEADER`: one a lesion; one of an image without any, which was looked at all the same.

    Parameters
    ----------
    image : str
        What the case is called; the only thing that is said of whose image it is.
    measured : Measured
    """
    plane = measured.plane()
    rows = {label: lesions for label, lesions in measured.by_class().items() if lesions}
    if not rows:
        yield _row(image, None, "", 0, None, measured, plane)
    for label, lesions in rows.items():
        for one in lesions:
            yield _row(image, label, measured.names.get(label, ""), len(lesions), one, measured, plane)


def _row(
    image: str, label: int | None, name: str, count: int, one: Lesion | None, measured: Measured, plane: str
) -> Sequence[Cell]:
    start: tuple[Cell, ...] = (image, label, name, count)
    if one is None:
        return (*start, None, 0, *(None,) * (len(HEADER) - len(start) - 2))
    volume = one.size / MM3_IN_ML if measured.sized and measured.volume else None
    lengths = (one.area, one.diameters.longest, one.diameters.perpendicular, one.perimeter)
    nothing = (None,) * len(lengths)
    place = one.point if measured.volume else (None, *one.point)
    return (
        *start,
        *(one.number, one.pixels, volume),
        *(lengths if measured.sized else nothing),
        *(nothing if measured.sized else lengths),
        *(one.mean, one.deviation),
        *_place(plane, one.axis, place),
        *_patient(one, measured.grid),
        *((None, None) if measured.pictures is None else measured.pictures.of(one.point)),
    )


def _place(plane: str, axis: int | None, place: Sequence[int | None]) -> Sequence[Cell]:
    """Plane, slice, row and column: rows and columns run in the plane of the diameters."""
    if axis is None:
        return (plane, *place)
    rest = [one for number, one in enumerate(place) if number != axis]
    return (plane, place[axis], *rest)


def _patient(one: Lesion, grid: Grid) -> Sequence[float | None]:
    """Where the voxel lies in the patient, as DICOM counts: whatever the file's own order of slices and rows is."""
    if grid.affine is None or len(one.point) != 3:
        return (None, None, None)
    right, front, head = (grid.affine @ (*one.point[::-1], 1))[:3].tolist()
    return (-right, -front, head)

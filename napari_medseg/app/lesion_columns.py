"""The lesions of a mask as the window shows them: columns, figures, and a line for each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from napari_medseg.app.lesions import Measured
from napari_medseg.app.units import Unit, unit_for
from napari_medseg.io.spreadsheet import Cell, table_text
from napari_medseg.metrics.lesions import Lesion
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, what it means, and what it shows of a lesion."""

    title: str
    tip: str
    of: Callable[[Lesion], Cell]
    # of all lesions of a class together; None: that says nothing
    of_class: Callable[[int, list[Lesion]], Cell] | None = None
    # no wider than it needs
    narrow: bool = False


def columns_of(measured: Measured) -> list[Column]:
    """Those that say something of this mask, from left to right."""
    name, volume = measured.name_of, measured.volume
    # of lengths, areas and volumes; pixels are whole
    lengths, areas, volumes = _units(measured)
    square = "px" if areas is None else areas.name

    def area(every: Sequence[Lesion]) -> Cell:
        total = sum(one.area for one in every)
        return round(total) if areas is None else total * areas.per_mm

    def length(one: float) -> float:
        return one if lengths is None else one * lengths.per_mm

    def whole(every: Sequence[Lesion]) -> Cell:
        if volumes is None:
            return sum(one.pixels for one in every)
        return sum(one.size for one in every) * volumes.per_mm

    unit = "px" if lengths is None else lengths.name

    place = tr("in the slice in which it is longest") if volume else ""

    def there(text: str) -> str:
        return f"{text}, {place}" if place else text

    found = [
        Column(tr("Class"), tr("The label that it is drawn with"), lambda one: name(one.label), lambda n, _: name(n)),
        Column(
            tr("No."),
            tr("Of its class, the largest first; of a class, how many it has"),
            lambda one: one.number,
            lambda _, every: tr("all {n}", n=len(every)),
            narrow=True,
        ),
    ]
    if volume:
        size_unit = tr("voxels") if volumes is None else volumes.name
        size_tip = tr("How large it is, all slices together")
        titled = _titled(tr("Volume"), size_unit)
        found.append(Column(titled, size_tip, lambda one: whole([one]), lambda _, every: whole(every)))
    found += [
        Column(
            _titled(tr("Area"), square),
            there(tr("How large it is")),
            lambda one: area([one]),
            None if volume else lambda _, every: area(every),
        ),
        Column(
            _titled(tr("Long axis"), unit),
            there(tr("The longest diameter: the largest distance between two points of its rim")),
            lambda one: length(one.diameters.longest),
        ),
        Column(
            _titled(tr("Short axis"), unit),
            there(tr("The longest diameter at right angles to it")),
            lambda one: length(one.diameters.perpendicular),
        ),
        Column(
            _titled(tr("Perimeter"), unit),
            there(tr("Length of its rim, with holes")),
            lambda one: length(one.perimeter),
        ),
        Column(tr("Mean"), tr("Mean of the image's values in it, such as HU"), lambda one: one.mean),
        Column(tr("SD"), tr("Standard deviation of the image's values in it"), lambda one: one.deviation),
    ]
    if volume:
        plane = measured.plane()
        slice_tip = tr("The slice in which it is longest, counted from 0, {plane}", plane=tr(plane.capitalize()))
        found.append(Column(tr("Slice"), slice_tip, lambda one: one.point[one.axis or 0], narrow=True))
    return found


def _units(measured: Measured) -> tuple[Unit | None, Unit | None, Unit | None]:
    """In which lengths, areas and volumes are told; None of pixels."""
    if not measured.sized:
        return None, None, None
    found = measured.lesions
    return (
        unit_for((one.diameters.longest for one in found), 1),
        unit_for((one.area for one in found), 2),
        unit_for((one.size for one in found), 3),
    )


def figure(cell: Cell) -> str:
    """A cell as it is read in the window: three digits, or all before the point."""
    if cell is None:
        return ""
    if not isinstance(cell, float):
        return str(cell)
    size = abs(cell)
    if size == 0 or size >= 100:
        return f"{cell:.0f}"
    return f"{cell:.3g}" if size < 0.001 else f"{cell:.{1 if size >= 10 else 2 if size >= 1 else 3}f}"


def copied(columns: Sequence[Column], lesions: Sequence[Lesion]) -> str:
    """Lesions as text that a spreadsheet takes from the clipboard, with the titles above."""
    titles = [column.title.replace("\n", " ") for column in columns]
    rows = ([column.of(one) for column in columns] for one in lesions)
    return table_text([titles, *rows], between="\t")


def summary(measured: Measured) -> str:
    """How many lesions there are, in one line."""
    if not measured.lesions:
        return tr("Nothing is marked.")
    classes = [(label, found) for label, found in measured.by_class().items() if found]
    told = ", ".join(f"{measured.name_of(label)}: {len(found)}" for label, found in classes)
    if len(measured.lesions) > len(classes):
        # two counts of one mask differ by that
        told = (
            tr("{counts}; touching ones apart", counts=told)
            if measured.apart
            else tr("{counts}; touching ones as one", counts=told)
        )
    return told if measured.sized else f"{told}. {_unsized(measured)}"


def _unsized(measured: Measured) -> str:
    return tr("The size of a voxel is not known.") if measured.volume else tr("The size of a pixel is not known.")


def _titled(what: str, unit: str) -> str:
    return f"{what}\n{unit}"

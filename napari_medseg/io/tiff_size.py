"""How large the pixels and voxels of a TIFF are: three ways to say it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from xml.etree import ElementTree

from napari_medseg.io.image import IN_MM, usable_sizes

MM_PER_INCH = 25.4
# names that OME and ImageJ give to units of length
NAMED_IN_UM = {
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25_400.0),
}
# dots an inch that are written for printers and screens, in whatever unit; and how exactly they are written
PRINT = (72, 96, 100, 120, 144, 150, 180, 200, 240, 250, 300, 350, 360, 400, 600, 720, 1200, 1440, 2400, 2880, 4800)
PRINT_TOLERANCE = 0.002
UNSAID = "it does not say how far its slices lie apart, so that the size of its voxels counts as unknown."
ONE = "it does not say how far its slices lie apart: one unit was taken, as ImageJ does."


class Sized(NamedTuple):
    """How large a TIFF's pixels are.

    Attributes
    ----------
    spacing : tuple of float or None
        (y, x) in ``unit``; None where it is not known.
    unit : str
    printed : bool
        It is what a printer would make of it.
    """

    spacing: tuple[float, float] | None = None
    unit: str = "px"
    printed: bool = False


class Deep(NamedTuple):
    """How large a TIFF's voxels are.

    Attributes
    ----------
    spacing : tuple of float or None
        (z, y, x) in mm; None where one of them is not known.
    told : tuple of str
        What a person should know of it.
    """

    spacing: tuple[float, float, float] | None = None
    told: tuple[str, ...] = ()


def size_of_voxels(file: Any, sized: Sized) -> Deep:
    """Size of a voxel, as a TIFF says that holds slices; ``sized``: that of its pixels."""
    if sized.spacing is None or sized.printed:
        # nobody measured them
        return Deep()
    y, x = (size * IN_MM[sized.unit] for size in sized.spacing)
    depth = _ome_depth(file)
    told: tuple[str, ...] = ()
    if depth is None and file.is_imagej:
        depth, told = _imagej_depth(file)
    if depth is None or not usable_sizes((depth,)):
        return Deep(None, (UNSAID,))
    return Deep((depth, y, x), told)


def _ome_depth(file: Any) -> float | None:
    """From a slice to the next, mm; None where OME's XML does not say it."""
    try:
        pixels = _ome_pixels(file)
        return float(pixels.attrib["PhysicalSizeZ"]) * NAMED_IN_UM[unit_of(pixels.get("PhysicalSizeZUnit", "um"))] / 1e3
    except _UNSOUND:
        return None


def _imagej_depth(file: Any) -> tuple[float | None, tuple[str, ...]]:
    """ImageJ leaves out a distance of 1."""
    facts = file.imagej_metadata or {}
    factor = NAMED_IN_UM.get(unit_of(str(facts.get("zunit") or facts.get("unit", ""))))
    if factor is None:
        return None, ()
    said = facts.get("spacing")
    return abs(float(1 if said is None else said)) * factor / 1e3, () if said is not None else (ONE,)


def size_of_pixels(file: Any) -> Sized:
    """Size of a pixel (y, x) and its unit, as a TIFF says: OME's, ImageJ's, or what every program writes.

    What no pixel can measure is not known.
    """
    measured = _ome_size(file) or _imagej_size(file)
    found = Sized(*measured) if measured is not None else _resolution(file.pages.first)
    return found if found.spacing is not None and usable_sizes(found.spacing, found.unit) else Sized()


def _ome_size(file: Any) -> tuple[tuple[float, float], str] | None:
    """OME's pixel size, in the XML of the first page; None where it says nothing."""
    if not file.is_ome:
        return None
    try:
        pixels = _ome_pixels(file)
        sizes = []
        for axis in "YX":
            factor = NAMED_IN_UM[unit_of(pixels.get(f"PhysicalSize{axis}Unit", "um"))]
            sizes.append(float(pixels.attrib[f"PhysicalSize{axis}"]) * factor)
    except _UNSOUND:
        return None
    return (sizes[0], sizes[1]), "um"


# not every writer's XML is sound, and not every one knows its pixels
_UNSOUND = (ElementTree.ParseError, StopIteration, KeyError, ValueError, TypeError)


def _ome_pixels(file: Any) -> Any:
    """OME's element of the pixels; errors are of :data:`_UNSOUND`."""
    return next(node for node in ElementTree.fromstring(file.ome_metadata).iter() if node.tag.endswith("}Pixels"))


def _imagej_size(file: Any) -> tuple[tuple[float, float], str] | None:
    """ImageJ writes pixels a unit into the resolution, and the unit's name into the description."""
    facts = file.imagej_metadata if file.is_imagej else None
    factor = NAMED_IN_UM.get(unit_of(str((facts or {}).get("unit", ""))))
    tags = file.pages.first.tags
    if factor is None or not {"XResolution", "YResolution"} <= {tag.name for tag in tags}:
        return None
    # pixels, unit
    rates = [tags[name].value for name in ("YResolution", "XResolution")]
    if any(0 in rate for rate in rates):
        return None
    sizes = [factor * unit / pixels for pixels, unit in rates]
    return (sizes[0], sizes[1]), "um"


def unit_of(name: str) -> str:
    """A unit's name as :data:`NAMED_IN_UM` has it."""
    # ImageJ writes what is not ASCII as \\u00B5; there are two characters that look like a mu
    return re.sub(r"\\u00b5|[\u00b5\u03bc]", "u", name.strip(), flags=re.IGNORECASE).lower()


def _resolution(page: Any) -> Sized:
    """Pixels an inch or a centimetre."""
    tags = page.tags
    unit = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 1
    mm = {2: MM_PER_INCH, 3: 10.0}.get(unit)
    if mm is None or "XResolution" not in tags or "YResolution" not in tags:
        return Sized()
    sizes = []
    for name in ("YResolution", "XResolution"):
        numerator, denominator = tags[name].value
        if numerator == 0 or denominator == 0:
            return Sized()
        sizes.append(mm * denominator / numerator)
    dots = MM_PER_INCH / sizes[0]
    # 72 or 96 dots per inch is what programs write when they know nothing
    if unit == 2 and round(dots) in (72, 96):
        return Sized()
    # inches are paper's; what is finer than paper was measured
    paper = unit == 2 and dots <= max(PRINT) * (1 + PRINT_TOLERANCE)
    usual = any(abs(dots / rate - 1) < PRINT_TOLERANCE for rate in PRINT)
    return Sized((sizes[0], sizes[1]), "mm", printed=paper or usual)

"""How large the pixels of a TIFF are: three ways to say it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from napari_medseg.io.image import usable_sizes

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


def size_of_pixels(file: Any) -> tuple[tuple[float, float] | None, str]:
    """Size of a pixel (y, x) and its unit, as a TIFF says: OME's, ImageJ's, or what every program writes.

    What no pixel can measure is not known.
    """
    found = _ome_size(file) or _imagej_size(file) or _spacing(file.pages.first)
    return found if found is not None and usable_sizes(*found) else (None, "px")


def _ome_size(file: Any) -> tuple[tuple[float, float], str] | None:
    """OME's pixel size, in the XML of the first page; None where it says nothing."""
    if not file.is_ome:
        return None
    try:
        pixels = next(node for node in ElementTree.fromstring(file.ome_metadata).iter() if node.tag.endswith("}Pixels"))
        sizes = []
        for axis in "YX":
            factor = NAMED_IN_UM[_unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))]
            sizes.append(float(pixels.attrib[f"PhysicalSize{axis}"]) * factor)
    # not every writer's XML is sound, and not every one knows its pixels
    except (ElementTree.ParseError, StopIteration, KeyError, ValueError, TypeError):
        return None
    return (sizes[0], sizes[1]), "um"


def _imagej_size(file: Any) -> tuple[tuple[float, float], str] | None:
    """ImageJ writes pixels a unit into the resolution, and the unit's name into the description."""
    facts = file.imagej_metadata if file.is_imagej else None
    factor = NAMED_IN_UM.get(_unit(str((facts or {}).get("unit", ""))))
    tags = file.pages.first.tags
    if factor is None or not {"XResolution", "YResolution"} <= {tag.name for tag in tags}:
        return None
    # pixels, unit
    rates = [tags[name].value for name in ("YResolution", "XResolution")]
    if any(0 in rate for rate in rates):
        return None
    sizes = [factor * unit / pixels for pixels, unit in rates]
    return (sizes[0], sizes[1]), "um"


def _unit(name: str) -> str:
    """A unit's name as :data:`NAMED_IN_UM` has it."""
    # ImageJ writes what is not ASCII as \\u00B5; there are two characters that look like a mu
    return re.sub(r"\\u00b5|[\u00b5\u03bc]", "u", name.strip(), flags=re.IGNORECASE).lower()


def _spacing(page: Any) -> tuple[tuple[float, float], str] | None:
    """Pixels an inch or a centimetre; None where nobody knows."""
    tags = page.tags
    unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else 1
    mm = {2: 25.4, 3: 10.0}.get(int(unit))
    if mm is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    sizes = []
    for name in ("YResolution", "XResolution"):
        numerator, denominator = tags[name].value
        if numerator == 0 or denominator == 0:
            return None
        sizes.append(mm * denominator / numerator)
    # 72 or 96 dots per inch is what programs write when they know nothing
    if int(unit) == 2 and round(25.4 / sizes[0]) in (72, 96):
        return None
    return (sizes[0], sizes[1]), "mm"

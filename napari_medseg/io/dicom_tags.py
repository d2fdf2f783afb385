"""What the tags of a DICOM image say: its sizes, where it lies, and what its numbers mean. No tag that names anyone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from napari_medseg.io.dicom_place import Slice
from napari_medseg.io.image import Window, usable_sizes
from napari_medseg.words import mark, tr

# of a header that only says which series a file is of, and where in it
OF_SERIES = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "SeriesDescription", "SeriesNumber"),
    *("Rows", "Columns", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SamplesPerPixel", "BitsAllocated", "InstanceNumber", "PhotometricInterpretation", "BurnedInAnnotation"),
)
# classes of masks: in bits, and as numbers
SEGMENTATION, LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
# classes whose pixels are figures: doses, parametric maps, thickness and shape of an eye
FIGURES = tuple(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("481.2", "30", "81.1", "82.1"))
GREY = ("MONOCHROME1", "MONOCHROME2")
_CENTIMETRE, _FLAT = 3, 1  # units and kind of a region of an ultrasound picture
_WIDEST = 1e30
# sizes of pixels that differ by less are one
_ALIKE = 1e-2
AT_DETECTOR = mark(
    "the size of its pixels is that at the detector or on the film, an estimate: in the patient they are smaller. "
    "Lengths and areas are estimates too."
)
SEVERAL_REGIONS = mark(
    "its regions have pixels of different sizes, so that it has none as a whole. Lengths and areas are in pixels."
)
BURNT_IN = mark("its tags say that text is burnt into its picture, which may name a patient.")


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a pixel (y, x), mm, and whether nobody measured it in the patient."""

    spacing: tuple[float, float] | None = None
    estimated: bool = False
    told: tuple[str, ...] = ()


def numbers(value: Any) -> tuple[float, ...]:
    """Finite numbers of a tag that holds one or several; none where it holds something else."""
    try:
        values = [value] if isinstance(value, (str, int, float)) else list(value)
        found = tuple(float(one) for one in values)
    # texts of any kind, or nothing
    except (TypeError, ValueError):
        return ()
    return found if np.isfinite(found).all() else ()


def count(header: Any, name: str, default: int = 0) -> int:
    """A whole number of a tag, ``default`` where it holds none."""
    found = numbers(header.get(name))
    return int(found[0]) if found else default


def code(header: Any, name: str) -> str:
    """A code word of a tag, in capitals; nothing where what stands there is no code."""
    return as_code(str(header.get(name) or ""))


def as_code(text: str) -> str:
    """The same of a text."""
    text = text.strip().upper()
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else ""


def frames_of(header: Any) -> int:
    """How many pictures a file holds."""
    return max(count(header, "NumberOfFrames", 1), 1)


def places(header: Any) -> list[Slice] | None:
    """Where each frame lies; None where the tags do not say it of each."""
    shape, frames = (count(header, "Rows"), count(header, "Columns")), frames_of(header)
    found = [_slice(_of_frame(header, number), shape) for number in range(frames)]
    if frames > 1 and None in found:
        found = _by_offsets(header, shape, frames)
    known = [one for one in found if one is not None]
    return known if known and len(known) == frames else None


def _slice(facts: dict[str, Any], shape: tuple[int, int]) -> Slice | None:
    position, directions = numbers(facts.get("ImagePositionPatient")), numbers(facts.get("ImageOrientationPatient"))
    spacing = numbers(facts.get("PixelSpacing"))
    if (len(position), len(directions), len(spacing)) != (3, 6, 2):
        return None
    return Slice(position, directions, (spacing[0], spacing[1]), shape)


def _by_offsets(header: Any, shape: tuple[int, int], frames: int) -> list[Slice | None]:
    """A dose's frames lie along the normal, as far from the first as its table says."""
    first, offsets = _slice(_of_frame(header, None), shape), numbers(header.get("GridFrameOffsetVector"))
    if first is None or len(offsets) != frames or offsets[0] != 0:
        return [None]
    return [
        Slice(tuple(np.array(first.position) + offset * first.normal), first.directions, first.spacing, shape)
        for offset in offsets
    ]


def _of_frame(header: Any, number: int | None) -> dict[str, Any]:
    """Facts of one frame: those of an enhanced file's groups, each frame's own before the shared."""
    groups: list[Any] = []
    own = header.get("PerFrameFunctionalGroupsSequence") or []
    if number is not None and number < len(own):
        groups.append(own[number])
    groups += list(header.get("SharedFunctionalGroupsSequence") or [])[:1]
    found: dict[str, Any] = {}
    for group, names in _GROUPS.items():
        holder = next((one[group] for one in groups if group in one and len(one[group].value)), None)
        for name in names:
            if holder is not None and name in holder[0]:
                found[name] = holder[0].get(name)
            # of a file without groups; one place for many frames is no place
            elif number is None or frames_of(header) == 1 or group in _FOR_ALL:
                found[name] = header.get(name)
    return found


_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction", "WindowCenterWidthExplanation"),
}
_FOR_ALL = ("PixelValueTransformationSequence", "FrameVOILUTSequence")


def rescales(header: Any) -> list[tuple[float, float]]:
    """Slope and intercept of each frame; a dose has a scale of its own."""
    dose = numbers(header.get("DoseGridScaling"))
    found = []
    for number in range(frames_of(header)):
        facts = _of_frame(header, number)
        slope, intercept = (numbers(facts.get(f"Rescale{name}")) for name in ("Slope", "Intercept"))
        found.append(((slope or dose or (1.0,))[0] or 1.0, (intercept or (0.0,))[0]))
    return found


def windows(header: Any) -> tuple[Window, ...]:
    """Values that the file wants shown black and white, of its first frame that says it; the first is the one meant.

    Each is called as the file explains it, in capitals, or by nothing.
    """
    for number in range(frames_of(header)):
        facts = _of_frame(header, number)
        middles, widths = (numbers(facts.get(f"Window{name}")) for name in ("Center", "Width"))
        exact = code(facts, "VOILUTFunction") in ("LINEAR_EXACT", "SIGMOID")
        said = facts.get("WindowCenterWidthExplanation") or ""
        words = [said] if isinstance(said, str) else list(said)
        found = []
        for place, (middle, width) in enumerate(zip(middles, widths, strict=False)):
            # of larger ones no float holds the ends
            if 1 <= width < _WIDEST and abs(middle) < _WIDEST:
                name = as_code(str(words[place])) if place < len(words) else ""
                found.append((name, *_ends(middle, width, exact=exact)))
        if found:
            return tuple(found)
    return ()


def _ends(middle: float, width: float, *, exact: bool) -> tuple[float, float]:
    if exact:
        return middle - width / 2, middle + width / 2
    # the standard's own formula, by which a width of one is a step
    half = max(width - 1, 1e-6) / 2
    return middle - 0.5 - half, middle - 0.5 + half


def size_of(header: Any) -> Size:
    """Size of the pixels of a picture, from whichever tag has it, the one that is true in the patient first."""
    own = numbers(_of_frame(header, 0).get("PixelSpacing"))
    at_detector = numbers(header.get("ImagerPixelSpacing")) or numbers(header.get("NominalScannedPixelSpacing"))
    measured = own if own != at_detector or header.get("PixelSpacingCalibrationType") else ()
    if len(measured) == 2 and usable_sizes(measured):
        return Size((measured[0], measured[1]))
    if len(at_detector) == 2 and usable_sizes(at_detector):
        factor = (numbers(header.get("EstimatedRadiographicMagnificationFactor")) or (1.0,))[0]
        y, x = (size / factor if factor >= 1 else size for size in at_detector)
        return Size((y, x), estimated=True, told=(tr(AT_DETECTOR),) if factor <= 1 else ())
    return _of_regions(header)


def _of_regions(header: Any) -> Size:
    found = []
    for region in header.get("SequenceOfUltrasoundRegions") or []:
        units = {count(region, f"PhysicalUnits{axis}Direction") for axis in "XY"}
        steps = numbers(region.get("PhysicalDeltaY")) + numbers(region.get("PhysicalDeltaX"))
        sizes = tuple(abs(step) * 10 for step in steps)
        flat = count(region, "RegionSpatialFormat") == _FLAT and units == {_CENTIMETRE}
        if flat and len(sizes) == 2 and usable_sizes(sizes):
            found.append(sizes)
    if not found:
        return Size()
    if any(not np.allclose(one, other, rtol=_ALIKE) for one, other in pairwise(found)):
        return Size(told=(tr(SEVERAL_REGIONS),))
    return Size((found[0][0], found[0][1]))


def told(header: Any) -> tuple[str, ...]:
    """Words on a file that hold whatever it shows."""
    return (tr(BURNT_IN),) if code(header, "BurnedInAnnotation") == "YES" else ()

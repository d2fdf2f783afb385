"""Masks as DICOM-SEG, by highdicom: what each class is, who made it, and which images it was made on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import InputError
from napari_medseg.io.codes import SCHEME, WHAT, Coding, Concept, default_coding
from napari_medseg.io.colours import palette_of
from napari_medseg.io.dicom_source import PLACES, Source, open_source, silenced
from napari_medseg.io.image import Grid
from napari_medseg.io.mask import AUTOMATIC, MADE_KEY, MANUAL, OBJECTS_KEY, SEMIAUTOMATIC, TOOLS_KEY

TITLE = "DICOM-SEG"
# what the provenance of a mask says for this format: what each label is, and whether names are asked for
CODES_KEY, NAMES_KEY = "codes", "names of patients"
# of the facts, those that segments say; and those that may name somebody, as file names do
_IN_SEGMENTS = ("classes", "colours", MADE_KEY, TOOLS_KEY, CODES_KEY, NAMES_KEY, "values")
_NAMING = ("case", "image", "author")
MANUFACTURER, MODEL, USE = "napari-medseg", "MedSeg", "Research only, no medical device"
FILM = (
    "{} is a film or lies nowhere in space: " + TITLE + " of several pictures needs to know where each lies. "
    "Choose TIFF or NIfTI instead."
)
# mm: a picture has no depth, and this says none
FLAT_THICKNESS = "1"
# characters that a text of such a kind takes
_LONG, _COMMENTS, _DECIMAL = 64, 10240, 16


def write(
    path: Path,
    labels: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
    source: Path | None = None,
) -> None:
    """Write labels as segments, one bit a pixel each, in the study of their image and on its pixels.

    Pictures on which there is nothing of a segment are left out, as viewers expect; of a mask that holds nothing at all
    they are all there: somebody looked, and nothing was marked.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), uint8.
    grid : Grid
        That of the image.
    provenance : mapping, optional
        Its ``made`` says by label whether it is ``automatic``, ``semiautomatic`` or ``manual``; ``codes`` what it is,
        see :meth:`napari_medseg.io.codes.Coding.to_plain`; with ``names of patients`` patient and study are named as in
        the image, else what names them is empty.
    source : Path
        The image.

    Raises
    ------
    InputError
        If the image is no DICOM, lies nowhere in space though it has several pictures, or elsewhere than the mask.
    OutputError
        If the file cannot be written.
    """
    import highdicom
    from pydicom.uid import generate_uid

    facts = dict(provenance or {})
    image = open_source(source, names=bool(facts.get(NAMES_KEY)), title=TITLE)
    image.check(grid)
    head = image.headers[0]
    if len(image.order) > 1 and image.turned is None:
        raise InputError(FILM.format(image.path))
    numbers = [int(number) for number in np.unique(labels) if number]
    named = _by_label(facts, "classes")
    described = numbers or [number for number in sorted(named) if 0 < number <= 255] or [1]
    # segments are counted from 1, without gaps
    table = np.zeros(256, np.uint8)
    table[described] = np.arange(1, len(described) + 1)
    with silenced(image.path):
        found = highdicom.seg.Segmentation(
            source_images=list(image.headers),
            pixel_array=table[image.planes(labels)],
            segmentation_type="BINARY",
            segment_descriptions=[_segment(n, label, facts) for n, label in enumerate(described, start=1)],
            series_instance_uid=generate_uid(),
            series_number=series_number(head),
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MODEL,
            software_versions=str(facts.get("version", "unknown"))[:_LONG],
            device_serial_number="none",
            content_label="SEGMENTATION",
            content_description=USE,
            series_description=f"{MODEL} segmentation",
            specific_character_set="ISO_IR 192",
            omit_empty_frames=bool(numbers),
        )
        for item, label in zip(found.SegmentSequence, described, strict=True):
            item.SegmentDescription = _description(label, facts)
        _complete(found, image)
        found.ImageComments = _comments(facts)
        with atomic_path(path) as temporary:
            found.save_as(temporary)


def _complete(found: Any, image: Source) -> None:
    """What readers ask for and highdicom leaves out."""
    head = image.headers[0]
    # whoever is logged in is nobody's business in another hospital
    found.ContentCreatorName = None
    if "FrameOfReferenceUID" not in found and "PatientOrientation" not in found:
        found.PatientOrientation = None
    if head.get("PatientIdentityRemoved"):
        found.PatientIdentityRemoved = head.PatientIdentityRemoved
        found.DeidentificationMethod = head.DeidentificationMethod
    for group in (*found.SharedFunctionalGroupsSequence, *found.PerFrameFunctionalGroupsSequence):
        _shorten(group)
    measures = found.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence")
    if measures:
        distance = image.distance() or measures[0].get("SpacingBetweenSlices") or measures[0].get("SliceThickness")
        for name in ("SliceThickness", "SpacingBetweenSlices"):
            if distance and not measures[0].get(name):
                setattr(measures[0], name, distance)
        if not measures[0].get("SliceThickness"):
            # highdicom opens no such file without one; the standard takes it, above 0
            measures[0].SliceThickness = FLAT_THICKNESS


def _shorten(group: Any) -> None:
    """Numbers as text take sixteen characters; some images have longer ones, which are copied with their places."""
    from pydicom.valuerep import format_number_as_ds

    for name in PLACES:
        for item in group.get(name) or []:
            for element in item:
                if element.VR == "DS" and element.value is not None:
                    numbers = [element.value] if element.VM == 1 else list(element.value)
                    short = [
                        str(one) if len(str(one)) <= _DECIMAL else format_number_as_ds(float(one)) for one in numbers
                    ]
                    element.value = short[0] if element.VM == 1 else short


def _comments(facts: Mapping[str, Any]) -> str:
    """Where the mask comes from, as other formats have it; what segments say stands there."""
    left_out = _IN_SEGMENTS if facts.get(NAMES_KEY) else (*_IN_SEGMENTS, *_NAMING)
    kept = {key: fact for key, fact in facts.items() if key not in left_out}
    text = json.dumps(_no_paths(kept), sort_keys=True, default=str)
    return text if len(text) <= _COMMENTS else ""


def _no_paths(fact: Any) -> Any:
    """Facts with weights called by their name: folders may be called after anybody."""
    if isinstance(fact, Mapping):
        return {key: _plain(one) if key == "weights" else _no_paths(one) for key, one in fact.items()}
    return [_no_paths(one) for one in fact] if isinstance(fact, (list, tuple)) else fact


def series_number(head: Any) -> int:
    """Behind the image's own, as a workstation's list has it."""
    try:
        return min(int(head.get("SeriesNumber") or 0), 10**6) * 100 + 1
    except (TypeError, ValueError):
        return 1


def _segment(number: int, label: int, facts: Mapping[str, Any]) -> Any:
    import highdicom

    coding = coding_of(label, facts)
    made = made_of(label, facts)
    red, green, blue = (int(part) for part in palette_of(facts)[label])
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name_of(label, facts)[:_LONG],
        segmented_property_category=code_of(coding.what.category),
        segmented_property_type=code_of(coding.what),
        algorithm_type=made.upper(),
        algorithm_identification=None if made == MANUAL else _algorithm(label, facts),
        anatomic_regions=None if coding.where is None else [code_of(coding.where)],
        display_color=highdicom.color.CIELabColor.from_rgb(red, green, blue),
    )


def coding_of(label: int, facts: Mapping[str, Any]) -> Coding:
    """What a label is, and where: as the facts say, else as its name tells."""
    codes = _by_label(facts, CODES_KEY)
    if facts.get(OBJECTS_KEY):
        # an object is of the one class that there is; of several, nobody knows of which
        codes = {label: next(iter(codes.values()))} if len(codes) == 1 else {}
    told = codes.get(label)
    if isinstance(told, Mapping) and told.get(WHAT):
        return Coding.from_plain(told)
    return default_coding("" if facts.get(OBJECTS_KEY) else str(_by_label(facts, "classes").get(label, "")))


def code_of(concept: Concept) -> Any:
    """As highdicom takes it."""
    import highdicom

    return highdicom.sr.CodedConcept(concept.code, SCHEME, concept.meaning)


def name_of(label: int, facts: Mapping[str, Any]) -> str:
    """What a segment is called: the class's name, or its number."""
    if facts.get(OBJECTS_KEY):
        return f"object {label}"
    return " ".join(str(_by_label(facts, "classes").get(label, "")).split()) or f"label {label}"


def _by_label(facts: Mapping[str, Any], key: str) -> dict[int, Any]:
    """Facts by label, whose numbers a file may hold as text."""
    told = facts.get(key)
    return {int(label): fact for label, fact in told.items()} if isinstance(told, Mapping) else {}


def made_of(label: int, facts: Mapping[str, Any]) -> str:
    """Who made a label: as the history says; where there is none, nobody knows what a person did to a proposal."""
    told = _by_label(facts, MADE_KEY)
    if told and facts.get(OBJECTS_KEY):
        kinds = set(told.values())
        return kinds.pop() if len(kinds) == 1 else SEMIAUTOMATIC
    made = str(told.get(label, SEMIAUTOMATIC if _network(facts).get("network") else MANUAL))
    # what names no algorithm is a person's
    named = bool(_network(facts).get("network") or tools_of(label, facts))
    return made if made in (AUTOMATIC, SEMIAUTOMATIC) and named else MANUAL


def tools_of(label: int, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Which tools chose pixels of a label that no network had a part in; none where one had, or a hand alone."""
    told = _by_label(facts, TOOLS_KEY)
    if facts.get(OBJECTS_KEY):
        made = _by_label(facts, MADE_KEY)
        # an object may be of any class: tools are named where no class is a network's
        of_tools = all(kind == MANUAL or one in told for one, kind in made.items())
        return tuple(sorted({tool for tools in told.values() for tool in tools})) if of_tools else ()
    return tuple(map(str, told.get(label) or ()))


def _network(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts of the network that proposed: of a case's history, or of a file that was segmented."""
    told = facts.get("proposal", facts)
    return told if isinstance(told, Mapping) else {}


def algorithm_parts(label: int, facts: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Name, version and parameters of the networks that proposed a label, or of the tools that helped to draw it."""
    if tools := tools_of(label, facts):
        version = str(facts.get("version", "unknown"))[:_LONG]
        return f"{MODEL} tools", version, {f"tool {n}": tool for n, tool in enumerate(tools, start=1)}
    told = _network(facts)
    # own weights are called by a path, which may name anybody
    weights = _plain(told.get("weights"))
    parameters = {"weights": weights, "sha256": str(told.get("sha256") or "")}
    for number, other in enumerate(told.get("also") or (), start=2):
        if isinstance(other, Mapping):
            parameters[f"network {number}"] = str(other.get("network"))
            parameters[f"weights {number}"] = _plain(other.get("weights"))
            parameters[f"sha256 {number}"] = str(other.get("sha256") or "")
    version = f"{facts.get('version', 'unknown')}, {weights}"[:_LONG]
    return str(told.get("network"))[:_LONG], version, {key: value for key, value in parameters.items() if value}


def _algorithm(label: int, facts: Mapping[str, Any]) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    name, version, parameters = algorithm_parts(label, facts)
    return highdicom.AlgorithmIdentificationSequence(
        name=name,
        family=codes.DCM.NeighborhoodAnalysis if tools_of(label, facts) else codes.DCM.ArtificialIntelligence,
        version=version,
        source=MANUFACTURER,
        parameters=parameters,
    )


def _plain(weights: object) -> str:
    return re.sub(r"[=,\\]", "_", Path(str(weights or "")).name)


def _description(label: int, facts: Mapping[str, Any]) -> str:
    """In words; the number is how a class keeps its own, as segments are counted from 1."""
    who = {
        AUTOMATIC: "proposed by a network, unchanged",
        SEMIAUTOMATIC: "proposed by a network, corrected by a person",
        MANUAL: "drawn or brought in by a person",
    }[made_of(label, facts)]
    if made_of(label, facts) == SEMIAUTOMATIC and MADE_KEY not in facts:
        who = "proposed by a network; whether it was corrected is not known"
    if tools := tools_of(label, facts):
        who = f"drawn by a person with {', '.join(tools)}"
    return f"class {label}; {who}"

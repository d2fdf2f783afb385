"""Measurements as a DICOM structured report, by highdicom: TID 1500, a group for each lesion, in its image's study.

Each group refers to the segment of a DICOM-SEG that holds the lesion and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medseg.atomic import atomic_path
from napari_medseg.io.dicom_file import open_header
from napari_medseg.io.dicom_seg_write import (
    MANUFACTURER,
    MODEL,
    NAMES_KEY,
    algorithm_parts,
    code_of,
    coding_of,
    made_of,
    series_number,
)
from napari_medseg.io.dicom_source import Source, open_source, silenced
from napari_medseg.io.mask import MANUAL

TITLE = "DICOM SR"
SUFFIX = ".sr.dcm"
# quantities by the names that :class:`Group` gives them: code in pydicom's dictionary, unit of UCUM
QUANTITIES = {
    "volume": ("SCT", "Volume", "ml", "milliliter"),
    "area": ("SCT", "Area", "mm2", "square millimeter"),
    "longest": ("SCT", "LongAxis", "mm", "millimeter"),
    "perpendicular": ("SCT", "ShortAxis", "mm", "millimeter"),
    "perimeter": ("SCT", "Perimeter", "mm", "millimeter"),
}
# what an image's values are, by its modality; mean and deviation are of these
VALUES = {
    "CT": ("DCM", "AttenuationCoefficient", "[hnsf'U]", "Hounsfield unit"),
    "MR": ("DCM", "MRSignalIntensity", "1", "no units"),
    "US": ("DCM", "Echogenicity", "1", "no units"),
}
STATISTICS = {"mean": "Mean", "deviation": "StandardDeviation"}
_LONG = 64


@dataclass(frozen=True, slots=True)
class Group:
    """What is told of one lesion.

    Attributes
    ----------
    label : int
        Its class.
    name : str
        What the lesion is called, such as ``tumour 2``.
    segment : int
        Which segment of the DICOM-SEG it is, from 1.
    sizes : mapping of str to float
        Of :data:`QUANTITIES`, in their units; those that are not known are missing.
    statistics : mapping of str to float
        ``mean`` and ``deviation`` of the image's values.
    """

    label: int
    name: str
    segment: int
    sizes: Mapping[str, float]
    statistics: Mapping[str, float]


def write(path: Path, groups: Sequence[Group], *, segments: Path, source: Path, facts: Mapping[str, Any]) -> None:
    """Write measurements as Comprehensive 3D SR.

    Parameters
    ----------
    groups : sequence of Group
    segments : Path
        The DICOM-SEG, of the same image.
    source : Path
        The image.
    facts : mapping
        Provenance of the mask, as :func:`napari_medseg.io.dicom_seg_write.write` takes it: codes, who made what, and
        whether the patient is named.

    Raises
    ------
    InputError
        If the image is no DICOM.
    OutputError
        If the file cannot be written.
    """
    import highdicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    image = open_source(source, names=bool(facts.get(NAMES_KEY)), title=TITLE)
    head = image.headers[0]
    version = str(facts.get("version", "unknown"))[:_LONG]
    with silenced(image.path):
        # its tags are enough: highdicom would copy its pixels
        found = open_header(segments)
        device = highdicom.sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=highdicom.sr.DeviceObserverIdentifyingAttributes(
                # the program, not this computer
                uid=generate_uid(entropy_srcs=[MANUFACTURER, version]),
                name=MODEL,
                manufacturer_name=MANUFACTURER,
                model_name=version,
            ),
        )
        report = highdicom.sr.MeasurementReport(
            observation_context=highdicom.sr.ObservationContext(observer_device_context=device),
            procedure_reported=codes.SCT.ImagingProcedure,
            imaging_measurements=[_group(one, found, image, facts) for one in groups],
            title=codes.DCM.ImagingMeasurementReport,
        )
        whole = highdicom.sr.Comprehensive3DSR(
            evidence=[*image.headers, found],
            content=report[0],
            series_instance_uid=generate_uid(),
            series_number=series_number(head) + 1,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MODEL,
            software_versions=version,
            device_serial_number="none",
            series_description=f"{MODEL} measurements",
            is_complete=True,
            is_final=False,
            specific_character_set="ISO_IR 192",
        )
        if head.get("PatientIdentityRemoved"):
            whole.PatientIdentityRemoved = head.PatientIdentityRemoved
            whole.DeidentificationMethod = head.DeidentificationMethod
        with atomic_path(path) as temporary:
            whole.save_as(temporary)


def _group(one: Group, segments: Any, image: Source, facts: Mapping[str, Any]) -> Any:
    import highdicom
    from pydicom.uid import generate_uid

    coding = coding_of(one.label, facts)
    tracking = segments.SegmentSequence[one.segment - 1].get("TrackingUID") or generate_uid()
    common = {
        "tracking_identifier": highdicom.sr.TrackingIdentifier(uid=tracking, identifier=one.name[:_LONG]),
        "finding_type": code_of(coding.what),
        "finding_category": code_of(coding.what.category),
        "finding_sites": None if coding.where is None else [highdicom.sr.FindingSite(code_of(coding.where))],
        "measurements": _measurements(one, str(image.headers[0].Modality)),
        "algorithm_id": None if made_of(one.label, facts) == MANUAL else _algorithm(one.label, facts),
    }
    # of a flat image too: a planar region would refer to a frame instead, in which dcmqi finds no segment
    return highdicom.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        referenced_segment=_segment(one.segment, segments, image), **common
    )


def _segment(number: int, segments: Any, image: Source) -> Any:
    import highdicom

    head = image.headers[0]
    file = highdicom.sr.SourceImageForSegmentation(head.SOPClassUID, head.SOPInstanceUID)
    series = highdicom.sr.SourceSeriesForSegmentation(head.SeriesInstanceUID)
    return highdicom.sr.ReferencedSegment(
        sop_class_uid=segments.SOPClassUID,
        sop_instance_uid=segments.SOPInstanceUID,
        segment_number=number,
        source_images=[file] if len(image.headers) == 1 else None,
        source_series=None if len(image.headers) == 1 else series,
    )


def _measurements(one: Group, modality: str) -> list[Any]:
    import highdicom

    found = []
    for name, value in one.sizes.items():
        scheme, keyword, unit, unit_words = QUANTITIES[name]
        found.append(
            highdicom.sr.Measurement(
                name=_code(scheme, keyword), value=value, unit=highdicom.sr.CodedConcept(unit, "UCUM", unit_words)
            )
        )
    for name, value in one.statistics.items():
        quantity, unit, unit_words = _values(modality)
        found.append(
            highdicom.sr.Measurement(
                name=quantity,
                value=value,
                unit=highdicom.sr.CodedConcept(unit, "UCUM", unit_words),
                derivation=_code("SCT", STATISTICS[name]),
            )
        )
    return found


def _values(modality: str) -> tuple[Any, str, str]:
    import highdicom

    if modality in VALUES:
        scheme, keyword, unit, words = VALUES[modality]
        return _code(scheme, keyword), unit, words
    return highdicom.sr.CodedConcept("image-value", "99MEDSEG", "Image value"), "1", "no units"


def _code(scheme: str, keyword: str) -> Any:
    from pydicom.sr.codedict import codes

    return getattr(getattr(codes, scheme), keyword)


def _algorithm(label: int, facts: Mapping[str, Any]) -> Any:
    import highdicom

    name, version, parameters = algorithm_parts(label, facts)
    return highdicom.sr.AlgorithmIdentification(
        name=name, version=version, parameters=[f"{key}={value}" for key, value in parameters.items()] or None
    )

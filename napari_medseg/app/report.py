"""Measurements of a mask beside its DICOM-SEG: a structured report, a group for each lesion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.lesions import MM3_IN_ML, Measured, measure
from napari_medseg.errors import InputError
from napari_medseg.io import Grid, format_of, read_image, write_mask
from napari_medseg.io import dicom_sr as sr
from napari_medseg.io.colours import COLOURS_KEY
from napari_medseg.io.dicom_seg_write import CODES_KEY
from napari_medseg.io.mask import MADE_KEY, TOOLS_KEY
from napari_medseg.metrics.lesions import Lesion, number_lesions
from napari_medseg.words import tr

# beside a mask: the report, and where a class has several lesions, each as a segment of its own
REPORT, LESIONS = "measurements", "lesions"
MOST = 255
# of what is asked of a mask
REPORT_KEY = "measurements"


def report_paths(stem: Path, suffix: str) -> tuple[Path, Path]:
    """Where the report of a mask goes, and its lesions.

    Parameters
    ----------
    stem : Path
        Of the mask, without ``_mask``.
    suffix : str
        Of the mask.
    """
    return stem.with_name(f"{stem.name}_{REPORT}{sr.SUFFIX}"), stem.with_name(f"{stem.name}_{LESIONS}{suffix}")


def check_report(mask: Path) -> None:
    """Make sure, before anything is written, that a report can refer to a mask of this name.

    Raises
    ------
    InputError
    """
    format = format_of(mask)
    if format is None or not format.takes.of_format:
        raise InputError(
            tr(
                "{mask} is no DICOM-SEG; expected one where measurements are asked for as DICOM SR, which refers to "
                "its segments. Choose that format, or leave the report out.",
                mask=mask.name,
            )
        )


def measured_for(labels: np.ndarray, *, grid: Grid, provenance: Mapping[str, Any], source: Path) -> Measured:
    """What a report is to tell of a mask, before anything is written; parameters are those of :func:`write_report`.

    Raises
    ------
    InputError
        If there are more lesions than segments can be numbered.
    ImageReadError
        If the image cannot be read.
    """
    names = {int(label): str(name) for label, name in (provenance.get("classes") or {}).items()}
    measured = measure(labels, grid, read_image(source).data, names=names)
    if len(measured.lesions) > MOST:
        raise InputError(
            tr(
                "the mask has {n} lesions, and DICOM SR refers to {most} at most; expected fewer. Leave the report "
                "out, and save the measurements as CSV.",
                n=len(measured.lesions),
                most=MOST,
            )
        )
    return measured


def write_report(
    stem: Path,
    labels: np.ndarray,
    measured: Measured,
    *,
    mask: Path,
    suffix: str,
    grid: Grid,
    provenance: Mapping[str, Any],
    source: Path,
) -> Iterator[Path]:
    """Write what the lesions of a mask measure as DICOM SR, beside the mask that was written as DICOM-SEG.

    A group refers to the segment that is its lesion: of the mask where each class has one lesion, else of a second
    DICOM-SEG, ``<stem>_lesions``. Of a mask that holds nothing, nothing is written.

    Parameters
    ----------
    stem : Path
    labels : np.ndarray
        (Y, X) or (Z, Y, X), uint8: those of the mask.
    measured : Measured
        Of :func:`measured_for`.
    mask : Path
        The DICOM-SEG of them.
    suffix : str
        Of it.
    grid, provenance, source
        As it was written with.

    Yields
    ------
    Path
        Each file as soon as it is written.

    Raises
    ------
    ImageReadError, OutputError
        If the image cannot be read, or a file cannot be written.
    """
    lesions = measured.lesions
    if not lesions:
        return
    report, apart = report_paths(stem, suffix)
    if all(one.number == 1 for one in lesions):
        segments = mask
        order = {label: number for number, label in enumerate(np.unique(labels[labels > 0]).tolist(), start=1)}
        places = [order[one.label] for one in lesions]
    else:
        segments, places = apart, list(range(1, len(lesions) + 1))
        numbered = number_lesions(labels, list(lesions))
        facts = _of_lesions(provenance, measured)
        yield write_mask(apart, numbered, grid=grid, provenance=facts, numbers=True, source=source)
    groups = [_group(one, place, measured) for one, place in zip(lesions, places, strict=True)]
    sr.write(report, groups, segments=segments, source=source, facts=provenance)
    yield report


def _group(one: Lesion, segment: int, measured: Measured) -> sr.Group:
    sizes: dict[str, float] = {}
    if measured.sized:
        sizes = {"volume": one.size / MM3_IN_ML} if measured.volume else {}
        sizes |= {
            "area": one.area,
            "longest": one.diameters.longest,
            "perpendicular": one.diameters.perpendicular,
            "perimeter": one.perimeter,
        }
    known = {"mean": one.mean, "deviation": one.deviation}
    statistics = {name: value for name, value in known.items() if value is not None}
    return sr.Group(one.label, _name(one, measured), segment, sizes, statistics)


def _name(one: Lesion, measured: Measured) -> str:
    return f"{measured.name_of(one.label)} {one.number}"


def _of_lesions(facts: Mapping[str, Any], measured: Measured) -> dict[str, Any]:
    """What is known of classes, said of each lesion of theirs."""
    found = dict(facts)
    lesions = list(enumerate(measured.lesions, start=1))
    for key in (CODES_KEY, MADE_KEY, TOOLS_KEY, COLOURS_KEY):
        told = {int(label): fact for label, fact in (facts.get(key) or {}).items()}
        found[key] = {number: told[one.label] for number, one in lesions if one.label in told}
    found["classes"] = {number: _name(one, measured) for number, one in lesions}
    return found

"""What is asked of masks that refer to their image: what classes are, where they lie, and who is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_medseg.app.formats import format_named
from napari_medseg.app.report import REPORT_KEY
from napari_medseg.errors import InputError, OutputError
from napari_medseg.io import Format
from napari_medseg.io.codes import WHERE, Coding, Concept, concept, default_coding, parse_codes
from napari_medseg.io.dicom_seg_write import CODES_KEY, NAMES_KEY
from napari_medseg.io.dicom_source import check_image, is_dicom_image
from napari_medseg.project import Project
from napari_medseg.tasks import THINGS
from napari_medseg.words import mark, tr, trn

NAMED = mark(
    "{format} names the patient and the study as the image does: name, number, dates. Its file name does not hold them."
)
UNNAMED = mark(
    "{format} leaves out what names the patient, so that a PACS may ask where it belongs; the numbers of study and "
    "images stay. To have it named as the image is, ask for that."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """What a person asks.

    Parameters
    ----------
    codes : mapping of int to Coding
        By label; what is missing is as the project remembers it, else as the class's name and the task tell.
    patient : bool
        Patient and study are named as in the image; else what names them is left empty.
    measurements : bool
        What the lesions measure is written beside the mask.
    """

    codes: Mapping[int, Coding] = field(default_factory=dict)
    patient: bool = False
    measurements: bool = False

    def facts(self, format: Format, classes: Mapping[int, str], task: str = "") -> dict[str, Any]:
        """What a mask's provenance says of it; nothing of formats that have no room for it."""
        if not format.takes.of_format:
            return {}
        codes = {label: coding_of(name, task) for label, name in classes.items()} | dict(self.codes)
        facts = {CODES_KEY: {label: one.to_plain() for label, one in codes.items()}, NAMES_KEY: self.patient}
        return facts | ({REPORT_KEY: True} if self.measurements else {})


def coding_of(name: str, task: str = "") -> Coding:
    """What a class most likely is, by its name and the task."""
    return default_coding(name, task, THINGS.get(task, ""))


def remembered(project: Project) -> dict[int, Coding]:
    """What the project remembers of its classes; entries that the list has no more are left out."""
    found = {}
    for label, facts in project.codings().items():
        with suppress(InputError):
            found[label] = Coding.from_plain(facts)
    return found


def remember(project: Project, codes: Mapping[int, Coding]) -> None:
    """Note in the project what classes are, where it can be written to."""
    for label, coding in codes.items():
        with suppress(OutputError):
            project.set_coding(label, coding.to_plain())


def for_project(project: Project, asked: Coded) -> Coded:
    """What is asked now, and of the other classes what the project remembers."""
    return replace(asked, codes={**remembered(project), **asked.codes})


def parse_coded(
    codes: Sequence[str], places: Sequence[str], classes: Mapping[int, str], *, patient: bool, task: str = ""
) -> Coded:
    """What ``--code``, ``--anatomy`` and ``--patient`` ask.

    Parameters
    ----------
    codes : sequence of str
        ``1=spleen``.
    places : sequence of str
        ``2=abdomen``, or ``abdomen`` for all classes.
    classes : mapping of int to str
        That there are.

    Raises
    ------
    InputError
        If one cannot be read, or is not of the list.
    """
    what = parse_codes(list(codes))
    where: dict[int, Concept] = {}
    for text in places:
        number, sign, name = text.partition("=")
        if sign and not number.strip().isdigit():
            raise InputError(
                tr(
                    "--anatomy is '{text}'; expected CONCEPT or NUMBER=CONCEPT, such as abdomen. See 'medseg codes'.",
                    text=text,
                )
            )
        for label in [int(number)] if sign else list(classes) or [1]:
            where[label] = concept(name if sign else text, WHERE)
    found = {}
    for label in sorted({*what, *where}):
        start = coding_of(classes.get(label, ""), task)
        found[label] = Coding(what.get(label, start.what), where.get(label, start.where))
        # what is chosen anew lies where it was chosen to, not where the guess before lay
        if label in what and label not in where:
            found[label] = Coding(what[label], start.where if what[label] == start.what else None)
    return Coded(codes=found, patient=patient)


def with_report(asked: Coded, format: str) -> Coded:
    """With measurements beside the masks.

    Raises
    ------
    InputError
        If masks of this format refer to no image, as a report has to.
    """
    if not format_named(format).takes.of_format:
        raise InputError(
            tr(
                "--sr is given with --format {format}; expected dicom-seg, to whose segments a report refers. Choose "
                "that, or write the measurements as CSV by 'medseg measure'.",
                format=format,
            )
        )
    return replace(asked, measurements=True)


def check_format(format: Format, image: Path | None) -> None:
    """Make sure that a mask of an image can be written in a format, before it is made.

    Raises
    ------
    InputError
        If its masks refer to images of a kind that this is not.
    """
    if format.takes.of_format:
        check_image(image, format.title)


def told(format: Format, images: Iterable[Path | None], *, patient: bool) -> list[str]:
    """Sentences to tell before masks of these images are written; none where the format refers to nothing."""
    if not format.takes.of_format:
        return []
    others = sum(not is_dicom_image(path) for path in images)
    found = [tr(NAMED if patient else UNNAMED, format=format.title)]
    if others:
        found.append(
            trn(
                "{n} image is no DICOM file: its mask is not written as {format}. Choose TIFF or NIfTI for it.",
                "{n} images are no DICOM files: their masks are not written as {format}. Choose TIFF or NIfTI for "
                "them.",
                others,
                format=format.title,
            )
        )
    return found

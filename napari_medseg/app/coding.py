"""What is asked of masks that refer to their image: what classes are, where they lie, and who is named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_medseg.app.classes import weights_of
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
    "images stay. To have it named as the image is, tick 'Name the patient and the study', or give --patient to the "
    "command."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """What a person asks.

    Parameters
    ----------
    codes : mapping of int to Coding
        By label; what is missing is as the project remembers it, else as :func:`coding_of` tells.
    places : mapping of int to Concept
        By label, where only that is asked.
    task : str, optional
        Codes and places are for masks that were proposed for this task, empty: for those that nothing proposed. None:
        for all.
    patient : bool
        Patient and study are named as in the image; else what names them is left empty.
    measurements : bool
        What the lesions measure is written beside the mask.
    """

    codes: Mapping[int, Coding] = field(default_factory=dict)
    places: Mapping[int, Concept] = field(default_factory=dict)
    task: str | None = None
    patient: bool = False
    measurements: bool = False

    def codings(self, classes: Mapping[int, str], task: str = "", own: Collection[str] = ()) -> dict[int, Coding]:
        """What is said of each class of a mask; parameters are those of :meth:`facts`."""
        meant = self.task in (None, task)
        codes, places = (self.codes, self.places) if meant else ({}, {})
        found = {label: coding_of(name, task, own) for label, name in classes.items()} | dict(codes)
        for label, place in places.items():
            found[label] = Coding(found.get(label, coding_of("", task)).what, place)
        return found

    def facts(
        self, format: Format, classes: Mapping[int, str], task: str = "", own: Collection[str] = ()
    ) -> dict[str, Any]:
        """What a mask's provenance says of it; nothing of formats that have no room for it.

        Parameters
        ----------
        classes : mapping of int to str
            Names; empty where they tell nothing.
        task : str
            Of the weights that proposed the mask.
        own : collection of str
            What these call their classes.
        """
        if not format.takes.of_format:
            return {}
        codes = self.codings(classes, task, own)
        facts = {CODES_KEY: {label: one.to_plain() for label, one in codes.items()}, NAMES_KEY: self.patient}
        return facts | ({REPORT_KEY: True} if self.measurements else {})


def coding_of(name: str, task: str = "", own: Collection[str] = ()) -> Coding:
    """What a class most likely is, by its name and what proposed it: see :func:`default_coding`."""
    return default_coding(name, task, THINGS.get(task, ""), own)


def coded_facts(format: Format, asked: Coded, facts: Mapping[str, Any], project: Project | None) -> dict[str, Any]:
    """What is added to the provenance of a mask, which says what proposed it.

    What a class is and where it lies is, first of these: what is asked now; what the project remembers for masks like
    this one; what the name tells that the project or the network gave the class; what that network marks. What is
    chosen for the next proposal has no say.

    Parameters
    ----------
    facts : mapping
        Of a case, see :func:`napari_medseg.app.provenance.case_provenance`, or of a mask that no project follows.
    project : Project or None
        That the mask is of.
    """
    if not format.takes.of_format:
        return {}
    told = facts.get("proposal", facts)
    origin = told if isinstance(told, Mapping) and told.get("network") else None
    named = {int(label): str(name) for label, name in (facts.get("classes") or {1: ""}).items()}
    task, own = proposed_by(origin)
    if project is not None:
        named = sure_names(project, named, origin)
        asked = for_project(project, asked, task)
    return asked.facts(format, named, task, own)


def proposed_by(origin: Mapping[str, Any] | None) -> tuple[str, tuple[str, ...]]:
    """Task of the weights that proposed a mask, and what they call their classes; nothing where nothing did."""
    entry = weights_of(origin)
    return ("", ()) if entry is None else (entry.task, entry.classes)


def sure_names(project: Project, named: Mapping[int, str], origin: Mapping[str, Any] | None) -> dict[int, str]:
    """Of the names that the window shows, those that the project or the proposal's own weights gave.

    Others are ``label 3``, save where the weights have such a label and no word for it: that is empty.
    """
    known, entry = {one.label for one in project.classes()}, weights_of(origin)
    sure = set() if entry is None else {*entry.classes, THINGS.get(entry.task)}
    found = {}
    for label, name in named.items():
        if label in known or name in sure:
            found[label] = name
        else:
            found[label] = "" if entry is not None and label in entry.labels else f"label {label}"
    return found


def remembered(project: Project, task: str = "") -> dict[int, Coding]:
    """What the project remembers of its classes for masks proposed for a task; what the list has no more is left out.

    An empty task: of masks that nothing proposed.
    """
    found = {}
    for label, facts in project.codings(task).items():
        with suppress(InputError):
            found[label] = Coding.from_plain(facts)
    return found


def remember(project: Project, codes: Mapping[int, Coding], task: str = "") -> None:
    """Note in the project what classes are in such masks, where it can be written to."""
    for label, coding in codes.items():
        with suppress(OutputError):
            project.set_coding(label, coding.to_plain(), task)


def remember_asked(project: Project, asked: Coded) -> None:
    """Note what was asked for all masks: for each kind of proposal that the project's masks began with."""
    classes = {one.label: one.name for one in project.classes()}
    labels = {*asked.codes, *asked.places}
    kinds: dict[str, tuple[str, ...]] = {}
    for case in project.cases() if labels else ():
        origin = project.proposal_origin(case.id)
        task, own = proposed_by(origin)
        kinds[task] = own
    for task, own in kinds.items():
        found = asked.codings({label: classes.get(label, "") for label in labels}, task, own)
        remember(project, found, task)


def for_project(project: Project, asked: Coded, task: str = "") -> Coded:
    """What is asked now, and of the other classes what the project remembers for masks like this one."""
    meant = asked.task in (None, task)
    known = remembered(project, task)
    if not meant:
        return replace(asked, codes=known, places={}, task=task)
    return replace(asked, codes={**known, **asked.codes}, task=task)


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
    task : str
        Of the weights that propose all of the masks.

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
    found: dict[int, Coding] = {}
    for label, one in what.items():
        start = coding_of(classes.get(label, ""), task)
        # what is chosen anew lies where it was chosen to, not where the guess before lay
        found[label] = Coding(one, where.pop(label, start.where if one == start.what else None))
    return Coded(codes=found, places=where, patient=patient)


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

"""Masks out: the one path that the panel, napari's Save dialog and the command line take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg import __version__
from napari_medseg.app.batch import Batch, check_apart, check_free
from napari_medseg.app.classes import only_label_1
from napari_medseg.app.coding import Coded, coded_facts, told
from napari_medseg.app.export_large import check_large, large_told, write_large
from napari_medseg.app.formats import DEFAULT, format_named, suffix_for
from napari_medseg.app.losses import mask_losses
from napari_medseg.app.places import unit_named
from napari_medseg.app.provenance import case_provenance
from napari_medseg.app.report import REPORT_KEY, check_report, measured_for, report_paths, write_report
from napari_medseg.app.stems import free_stems
from napari_medseg.app.together import Together
from napari_medseg.atomic import output_error
from napari_medseg.editing.instances import number_objects
from napari_medseg.errors import InputError, OutputError, PartlyDoneError, sentence
from napari_medseg.io import Grid, format_of, write_mask
from napari_medseg.io.colours import COLOURS_KEY
from napari_medseg.io.mask import OBJECTS_KEY
from napari_medseg.io.sidecar import may_write
from napari_medseg.io.sidecar import written as written_of
from napari_medseg.project import Case, Project
from napari_medseg.project.files import fault
from napari_medseg.project.grids import case_grid
from napari_medseg.words import tr, trn

# which masks of a project are written
ACCEPTED, ALL = "accepted", "all"


def layer_spacing(scale: Sequence[float], units: Sequence[Any]) -> tuple[tuple[float, ...] | None, str]:
    """Size of a pixel (y, x) or voxel (z, y, x) of a layer and its unit; none where it counts in pixels."""
    unit = unit_named(units)
    if unit == "px":
        return None, "px"
    return tuple(float(s) for s in scale), unit


def check_folder(folder: str | Path) -> Path:
    """Make a folder if need be.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    return folder


def export_labels(
    path: str | Path,
    labels: np.ndarray,
    *,
    spacing: tuple[float, ...] | None = None,
    unit: str = "px",
    grid: Grid | None = None,
    provenance: Mapping[str, Any] | None = None,
    numbers: bool = False,
    source: Path | None = None,
    parts: np.ndarray | None = None,
) -> Path:
    """Write labels with the program, its version and the time added to their provenance.

    Parameters
    ----------
    path : str or Path
        Ends in a suffix of a format that takes such masks; see ``medseg formats``.
    labels : np.ndarray
        (Y, X) or (Z, Y, X), bool or integer.
    spacing : tuple of float, optional
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``.
    grid : Grid, optional
        Of the volume that was segmented.
    provenance : mapping, optional
        Its ``classes``, names by their numbers, say what else there is beside what this mask holds.
    numbers : bool
        As :func:`napari_medseg.io.write_mask` takes it; so it is where there are other classes than 1.
    source : Path, optional
        The image that was segmented.
    parts : np.ndarray, optional
        Numbers of the objects, for formats of objects; as :func:`napari_medseg.io.write_mask` takes them.

    Raises
    ------
    InputError, OutputError
        As :func:`napari_medseg.io.write_mask`.
    """
    facts = {**program(), **(provenance or {})}
    numbers = numbers or any(int(label) != 1 for label in facts.get("classes") or ())
    place: dict[str, Any] = {"spacing": spacing, "unit": unit, "grid": grid, "source": source}
    return write_mask(path, labels, **place, provenance=facts, numbers=numbers, parts=parts)


def program() -> dict[str, str]:
    """What goes into every file's provenance."""
    return {
        "software": "napari-medseg",
        "version": __version__,
        "exported": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "use": "research only, no medical device",
    }


def export_masks(
    stem: Path,
    labels: np.ndarray,
    *,
    suffix: str,
    objects: bool = False,
    overwrite: bool = False,
    spacing: tuple[float, ...] | None = None,
    unit: str = "px",
    grid: Grid | None = None,
    provenance: Mapping[str, Any] | None = None,
    numbers: bool = False,
    source: Path | None = None,
) -> list[Path]:
    """Write labels as ``<stem>_mask<suffix>``, and where wished as ``<stem>_objects<suffix>``, each object by a number.

    In formats of objects, each object of the latter keeps its class, and those that touch are parted.

    Parameters and errors are those of :func:`export_labels`; a file that is there is replaced only with ``overwrite``.
    Where the mask is written, and not what goes beside it, that is a PartlyDoneError.

    Returns
    -------
    list of Path
        Also files beside the masks, see ``io/sidecar.py``. Where measurements are asked for, see
        :class:`napari_medseg.app.coding.Coded`, also their report.
    """
    paths = {name: stem.with_name(f"{stem.name}_{name}{suffix}") for name in mask_kinds(objects)}
    provenance = dict(provenance or {})
    measured = bool(provenance.pop(REPORT_KEY, False))
    if measured:
        check_report(paths["mask"])
    reports = report_paths(stem, suffix) if measured else ()
    check_free([*may_replace(paths.values()), *reports], overwrite=overwrite)
    place: dict[str, Any] = {"spacing": spacing, "unit": unit, "grid": grid, "source": source}
    facts = {**program(), **provenance}
    lesions = None
    if measured and grid is not None and source is not None:
        lesions = measured_for(labels, grid=grid, provenance=facts, source=source)
    files = written_of(export_labels(paths["mask"], labels, **place, provenance=provenance, numbers=numbers))
    try:
        if lesions is not None and grid is not None and source is not None:
            told: dict[str, Any] = {"suffix": suffix, "grid": grid, "provenance": facts, "source": source}
            for file in write_report(stem, labels, lesions, mask=paths["mask"], **told):
                files.append(file)
        if objects:
            files += _export_objects(paths["objects"], labels, place, provenance)
    except (InputError, OutputError) as error:
        what = tr("the mask is written, and not all that goes beside it")
        raise PartlyDoneError([sentence(error)], what, files) from error
    return files


def _export_objects(
    path: Path, labels: np.ndarray, place: Mapping[str, Any], provenance: Mapping[str, Any]
) -> list[Path]:
    parts, format = number_objects(labels), format_of(path)
    if format is not None and format.takes.parts:
        # what is too small for an object is part of none
        labels = np.where(parts > 0, labels, 0)
        return written_of(export_labels(path, labels, **place, provenance=provenance, parts=parts))
    # of objects, number 1 is one among others, and its colour none of a class
    facts = {key: fact for key, fact in provenance.items() if key != COLOURS_KEY} | {OBJECTS_KEY: True}
    return written_of(export_labels(path, parts, **place, provenance=facts, numbers=True))


def may_replace(paths: Iterable[Path]) -> list[Path]:
    """What writing these masks may replace: also the files beside them."""
    return [file for path in paths for file in may_write(path)]


def mask_kinds(objects: bool) -> tuple[str, ...]:
    """What :func:`export_masks` writes of a mask."""
    return ("mask", "objects") if objects else ("mask",)


def to_export(project: Project, state: str = ACCEPTED) -> list[Case]:
    """Cases that have a mask to write: an accepted one, or any.

    Raises
    ------
    InputError
        If ``state`` is neither ``accepted`` nor ``all``.
    """
    if state not in (ACCEPTED, ALL):
        raise InputError(
            tr(
                "masks to export are '{state}'; expected {accepted} or {all}. Choose one of them.",
                state=state,
                accepted=ACCEPTED,
                all=ALL,
            )
        )
    return [case for case in project.cases() if (state == ALL and case.state != "new") or project.revisions(case.id)]


def export_project(
    project: Project,
    out: str | Path,
    *,
    state: str = ACCEPTED,
    format: str = DEFAULT,
    case_ids: Sequence[int] | None = None,
    objects: bool = False,
    overwrite: bool = False,
    chosen: tuple[str, str] | None = None,
    task: str = "",
    coded: Coded | None = None,
    progress: Callable[[float, str], None] | None = None,
    tell: Callable[[int], None] | None = None,
) -> list[Path]:
    """Write a mask of each case as ``<case>_mask.<ext>``, on request also ``_objects``.

    Where the format does that, the masks of several images go into one file: see :class:`Together`. A large case goes
    block by block into OME-Zarr or GeoJSON: of accepted masks, what lies in its accepted boxes.

    In all files a class has its own number; only where label 1 is the one class of the project, PNG
    shows it as 255.

    Parameters
    ----------
    out : path
        Folder, made if need be.
    state : {'accepted', 'all'}
        The newest revision that was accepted; or what each case holds now, also a proposal that nobody looked at: its
        provenance then says no revision.
    format : str
        One of :func:`napari_medseg.app.formats.names`; what it does not take goes into another that does.
    case_ids : sequence of int, optional
        Default: all cases that have such a mask.
    objects : bool
        Also write every object with a number of its own.
    overwrite : bool
        Files that are there may be replaced.
    chosen : tuple of str, optional
    task : str
        As the window shows the names of classes; see :func:`napari_medseg.app.classes.class_table`.
    coded : Coded, optional
        For formats whose masks refer to their image: what classes are, and whether the patient is named.
    tell : callable, optional
        Called with the id of each case whose mask was written.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If the format is not known, a case or all of them have no such mask, or a file is there already.
    PartlyDoneError
        If some of several masks could not be written; the others are.
    OutputError
        If no file can be written.
    """
    format_named(format)
    wanted = [case for case in project.cases() if case_ids is None or case.id in case_ids]
    found = {case.id for case in to_export(project, state)}
    ready = [case for case in wanted if case.id in found]
    if not ready or (case_ids is not None and len(ready) < len(wanted)):
        names = ", ".join(case.name for case in wanted if case not in ready) or tr("the project")
        if state == ALL:
            raise InputError(tr("{names}: no mask yet; expected a proposal or a drawing. Propose first.", names=names))
        raise InputError(
            tr("{names}: no accepted mask; only accepted masks are exported. Accept the mask first.", names=names)
        )
    folder = check_folder(out)
    written: list[Path] = []
    stems = free_stems(ready)
    suffixes = {case.id: suffix_for(format, volume=len(case.shape) == 3) for case in ready}
    asked = coded or Coded()
    volumes, kinds = {case.id: len(case.shape) == 3 for case in ready}, mask_kinds(objects)
    together = Together(folder, format, volumes.values(), kinds)
    single = [i for i in stems if not together.joins(volume=volumes[i])]
    targets = may_replace(folder / f"{stems[i]}_{kind}{suffixes[i]}" for i in single for kind in kinds)
    targets += together.targets()
    if asked.measurements and format_named(format).takes.of_format:
        targets += [path for i in single for path in report_paths(folder / stems[i], suffixes[i])]
    check_apart(targets, (case.image for case in project.cases()))
    check_free(targets, overwrite=overwrite)
    # to know it, all masks are read
    held = [case for case in ready if state != ACCEPTED and not case.large]
    numbers = format_named(format).white and not only_label_1(project, held)
    batch = Batch(len(ready), _not_written)
    with together.writing(written):
        for number, case in enumerate(ready):
            if progress is not None:
                progress(number / len(ready), case.name)
            with batch.item(case.name):
                if case.large:
                    check_large(case, format, objects=objects)
                    wishes: dict[str, Any] = {"accepted": state == ACCEPTED, "chosen": chosen, "task": task}
                    wishes |= {"format": format, "program": program()}
                    for each, kind in enumerate(kinds):
                        target = folder / f"{stems[case.id]}_{kind}{suffixes[case.id]}"
                        tick = _step(progress, number * len(kinds) + each, len(ready) * len(kinds), case.name)
                        written.append(
                            write_large(project, case, target, parted=kind == "objects", progress=tick, **wishes)
                        )
                    if tell is not None:
                        tell(case.id)
                    continue
                newest = project.revisions(case.id)[-1] if state == ACCEPTED else None
                labels = project.labels(case.id) if newest is None else project.revision_labels(newest.id)
                facts = case_provenance(project, case, labels, chosen, task=task)
                facts |= coded_facts(format_named(format), asked, facts, project)
                if format_named(format).takes.of_format:
                    _check_there(case)
                written += export_masks(
                    together.place(volume=volumes[case.id]) / stems[case.id],
                    labels,
                    suffix=suffixes[case.id],
                    objects=objects,
                    overwrite=overwrite,
                    grid=case_grid(case),
                    provenance=facts,
                    numbers=numbers,
                    source=case.image,
                )
                if tell is not None:
                    tell(case.id)
    batch.end(written)
    return written


def _step(progress: Callable[[float, str], None] | None, number: int, of: int, name: str) -> Callable[[float], None]:
    """Tells how far the work on one of several cases is."""
    return lambda share: None if progress is None else progress((number + share) / of, name)


def _not_written(count: int) -> str:
    return trn("{n} mask was not written", "{n} masks were not written", count)


def export_losses(
    project: Project, *, state: str = ACCEPTED, format: str = DEFAULT, objects: bool = False, patient: bool = False
) -> list[str]:
    """Sentences to tell before :func:`export_project`: what its masks lose in that format; empty where nothing is.

    Parameters are those of :func:`export_project`.

    Raises
    ------
    InputError
        If the format is not known.
    """
    grids = list[Grid]()
    for case in project.cases():
        # of a damaged case, the export tells
        with suppress(InputError):
            grids.append(case_grid(case))
    lines = told(format_named(format), (case.image for case in project.cases()), patient=patient)
    lines += large_told(project, project.cases(), accepted=state == ACCEPTED)
    return lines + mask_losses(grids, format=format, classes=bool(project.classes()), objects=objects)


def _check_there(case: Case) -> None:
    """Make sure that an image to which a mask is to refer is the one that was added."""
    wrong = fault(case.image, case.sha256)
    if wrong is not None:
        raise InputError(
            tr(
                "{image}, to which the mask of '{name}' is to refer, is {wrong}; expected the image that was added. "
                "Bring it back, or choose another format.",
                image=case.image,
                name=case.name,
                wrong=wrong,
            )
        )

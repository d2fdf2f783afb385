"""The lesions of a whole project, or of masks in files, as one CSV: a row a lesion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.batch import Batch, check_apart, check_free
from napari_medseg.app.classes import class_table
from napari_medseg.app.export import ACCEPTED, export_project, to_export
from napari_medseg.app.lesion_csv import HEADER, csv_rows
from napari_medseg.app.lesions import Measured, measure
from napari_medseg.app.stems import free_stems
from napari_medseg.classes import Classes
from napari_medseg.errors import InputError, MedsegError, OutputError, PartlyDoneError, sentence
from napari_medseg.io import (
    PLAIN,
    Grid,
    LabelRule,
    check_numbers,
    check_writable,
    fit_mask,
    list_images,
    match_masks,
    pictures_of,
    read_grid,
    read_image,
    read_numbers,
    stem_of,
    survey,
    walk_images,
)
from napari_medseg.io.spreadsheet import Cell, write_csv
from napari_medseg.project import Case, Project
from napari_medseg.project.files import fault
from napari_medseg.project.grids import case_grid
from napari_medseg.words import tr, trn

SUFFIX = ".csv"
# of a project; of one mask behind its name
TABLE = "measurements.csv"
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what to tell of it.

    Attributes
    ----------
    path : Path
    lesions : int
        So many rows of lesions.
    told : list of str
        A sentence for each image of which something is missing.
    """

    path: Path
    lesions: int
    told: list[str] = field(default_factory=list)


def measure_project(
    project: Project,
    out: str | Path,
    *,
    state: str = ACCEPTED,
    case_ids: Sequence[int] | None = None,
    apart: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **naming: Any,
) -> Written:
    """Write the lesions of a project's masks into one CSV: what :func:`napari_medseg.app.export.export_project` would
    write as masks is measured, and ``state``, ``case_ids`` and ``overwrite`` are as there.

    Parameters
    ----------
    out : path
        Ends in ``.csv``; its folder must exist.
    apart : bool
        As :func:`napari_medseg.app.lesions.measure` takes it.
    naming
        ``chosen`` and ``task``, see :func:`napari_medseg.app.classes.class_table`.

    Raises
    ------
    InputError
        If no mask is there to measure, the file is there already, or does not end in ``.csv``.
    PartlyDoneError
        If some of several masks could not be measured; the others are written.
    OutputError
        If the file cannot be written.
    """
    ready = [case for case in to_export(project, state) if case_ids is None or case.id in case_ids]
    if not ready:
        raise InputError(
            tr("The project has no mask to measure; expected an accepted one, or one at all. Accept a mask first.")
        )
    path = _free(out, (case.image for case in project.cases()), overwrite=overwrite)
    told: list[str] = []

    def one(case: Case, step: Callable[[float], None]) -> Measured:
        _check_held(case)
        newest = project.revisions(case.id)[-1] if state == ACCEPTED else None
        labels = project.labels(case.id) if newest is None else project.revision_labels(newest.id)
        names = {each.label: each.name for each in class_table(project, project.proposal_origin(case.id), **naming)}
        values = _values(case, told)
        found = measure(labels, case_grid(case), values, names=names, apart=apart, progress=step)
        return replace(found, pictures=pictures_of(case.image))

    # as their masks are called
    stems = free_stems(ready)
    return _write(path, [(stems[case.id], case) for case in ready], one, told, progress)


def _check_held(case: Case) -> None:
    """Make sure that the labels of a case are held as a whole."""
    if case.large:
        raise InputError(
            tr(
                "'{name}' is larger than memory, and what lies on it is not measured; expected an ordinary image. "
                "Export its objects as GeoJSON, and measure them there.",
                name=case.name,
            )
        )


def export_with_table(
    project: Project, folder: Path, *, progress: Progress | None = None, **wishes: Any
) -> tuple[list[Path], list[str]]:
    """Write a project's masks, and of those that could be written what their lesions measure.

    Parameters
    ----------
    wishes
        Of :func:`napari_medseg.app.export.export_project`; ``state``, ``overwrite``, ``chosen`` and ``task`` are given.

    Returns
    -------
    list of Path
        Files; the table, :data:`TABLE`, is the last.
    list of str
        What is missing in the table.

    Raises
    ------
    MedsegError
        As :func:`napari_medseg.app.export.export_project`; a PartlyDoneError counts the table among what was done.
    """
    csv = folder / TABLE
    check_free([csv], overwrite=wishes["overwrite"])
    done: list[int] = []
    partly: PartlyDoneError | None = None
    try:
        written = export_project(project, folder, progress=progress, tell=done.append, **wishes)
    except PartlyDoneError as error:
        if not done:
            raise
        partly, written = error, [Path(str(path)) for path in error.done]
    wanted = {name: wishes[name] for name in ("state", "overwrite", "chosen", "task")}
    told = []
    try:
        told = measure_project(project, csv, case_ids=done, progress=progress, **wanted).told
        written.append(csv)
    except (InputError, OutputError, PartlyDoneError) as error:
        written += [csv] if isinstance(error, PartlyDoneError) else []
        why = error.problems if isinstance(error, PartlyDoneError) else (sentence(error),)
        what = tr("the table {csv} is missing or not whole", csv=csv.name)
        before = () if partly is None else partly.problems
        raise PartlyDoneError([*before, *why], what if partly is None else f"{partly.what}; {what}", written) from error
    if partly is not None:
        raise PartlyDoneError(partly.problems, partly.what, written) from partly
    return written, told


def measure_files(
    paths: Sequence[str | Path],
    masks: str | Path,
    out: str | Path,
    *,
    rule: LabelRule = PLAIN,
    classes: Classes | None = None,
    apart: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the lesions of masks in files into one CSV.

    Parameters
    ----------
    paths : sequence of path
        Images, or folders of them; their masks are named ``<stem>`` or ``<stem>_mask``. None: the masks are measured by
        themselves, without intensities.
    masks : path
        Folder of masks, or one mask where there are no images.
    rule : LabelRule
        What numbers in the masks stand for, and which is no class.
    classes : mapping of int to str, optional
        What they are called; default: any number is a class, called as its mask says.

    Raises
    ------
    InputError
        If a file is missing, an image has no mask, a mask does not lie on its image, or a number in it is no class.
    PartlyDoneError, OutputError
        As :func:`measure_project`.
    """
    pairs = _pairs(paths, Path(masks))
    path = _free(out, (file for pair in pairs for file in pair if file is not None), overwrite=overwrite)
    rule.check(classes)
    found = survey([mask for _, mask in pairs], rule)
    check_numbers(found, classes or None)
    told: list[str] = []

    def one(pair: tuple[Path | None, Path], step: Callable[[float], None]) -> Measured:
        image_path, mask_path = pair
        numbers = read_numbers(mask_path)
        if image_path is None:
            grid, values = read_grid(mask_path), None
            if grid is None or grid.shape != numbers.shape:
                grid = Grid(numbers.shape)
        else:
            image = read_image(image_path)
            numbers, turned = fit_mask(image, numbers, image_path=image_path, mask_path=mask_path)
            told.extend([turned] if turned else [])
            grid, values = image.grid, image.data
        labels = rule.apply(numbers, classes=classes or None, path=mask_path).numbers
        names = classes or found[mask_path].names
        measured = measure(labels, grid, values, names=names, apart=apart, progress=step)
        return replace(measured, pictures=pictures_of(image_path))

    named = [(stem_of(mask if image is None else image), (image, mask)) for image, mask in pairs]
    return _write(path, named, one, told, progress)


def write_table(path: str | Path, image: str, measured: Measured, file: Path | None = None) -> Path:
    """Write the lesions of one mask; parameters are those of :func:`napari_medseg.app.lesion_csv.csv_rows`.

    ``file``: of the image, where it is known.
    """
    measured = replace(measured, pictures=pictures_of(file))
    return write_csv(path, [HEADER, *csv_rows(image, measured)])


def _pairs(paths: Sequence[str | Path], masks: Path) -> list[tuple[Path | None, Path]]:
    if not paths:
        return [(None, mask) for mask in (list_images(masks, masks=True) if masks.is_dir() else [masks])]
    files, _ = walk_images(paths)
    matched, _ = match_masks(files, masks)
    alone = [path for path in files if path not in matched]
    if alone:
        raise InputError(
            tr(
                "{n} of {of} images have no mask in {masks}, first '{first}'; expected a file named '<stem>' or "
                "'<stem>_mask'. Add the masks, or leave these images out.",
                n=len(alone),
                of=len(files),
                masks=masks,
                first=alone[0].name,
            )
        )
    return list(matched.items())


def _free(out: str | Path, read: Any, *, overwrite: bool) -> Path:
    path = Path(out)
    if path.suffix.lower() != SUFFIX:
        raise InputError(
            tr("{path} ends in '{suffix}'; expected .csv. Give it that ending.", path=path, suffix=path.suffix)
        )
    check_apart([path], read)
    check_free([path], overwrite=overwrite)
    check_writable(path)
    return path


def _values(case: Case, told: list[str]) -> np.ndarray | None:
    """Pixels of a case's image; where it is not what was added, nothing of it is measured, and that is told."""
    why = fault(case.image, case.sha256)
    if why is None:
        try:
            return read_image(case.image).data
        except MedsegError as error:
            why = str(error)
    told.append(
        tr("{name}: no intensities, since its image {image} is {why}.", name=case.name, image=case.image, why=why)
    )
    return None


def _write(
    path: Path,
    items: Sequence[tuple[str, Any]],
    one: Callable[[Any, Callable[[float], None]], Measured],
    told: list[str],
    progress: Progress | None,
) -> Written:
    batch = Batch(len(items), _not_measured)
    lesions = 0

    def rows() -> Iterator[Sequence[Cell]]:
        nonlocal lesions
        yield HEADER
        for number, (name, item) in enumerate(items):

            def step(share: float, number: int = number, name: str = name) -> None:
                if progress is not None:
                    progress((number + share) / len(items), name)

            step(0.0)
            with batch.item(name):
                measured = one(item, step)
                lesions += len(measured.lesions)
                yield from csv_rows(name, measured)

    write_csv(path, rows())
    batch.end([path])
    return Written(path, lesions, told)


def _not_measured(count: int) -> str:
    return trn("{n} mask was not measured", "{n} masks were not measured", count)

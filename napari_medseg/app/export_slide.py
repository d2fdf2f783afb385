"""The mask of one large image of a project into a file: all that it shows, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from napari_medseg.app.batch import check_free
from napari_medseg.app.export import check_folder, mask_kinds, program
from napari_medseg.app.export_large import check_large, write_large
from napari_medseg.app.formats import suffix_for
from napari_medseg.errors import InputError
from napari_medseg.names import clean_name
from napari_medseg.project import Case, Project
from napari_medseg.words import tr


def no_table(case: Case) -> str:
    """Why no table of a large case is written."""
    return tr(
        "'{name}' is larger than memory, and its lesions are not measured; expected its mask alone. Untick the table; "
        "what lies in the frame is measured in the tab Correct.",
        name=case.name,
    )


def no_objects(case: Case, format: str) -> str | None:
    """Why the objects of a large case are not numbered in a format; None where they are."""
    try:
        check_large(case, format, objects=True)
    except InputError as error:
        return str(error)
    return None


def export_slide(
    project: Project,
    case: Case,
    folder: Path,
    *,
    format: str,
    objects: bool = False,
    table: bool = False,
    overwrite: bool = False,
    progress: Callable[[float], None] = lambda share: None,
    **naming: Any,
) -> list[Path]:
    """Write ``<case>_mask.<ext>``, on request also ``_objects``: all that the case shows, accepted or not.

    Parameters
    ----------
    folder : Path
        Made if need be.
    naming
        As :func:`write_large` takes it.

    Raises
    ------
    InputError
        If the format does not take it, a table is asked for, or the file is there.
    ProjectError, OutputError
        As :func:`write_large` has them.
    """
    check_large(case, format, objects=objects)
    if table:
        raise InputError(no_table(case))
    stem, suffix = clean_name(case.name), suffix_for(format, volume=len(case.shape) == 3)
    targets = {kind: check_folder(folder) / f"{stem}_{kind}{suffix}" for kind in mask_kinds(objects)}
    check_free(targets.values(), overwrite=overwrite)
    wishes = {"format": format, "accepted": False, "program": program(), **naming}
    steps = parts_of(progress, len(targets))
    return [
        write_large(project, case, path, parted=kind == "objects", progress=step, **wishes)
        for (kind, path), step in zip(targets.items(), steps, strict=True)
    ]


def parts_of(progress: Callable[[float], None], count: int) -> Iterator[Callable[[float], None]]:
    """How far each of several works, one after the other, brings all of them."""
    for number in range(count):
        yield partial(_part, progress, number, count)


def _part(progress: Callable[[float], None], number: int, count: int, share: float) -> None:
    progress((number + share) / count)

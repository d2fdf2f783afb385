"""The mask of one large image of a project into a file: all that it shows, block by block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_medseg.app.batch import check_free
from napari_medseg.app.export import check_folder, program
from napari_medseg.app.export_large import check_large, write_large
from napari_medseg.app.formats import suffix_for
from napari_medseg.errors import InputError
from napari_medseg.names import clean_name
from napari_medseg.project import Case, Project
from napari_medseg.words import tr


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
    """Write ``<case>_mask.<ext>``: all that the case shows, accepted or not.

    Parameters
    ----------
    folder : Path
        Made if need be.
    naming
        As :func:`write_large` takes it.

    Raises
    ------
    InputError
        If the format does not take it, objects or a table are asked for, or the file is there.
    ProjectError, OutputError
        As :func:`write_large` has them.
    """
    check_large(case, format, objects=objects)
    if table:
        raise InputError(
            tr(
                "'{name}' is larger than memory, and its lesions are not measured; expected its mask alone. Untick "
                "the table; what lies in the frame is measured in the tab Correct.",
                name=case.name,
            )
        )
    target = check_folder(folder) / f"{clean_name(case.name)}_mask{suffix_for(format, volume=len(case.shape) == 3)}"
    check_free([target], overwrite=overwrite)
    return [
        write_large(
            project, case, target, format=format, accepted=False, program=program(), progress=progress, **naming
        )
    ]

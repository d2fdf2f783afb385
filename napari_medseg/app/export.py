"""Masks out: the one path that the panel, napari's Save dialog and the command line take."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_data_path

from napari_medseg import __version__
from napari_medseg.atomic import output_error
from napari_medseg.errors import InputError, MedsegError
from napari_medseg.io import write_mask
from napari_medseg.project import Case, Project

_UNITS = {"millimeter": "mm", "mm": "mm", "micrometer": "um", "um": "um", "µm": "um", "micron": "um"}
SUFFIXES = {"tiff": ".tif", "png": ".png"}


def layer_spacing(scale: Sequence[float], units: Sequence[Any]) -> tuple[tuple[float, float] | None, str]:
    """Pixel size (y, x) and unit of a 2D layer; none where the layer counts in pixels."""
    unit = _UNITS.get(str(units[-1]), "px")
    if unit == "px":
        return None, "px"
    return (float(scale[-2]), float(scale[-1])), unit


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
    spacing: tuple[float, float] | None = None,
    unit: str = "px",
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write labels with the program, its version and the time added to their provenance.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif``, ``.tiff`` or ``.png``.
    labels : np.ndarray
        (Y, X), bool or integer.
    spacing : tuple of float, optional
        Size of a pixel (y, x) in ``unit``.
    provenance : mapping, optional

    Raises
    ------
    InputError, OutputError
        As :func:`napari_medseg.io.write_mask`.
    """
    facts = {
        "software": "napari-medseg",
        "version": __version__,
        "exported": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "use": "research only, no medical device",
        **(provenance or {}),
    }
    return write_mask(path, labels, spacing=spacing, unit=unit, provenance=facts)


def rescue_labels(name: str, labels: np.ndarray) -> Path | None:
    """Write labels that their project cannot take to the first place that can: the user's data folder, or a temporary.

    Returns
    -------
    Path or None
        None where nothing can be written at all.
    """
    stem = re.sub(r"[^\w.-]+", "_", name) or "mask"
    file = f"{stem}_rescued_{time.strftime('%Y%m%d-%H%M%S')}.tif"
    for folder in (user_data_path("napari-medseg", appauthor=False) / "rescued", Path(tempfile.gettempdir())):
        try:
            return export_labels(check_folder(folder) / file, labels)
        except MedsegError:
            continue
    return None


def case_provenance(project: Project, case: Case) -> dict[str, Any]:
    """Where a case's labels come from: image, proposal, strokes, revision."""
    revisions = project.revisions(case.id)
    revision = revisions[-1] if revisions else None
    origin = project.proposal_origin(case.id) or {}
    return {
        "case": case.name,
        "image_sha256": case.sha256,
        "strokes": case.strokes,
        "revision": None if revision is None else revision.number,
        "author": None if revision is None else revision.author,
        "labels_sha256": None if revision is None else revision.sha256,
        "proposal": {key: origin.get(key) for key in ("network", "weights", "sha256")} if origin else None,
    }


def export_project(
    project: Project,
    out: str | Path,
    *,
    format: str = "tiff",
    case_ids: Sequence[int] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> list[Path]:
    """Write the newest accepted revision of each case as ``<case>_mask.<ext>``.

    Parameters
    ----------
    out : path
        Folder, made if need be.
    format : {'tiff', 'png'}
    case_ids : sequence of int, optional
        Default: all cases that have a revision.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If the format is not known, or a case or all of them were never accepted.
    OutputError
        If a file cannot be written.
    """
    if format not in SUFFIXES:
        raise InputError(f"format is '{format}'; expected one of: {', '.join(SUFFIXES)}. Choose one of these.")
    wanted = [case for case in project.cases() if case_ids is None or case.id in case_ids]
    ready = [case for case in wanted if project.revisions(case.id)]
    if not ready or (case_ids is not None and len(ready) < len(wanted)):
        names = ", ".join(case.name for case in wanted if case not in ready) or "the project"
        raise InputError(f"{names}: no accepted mask; only accepted masks are exported. Accept the mask first.")
    folder = check_folder(out)
    written: list[Path] = []
    taken: set[str] = set()
    for number, case in enumerate(ready):
        if progress is not None:
            progress(number / len(ready), case.name)
        # two patients' images may have one name
        stem = case.name if case.name not in taken else f"{case.name}_{case.id}"
        taken.add(stem)
        labels = project.revision_labels(project.revisions(case.id)[-1].id)
        path = folder / f"{stem}_mask{SUFFIXES[format]}"
        facts = case_provenance(project, case)
        written.append(export_labels(path, labels, spacing=case.spacing, unit=case.unit, provenance=facts))
    return written

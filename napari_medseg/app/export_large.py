"""Masks of large cases out: block by block, as OME-Zarr and GeoJSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.accepted import AcceptedMask, masks_of
from napari_medseg.app.classes import class_table
from napari_medseg.app.provenance import about_case
from napari_medseg.editing.instances import instances
from napari_medseg.errors import InputError
from napari_medseg.io import large_masks
from napari_medseg.io.colours import COLOURS_KEY
from napari_medseg.io.mask import MADE_KEY, SEMIAUTOMATIC
from napari_medseg.project import Case, Project
from napari_medseg.project.boxes import inside_box, part_shape
from napari_medseg.project.grids import case_grid
from napari_medseg.project.records import Part
from napari_medseg.words import tr, trn

# formats by the number of axes that they take
WRITERS = {
    "ome-zarr": ((2, 3), large_masks.write_zarr),
    "geojson": ((2,), large_masks.write_geojson),
}


# of a large image, its objects are told apart in this one
OBJECTS = "geojson"


def check_large(case: Case, format: str, *, objects: bool) -> None:
    """Make sure that a large case can be written so.

    Raises
    ------
    InputError
    """
    if format not in WRITERS or len(case.shape) not in WRITERS[format][0]:
        raise InputError(
            tr(
                "'{name}' is larger than memory, and {format} is written as a whole; expected OME-Zarr (ome-zarr), or "
                "for objects of an image GeoJSON (geojson). Choose one of them.",
                name=case.name,
                format=format,
            )
        )
    if objects and format != OBJECTS:
        raise InputError(
            tr(
                "'{name}' is larger than memory, and its objects are numbered in GeoJSON only; the format is {format}. "
                "Choose GeoJSON (geojson), or untick the objects.",
                name=case.name,
                format=format,
            )
        )


def write_large(
    project: Project,
    case: Case,
    path: Path,
    *,
    format: str,
    accepted: bool,
    program: Mapping[str, Any],
    chosen: tuple[str, str] | None = None,
    task: str = "",
    parted: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Path:
    """Write the mask of a large case.

    Parameters
    ----------
    path : Path
        What is there is replaced.
    parted : bool
        Objects that touch are told apart, as :func:`napari_medseg.editing.instances.instances` does it.
    accepted : bool
        Only what lies in accepted boxes, as it was accepted; all else is background. Default: all that is shown.
    program : mapping
        What goes into every file's provenance.
    progress : callable
        Called with the share that is done; what it raises ends the work, and nothing is left.

    Raises
    ------
    InputError
        If the format does not take it.
    ProjectError
        If a tile or a proposal is damaged or gone.
    OutputError
        If it cannot be written.
    """
    check_large(case, format, objects=parted)
    masks = masks_of(project, case) if accepted else []
    read = _accepted_reader(project, masks) if accepted else lambda box: project.labels(case.id, box, whole=True)
    facts = {**program, **_provenance(project, case, masks, chosen, task)}
    more: dict[str, Any] = {"parted": instances} if parted else {}
    WRITERS[format][1](path, read, grid=case_grid(case), provenance=facts, progress=progress, **more)
    return path


def large_told(project: Project, cases: Sequence[Case], *, accepted: bool) -> list[str]:
    """Sentences to tell before masks of large cases are written: what they do not hold."""
    told = []
    for case in (case for case in cases if case.large):
        count = len(masks_of(project, case))
        done = project.base_done(case.id) if not accepted and project.base_problem(case.id) is None else None
        if accepted and count:
            told.append(
                trn(
                    "Of '{name}' only what lies in {n} accepted box is written; for the rest, write all masks.",
                    "Of '{name}' only what lies in {n} accepted boxes is written; for the rest, write all masks.",
                    count,
                    name=case.name,
                )
            )
        elif done is not None and done[0] < done[1]:
            told.append(
                tr(
                    "The proposal for '{name}' is not done ({done} of {all} blocks): the rest is background there.",
                    name=case.name,
                    done=done[0],
                    all=done[1],
                )
            )
    return told


def _accepted_reader(project: Project, masks: Sequence[AcceptedMask]) -> Callable[[Part], np.ndarray]:
    """Labels of a part: what was accepted there, and 0 elsewhere."""
    by_number = {mask.revision.id: mask for mask in masks}
    # boxes that lie over several blocks are read once for those in a row
    labels_of = lru_cache(maxsize=4)(project.revision_labels)

    def read(box: Part) -> np.ndarray:
        half = len(box) // 2
        labels = np.zeros(part_shape(box), np.uint8)
        for number, mask in by_number.items():
            own = mask.box
            assert own is not None
            common = (
                *(max(one, other) for one, other in zip(box[:half], own[:half], strict=True)),
                *(min(one, other) for one, other in zip(box[half:], own[half:], strict=True)),
            )
            if 0 not in part_shape(common):
                whole = mask.revision.box or (*(0 for _ in mask.case.shape), *mask.case.shape)
                labels[inside_box(common, box)] = labels_of(number)[inside_box(common, whole)]
        return labels

    return read


def _provenance(
    project: Project, case: Case, masks: Sequence[AcceptedMask], chosen: tuple[str, str] | None, task: str
) -> dict[str, Any]:
    newest = masks[0].revision.id if masks else None
    origin = project.proposal_origin(case.id, newest) or {}
    facts = about_case(project, case, origin, newest)
    classes = class_table(project, origin, chosen, task=task)
    facts["classes"] = {one.label: one.name for one in classes}
    facts[COLOURS_KEY] = {one.label: one.colour for one in classes}
    if masks:
        facts["accepted"] = [
            {"revision": mask.revision.number, "box": list(mask.box or ()), "labels_sha256": mask.revision.sha256}
            for mask in masks
        ]
        made: dict[int, str] = {}
        for mask in masks:
            for label, kind in project.made_by(case.id, mask.revision.id).items():
                made[label] = kind if made.get(label, kind) == kind else SEMIAUTOMATIC
        facts[MADE_KEY] = made
    else:
        facts["blocks"] = project.base_done(case.id)
    return facts

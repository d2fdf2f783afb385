"""What a case shows, or a window of a large one, as the project holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_medseg.project import Box, Project
from napari_medseg.project.boxes import common, shifted
from napari_medseg.project.touched import ACCEPTED, PROPOSAL, UNLOCK, WITHDRAWN
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLabels:
    """What a case shows, or a part of it.

    Attributes
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), or (rows, columns) of the part; uint8.
    touched : np.ndarray
        Of the same shape, bool: changed by a person, left alone by proposals.
    found_boxes : bool
        The last proposal is of boxes that a network found itself.
    box : tuple of int or None
        The part (y0, x0, y1, x1), half-open, px; rows of a volume count over its slices. None: the whole.
    moved : tuple of int or None
        Of an undo or redo in a window of a large image: what it changed, of which the box is the part that lies in the
        window; px of the image.
    took : str
        Of an undo, what it took back: the tool, ``proposal``, ``accepted``, ...; empty of all else.
    """

    labels: np.ndarray
    touched: np.ndarray
    found_boxes: bool = False
    box: Box | None = None
    moved: Box | None = None
    took: str = ""


# what an undo gives that would have taken back the first proposal, and was not to
WITHHELD = CaseLabels(labels=np.zeros((0, 0), np.uint8), touched=np.zeros((0, 0), bool), box=(0, 0, 0, 0))


def case_labels(project: Project, case_id: int, box: Box | None = None) -> CaseLabels:
    """Read what a case shows, in a box or all of it.

    Raises
    ------
    ProjectError
        If a tile is damaged.
    """
    origin = project.proposal_origin(case_id) or {}
    return CaseLabels(
        labels=project.labels(case_id, box),
        touched=project.touched(case_id, box),
        found_boxes="found_boxes" in origin,
        box=box,
    )


def window_labels(project: Project, case_id: int, window: Box, moved: Box | None = None) -> CaseLabels:
    """What a window of a large image shows, or the part of it that was changed; the part in px of the window.

    Raises
    ------
    ProjectError
        If a tile is damaged.
    """
    part = window if moved is None else common(window, moved)
    if part[0] == part[2] or part[1] == part[3]:
        # all of it lies elsewhere
        return CaseLabels(
            labels=np.zeros((0, 0), np.uint8), touched=np.zeros((0, 0), bool), box=(0, 0, 0, 0), moved=moved
        )
    found = case_labels(project, case_id, part)
    return replace(found, box=None if moved is None else shifted(part, -window[0], -window[1]), moved=moved)


def undo_text(took: str, *, frame: bool) -> str:
    """What an undo took back, for the person, where that is no stroke, which is seen; empty: nothing to say."""
    if took == PROPOSAL:
        kept = tr("Accepted frames are as they were.") if frame else ""
        return f"{tr('Undo took back the newest proposal.')} {kept}".strip()
    if took == UNLOCK:
        return tr("Undo: proposals leave again what you drew.")
    if took == ACCEPTED:
        return tr("Undo: this frame is not accepted any more.")
    if took == WITHDRAWN:
        return tr("Undo: this frame is accepted again.")
    return ""

"""Whether stray pieces of a mask are worth a question: only where a label is one thing in the project's other masks."""

from __future__ import annotations

import numpy as np

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.app.slide_work import shown_store
from napari_medseg.editing.pieces import Strays, count_pieces, find_strays
from napari_medseg.project import Box, Project

# so many other accepted masks say whether a label is one thing, the newest first, and no more pixels in all
OTHERS, PIXELS = 5, 30_000_000
# of larger masks nobody is asked: accepting is quick
LARGEST = 60_000_000
SETTING = "pieces_unasked"


class StrayPieces:
    """Remembers what it has counted."""

    def __init__(self) -> None:
        # of the open project: pieces of each label, by revision
        self._of: Project | None = None
        self._counted: dict[int, dict[int, int]] = {}

    def to_ask(self, project: Project, case_id: int, labels: np.ndarray) -> list[Strays]:
        """Labels of a case about whose stray pieces the person is asked.

        Parameters
        ----------
        project : Project
        case_id : int
        labels : np.ndarray
            (Y, X) or (Z, Y, X), integer, not below 0: what is shown.
        """
        if labels.size > LARGEST:
            return []
        found = [one for one in find_strays(labels) if not unasked(project, one.label)]
        if not found:
            return []
        others = self._others(project, case_id)
        return [one for one in found if _one_thing(one.label, others)]

    def emptied(self, project: Project, case_id: int, labels: np.ndarray, window: Box | None = None) -> bool:
        """Whether a mask is empty and no proposal that is shown says so; not where another was accepted as empty.

        Whoever drew nothing, took a proposal back or rubbed everything out may have meant it, or not. Of a window
        (y0, x0, y1, x1), px, on a large image: whether no network looked there, or somebody drew.
        """
        if window is not None and not labels.any():
            # where one is still on its way, accepting is refused
            return shown_store(project, case_id) is None or bool(project.touched(case_id, window).any())
        if labels.any() or _proposed_empty(project, case_id):
            return False
        return all(sum(counted.values()) for counted in self._others(project, case_id))

    def _others(self, project: Project, case_id: int) -> list[dict[int, int]]:
        if project is not self._of:
            self._of, self._counted = project, {}
        cases = [case for case in project.cases() if case.state == "accepted" and not case.large and case.id != case_id]
        newest = sorted((project.revisions(case.id)[-1] for case in cases), key=lambda one: one.id, reverse=True)
        left = PIXELS
        counts = []
        for revision in newest[:OTHERS]:
            if revision.id not in self._counted and left > 0:
                labels = project.revision_labels(revision.id)
                left -= labels.size
                self._counted[revision.id] = count_pieces(labels)
            if revision.id in self._counted:
                counts.append(self._counted[revision.id])
        return counts


def _proposed_empty(project: Project, case_id: int) -> bool:
    """Whether what is shown is a proposal, of nothing, that nobody drew on."""
    return project.proposal_origin(case_id) is not None and project.strokes_below(case_id) == 0


def _one_thing(label: int, others: list[dict[int, int]]) -> bool:
    """Whether at least half of the masks that have the label have it in one piece; where none has it, it may be."""
    pieces = [counted[label] for counted in others if label in counted]
    return 2 * sum(count == 1 for count in pieces) >= len(pieces)


def unasked(project: Project, label: int) -> bool:
    """Whether the person said not to ask about this label."""
    return _key(project, label) in _stored()


def do_not_ask(project: Project, label: int) -> None:
    """Remember that."""
    save_settings(**{SETTING: sorted({*_stored(), _key(project, label)})})


def _stored() -> list[str]:
    stored = load_settings().get(SETTING)
    return [str(one) for one in stored] if isinstance(stored, list) else []


def _key(project: Project, label: int) -> str:
    return f"{label} {project.path}"

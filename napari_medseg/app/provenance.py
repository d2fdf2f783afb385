"""Where a mask comes from: what goes out beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_medseg.app.classes import class_table
from napari_medseg.errors import MedsegError
from napari_medseg.io import stem_of
from napari_medseg.io.colours import COLOURS_KEY
from napari_medseg.io.mask import AUTOMATIC, MADE_KEY, SEMIAUTOMATIC, TOOLS_KEY
from napari_medseg.names import clean_name
from napari_medseg.project import Case, Project
from napari_medseg.project.labels import labels_sha256

# what a mask tells of its proposal: the network, the other members of an ensemble, and how it was asked and computed
MADE_BY = ("network", "weights", "sha256")
ASKED = ("also", "plan", "precision")


def case_provenance(
    project: Project, case: Case, labels: np.ndarray, chosen: tuple[str, str] | None = None, *, task: str = ""
) -> dict[str, Any]:
    """Where labels of a case come from: image, proposal, strokes, and the newest revision that holds just them.

    Where there is none, they are taken for what the case shows now. Its classes are those of the project, and what the
    window calls the others that the mask holds: see :func:`napari_medseg.app.classes.class_table` for the parameters.
    """
    digest = labels_sha256(labels.astype(np.uint8, copy=False))
    revision = next((one for one in reversed(project.revisions(case.id)) if one.sha256 == digest), None)
    below = None if revision is None else revision.id
    origin = project.proposal_origin(case.id, below) or {}
    made = project.made(case.id, below, labels)
    noted, held = {one.label for one in project.classes()}, {1, *map(int, np.unique(labels))}
    classes = [one for one in class_table(project, origin, chosen, task=task) if one.label in noted | held]
    return {
        **about_case(project, case, origin, below),
        "revision": None if revision is None else revision.number,
        "labels_sha256": None if revision is None else revision.sha256,
        MADE_KEY: _made(made.by, origin),
        TOOLS_KEY: {label: list(tools) for label, tools in made.tools.items()},
        "classes": {one.label: one.name for one in classes},
        COLOURS_KEY: {one.label: one.colour for one in classes},
    }


def about_case(project: Project, case: Case, origin: Mapping[str, Any], revision: int | None) -> dict[str, Any]:
    """Of what shows, or of a revision: the image, the proposal of this origin, and how many strokes there are."""
    row, chain = project.sealed()
    return {
        "case": case.name,
        # of an image that the project keeps under a name of its own, the name that people know
        "image": case.image.name if clean_name(stem_of(case.image)) == case.name else case.name,
        "image_sha256": case.sha256,
        "strokes": project.strokes_below(case.id, revision),
        "proposal": _made_by(origin),
        # a history that was cut at its end later on no longer has this row
        "history": {"row": row, "chain": chain},
    }


def _made(made: Mapping[int, str], origin: Mapping[str, Any]) -> dict[int, str]:
    """Who made each label; what a network found in boxes that a person drew, both did."""
    prompted = bool(origin.get("boxes"))
    return {label: SEMIAUTOMATIC if prompted and kind == AUTOMATIC else kind for label, kind in made.items()}


def _made_by(origin: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a proposal's origin, every network that had a say."""
    if not origin:
        return None
    return {key: origin.get(key) for key in MADE_BY} | {key: origin[key] for key in ASKED if key in origin}


def of_proposal(proposal: dict[str, Any], labels: np.ndarray) -> dict[str, Any]:
    """What is known of a mask that no project follows: who made it, if it is just as it was proposed."""
    if proposal.get("labels_sha256") != labels_sha256(labels):
        return proposal
    made = SEMIAUTOMATIC if proposal.get("boxes") else AUTOMATIC
    return {**proposal, MADE_KEY: {int(label): made for label in np.unique(labels) if label}}


def note_origin(facts: dict[str, Any], project: Project, case_id: int) -> None:
    """Note in a mask's metadata, which outlive the project, which proposal it comes from, as the history says now."""
    try:
        origin = project.proposal_origin(case_id)
    except MedsegError:
        # of a project that is gone, nothing is known
        origin = None
    now, then = origin or {}, facts.get("medseg", {})
    if any(now.get(key) != then.get(key) for key in ("sha256", "also")):
        facts["medseg"] = dict(now)

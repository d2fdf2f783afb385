"""Who judges a round: accepted images that are held out, those first that a person corrected."""

from __future__ import annotations

import hashlib
import json

from napari_medseg.app.accepted import masks_of
from napari_medseg.project import Case, Project

# a gate of fewer corrected images looks for more
WANTED = 2
# with fewer accepted groups, all are learned from
LEAST_GROUPS = 4


def accepted(project: Project, split: str) -> list[Case]:
    """Cases of one side of the split that have a revision and whose image is there."""
    return [c for c in project.cases() if c.split == split and not c.missing and project.standing(c.id)]


def as_proposed(project: Project, case: Case) -> bool:
    """Whether the newest accepted mask of a case is what a network proposed, without a person's change.

    Of a large case, all of its accepted boxes.
    """
    return not any(project.corrected(mask.revision.id) for mask in masks_of(project, case))


def to_set_aside(project: Project) -> list[str]:
    """Groups that the next round would hold out beside those that are; changes nothing.

    A mask that was accepted as proposed is a network's own word: it shows harm, and no gain. So corrected ones come
    first, but one half of them at most, which are what there is to learn; then others, in the order of their hashes.
    Groups that any round was trained on are never among them, lest a network be judged on what it has seen.

    Returns
    -------
    list of str
        None where two corrected images are held out already, or fewer than four groups are accepted.
    """
    judges, cases = accepted(project, "heldout"), accepted(project, "train")
    groups = {case.group for case in cases}
    able = sum(not as_proposed(project, case) for case in judges)
    if able >= WANTED or len(groups) < LEAST_GROUPS:
        return []
    # any run counts: whatever came out of it may be in use one day
    seen = {pair.get("group") for run in project.runs() for pair in json.loads(run.spec).get("train", ())}
    fresh = sorted(groups - seen, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
    # at least one; two as soon as that leaves most of the images for training
    most = max(1 if len(groups) < 6 else 2, len(groups) // 5)
    # and of what is new, one half at most
    most = most if not seen else min(most, len(fresh) // 2)
    drawn = {case.group for case in cases if case.group in fresh and not as_proposed(project, case)}
    corrected = [group for group in fresh if group in drawn]
    chosen = corrected[: min(most, len(corrected) // 2)]
    if len(judges) >= WANTED:
        # enough to look for harm
        return chosen[: WANTED - able]
    return [*chosen, *(group for group in fresh if group not in drawn)][:most]

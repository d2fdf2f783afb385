"""What counts of what was accepted: of an image its newest mask, of a large case the boxes, of which the newer wins."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from napari_medseg.project import Case, Project, Revision
from napari_medseg.project.boxes import part_shape
from napari_medseg.project.records import Part

# px: what is left of a box below newer ones is dropped where a side of it (y or x) is shorter
LEAST_SIDE = 64


@dataclass(frozen=True, slots=True)
class AcceptedMask:
    """A mask that is learned from, or judges.

    Attributes
    ----------
    case : Case
    revision : Revision
    box : tuple of int or None
        Of a large case, the part of the revision's box that counts, px of the image; None: all of the image.
    """

    case: Case
    revision: Revision
    box: Part | None


def masks_of(project: Project, case: Case) -> list[AcceptedMask]:
    """The masks of a case that count, the newest first; none where nothing was accepted.

    Boxes of a large case never share a pixel: an older one is cut back to the largest box that the newer ones leave of
    it, and is left out where that is too narrow to be learned from. What it says is what was accepted in it then,
    whatever was drawn there since and not accepted; no proposal changes what is shown there.
    """
    revisions = project.standing(case.id)
    if not case.large:
        return [AcceptedMask(case, one, None) for one in revisions[-1:]]
    found: list[AcceptedMask] = []
    for one in reversed(revisions):
        # an earlier version accepted the whole of it
        left: Part | None = one.box or (*(0 for _ in case.shape), *case.shape)
        for newer in found:
            if left is not None and newer.box is not None:
                left = cut(left, newer.box)
        if left is not None and min(part_shape(left)[-2:]) >= min(LEAST_SIDE, *part_shape(one.box or left)[-2:]):
            found.append(AcceptedMask(case, one, left))
    return found


def cut(box: Part, other: Part) -> Part | None:
    """The largest box inside a box that shares nothing with another; None where nothing is left."""
    half = len(box) // 2
    meet = all(box[a] < other[a + half] and other[a] < box[a + half] for a in range(half))
    if not meet:
        return box
    left = []
    for axis in range(half):
        below, above = list(box), list(box)
        below[axis + half] = other[axis]
        above[axis] = other[axis + half]
        left += [tuple(one) for one in (below, above) if one[axis] < one[axis + half]]
    return max(left, key=lambda one: prod(part_shape(one)), default=None)

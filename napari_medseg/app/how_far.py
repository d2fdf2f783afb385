"""How much of a project is accepted, in words: images, and frames of large ones, of which nobody accepts all."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.project import Case
from napari_medseg.words import mark, tr, trn

ALL_ACCEPTED = mark("All images are accepted. Retrain, or export the masks.")


def progress_text(cases: Sequence[Case]) -> str:
    """How much of a project is accepted, in words; of large images nobody accepts all."""
    whole = [case for case in cases if not case.large]
    parts = []
    if whole or not cases:
        done = sum(case.state == "accepted" for case in whole)
        parts.append(tr("{done} of {total} accepted", done=done, total=len(whole)))
    if len(whole) < len(cases):
        parts.append(_frames_text(cases))
    return ", ".join(parts)


def _frames_text(cases: Sequence[Case]) -> str:
    """How many frames of large images are accepted, of how many with something to look at where that is known."""
    large = [case for case in cases if case.large]
    return frames_text(
        sum(case.frames for case in large),
        sum(case.frames_of or 0 for case in large) if all(case.frames_of for case in large) else None,
    )


def frames_text(count: int, of: int | None) -> str:
    """How many frames are accepted, of how many with tissue; None: nobody knows."""
    if of is None:
        return trn("{n} frame accepted", "{n} frames accepted", count)
    return trn("{n} frame accepted of {of} with tissue", "{n} frames accepted of {of} with tissue", count, of=of)


def all_accepted_text(cases: Sequence[Case]) -> str:
    """That no image is left, for the person; of large images, how far they are."""
    if not any(case.large for case in cases):
        return tr(ALL_ACCEPTED)
    told = _frames_text(cases)
    if all(case.large for case in cases):
        return tr("{frames}. Go on with more frames, retrain, or export the masks.", frames=told)
    return tr(
        "All images are accepted; of slides {frames}. Go on with more frames, retrain, or export the masks.",
        frames=told,
    )

"""A slide's proposal as a case of a project has it: begun, gone on with, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.slide_plan import WORTH, SlidePlan
from napari_medseg.app.slides import SlideRun, facts_of, origin_of, predict_slide
from napari_medseg.atomic import output_error
from napari_medseg.errors import InputError, MedsegError
from napari_medseg.io.json_file import plain
from napari_medseg.io.label_blocks import Index, LabelBlocks
from napari_medseg.io.large import Large, Part
from napari_medseg.project import Box, Case, Project
from napari_medseg.project.way import DIGEST, STORE
from napari_medseg.words import tr

# folder of a project in which proposals on large images lie
FOLDER = "slides"
# px a side that are shown at once
CLOSE = 1024
# in the origin of a proposal: what a person asked for, to go on with it
ASKED = "asked"
# of a block on the map: nothing is there, it waits, it is done
EMPTY, WAITING, DONE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for.

    Attributes
    ----------
    task, weights : str
    pixel_um : float or None
        None: as the network was trained.
    """

    task: str
    weights: str
    pixel_um: float | None


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a proposal is.

    Attributes
    ----------
    map : np.ndarray
        (rows, columns) uint8 of its blocks: EMPTY, WAITING or DONE.
    block : tuple of int
        Sides of a block, px.
    done, of : int
        Tiles through the network, and all of them.
    """

    map: np.ndarray
    block: tuple[int, ...]
    done: int
    of: int

    @property
    def whole(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.map == WAITING).any()


def shown_store(project: Project, case_id: int) -> LabelBlocks | None:
    """The proposal that a case shows, where it lies in a folder; None: it shows none, or it cannot be read."""
    origin = project.proposal_origin(case_id) or {}
    if STORE not in origin:
        return None
    try:
        store = LabelBlocks(project.path / str(origin[STORE]))
    except MedsegError:
        # told by who reads its labels
        return None
    return store if store.digest == origin.get(DIGEST) else None


def doubts_of(project: Project, case_id: int) -> dict[Box, float]:
    """How doubtful the parts of the proposal are that a case shows, where that is known, px of the full level."""
    store = shown_store(project, case_id)
    try:
        return {} if store is None else boxes_of(store, store.doubts())
    except MedsegError:
        # it only says in which order one looks
        return {}


def boxes_of(store: LabelBlocks, doubts: Mapping[Index, float]) -> dict[Box, float]:
    """Figures of blocks by where these lie."""
    return {(box[0], box[1], box[2], box[3]): doubt for index, doubt in doubts.items() for box in (store.box(index),)}


def unfinished(project: Project, case_id: int) -> Asked | None:
    """What was asked for, of the proposal that a case shows, where not all of it is done; None where all is, or none.

    Raises
    ------
    ProjectError
        If the project cannot be read.
    """
    told = (project.proposal_origin(case_id) or {}).get(ASKED)
    store = shown_store(project, case_id)
    if store is None or not isinstance(told, dict) or all(store.done(index) for index in store.blocks()):
        return None
    pixel = told.get("pixel_um")
    return Asked(str(told.get("task", "")), str(told.get("weights", "")), None if pixel is None else float(pixel))


def begin(project: Project, case: Case, slide: Large, plan: SlidePlan, task: str = "") -> tuple[LabelBlocks, bool]:
    """The place for a plan's labels, shown by the case from here on; what was done there before is there still.

    Returns
    -------
    store : LabelBlocks
    new : bool
        The case showed another proposal, or none: this one is a stroke that can be undone.

    Raises
    ------
    OutputError
        If it cannot be written.
    ProjectError, ImageReadError
        If project or slide cannot be read.
    """
    facts = facts_of(plan)
    folder = project.path / FOLDER / str(case.id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    # one that was begun with other weights stays: undo shows it
    for number in range(1, 1000):
        path = folder / f"proposal-{number}.ome.zarr"
        if not path.exists() or _is_of(path, facts, slide):
            break
    store = LabelBlocks.create(path, slide.grid, facts, doubts=True)
    now = shown_store(project, case.id)
    new = now is None or now.path != store.path
    if new:
        asked = Asked(task, plan.request.weights, plan.request.pixel_um)
        project.set_base(case.id, store.path, {**origin_of(plan, facts), ASKED: asdict(asked)})
    return store, new


def _is_of(path: Path, facts: Mapping[str, Any], slide: Large) -> bool:
    try:
        store = LabelBlocks(path)
    except MedsegError:
        return False
    return store.facts == plain(facts) and store.shape == tuple(slide.shape)


def on_its_way(project: Project, case: Case, plan: SlidePlan) -> Progressed | None:
    """How far the proposal is that a case shows, where this plan would go on with it; None where it would begin anew.

    Reads the whole file of the image, for its checksum: off the GUI thread.
    """
    store = shown_store(project, case.id)
    if store is None or store.facts != plain(facts_of(plan)):
        return None
    return progressed(plan, store)


def progressed(plan: SlidePlan, store: LabelBlocks) -> Progressed:
    """How far it is, by what is on the disk."""
    blocks = store.blocks()
    found = np.zeros(tuple(n + 1 for n in blocks[-1]), np.uint8)
    done = of = 0
    for index in blocks:
        tiles = len(plan.places(store.box(index)))
        finished = store.done(index)
        of += tiles
        done += tiles * finished
        found[index] = (DONE if finished else WAITING) if tiles else EMPTY
    # tiles at the rim of blocks count for several
    share = 1.0 if not of else done / of
    return Progressed(found, store.block, round(share * plan.count), plan.count)


def tissue_windows(plan: SlidePlan, candidates: Sequence[Box]) -> list[Box]:
    """Those windows that hold as much tissue as is worth looking at; where none does, those that hold any."""
    if plan.tiles is None:
        return list(candidates)
    shares = [plan.share(box) for box in candidates]
    worth = [box for box, share in zip(candidates, shares, strict=True) if share >= WORTH]
    return worth or [box for box, share in zip(candidates, shares, strict=True) if share]


def middle_of(view: Part, side: int = CLOSE) -> Part:
    """The middle of what is seen, px: as much as a network does in a moment."""
    found = []
    for low, high in ((view[0], view[2]), (view[1], view[3])):
        start = max(low, (low + high - side) // 2)
        found.append((start, min(high, start + side)))
    (top, bottom), (left, right) = found
    return top, left, bottom, right


def _is_close(view: Part) -> bool:
    """Whether the middle of what is seen is much of it."""
    return max(view[2] - view[0], view[3] - view[1]) <= 4 * CLOSE


def _meet(one: Part, other: Part) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def go_on(
    project: Project,
    case: Case,
    slide: Large,
    plan: SlidePlan,
    *,
    task: str = "",
    first: Part | None,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
    begun: Callable[[LabelBlocks, bool], None],
    seen: Callable[[Part, np.ndarray], None] = lambda box, labels: None,
    done: Callable[[LabelBlocks, tuple[Index, ...]], None],
) -> LabelBlocks:
    """Begin a proposal, or go on with it.

    Parameters
    ----------
    first : box or None
        (y0, x0, y1, x1), px, that a person sees: its middle is done at once, and its blocks first.
    begun : callable
        Called with the store, and whether the case showed another before.
    seen : callable
        Called with the middle of what is seen, and its labels (uint8), before any block is done.
    progress, cancelled, done
        As :func:`predict_slide` takes them; errors are those of it, too.
    """
    if project.read_only:
        raise InputError(
            tr(
                "{path} cannot be written to; expected a project of your own. Copy it, and open that.",
                path=project.path,
            )
        )
    store, new = begin(project, case, slide, plan, task)
    begun(store, new)
    if first is not None and _is_close(first) and not cancelled():
        close = middle_of(first)
        if any(not store.done(index) for index in store.blocks() if _meet(store.box(index), close)):
            # the same as its blocks will have, long before these are done
            progress(0.0, tr("what you see"))
            seen(close, SlideRun(slide, plan, store).see(close))
    predict_slide(
        slide,
        plan,
        store,
        first=first,
        progress=progress,
        cancelled=cancelled,
        done=lambda unit: done(store, unit),
    )
    return store

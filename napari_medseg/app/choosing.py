"""Which weights are proposed with: what a person chose, else the best for what is on the image; never a guess."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from napari_medseg.app.familiar import kind_of, look
from napari_medseg.app.kinds import tasks_on
from napari_medseg.networks import get_spec
from napari_medseg.weights import WeightsEntry

Known = tuple[str, WeightsEntry]
"""Id or path of weights, and what is known of them."""


def offered(known: Sequence[Known], *, volume: bool) -> list[Known]:
    """Those weights that may be chosen for an image, or a volume: for some task at least."""
    return [one for one in known if tasks_on(one[1], volume=volume)]


def tasks_of(known: Sequence[Known], *, volume: bool = False) -> list[str]:
    """Ids of all that some weights may be chosen for."""
    return sorted({task for _, entry in known for task in tasks_on(entry, volume=volume)})


def only_task(known: Sequence[Known], *, volume: bool = False) -> str:
    """The one task that weights may be chosen for on such an image; empty: there are several, or none.

    A volume of a head is no volume of a hippocampus: that only one network was made for volumes tells nothing.
    """
    tasks = tasks_of(known, volume=volume)
    return tasks[0] if len(tasks) == 1 else ""


def ranked(known: Sequence[Known], task: str, worse: Collection[str] = ()) -> list[Known]:
    """Weights for a task: a person's own first, then the most accurate; last, own ones that were measured ``worse``."""
    return in_order([one for one in known if task in one[1].tasks], task, worse)


def in_order(known: Sequence[Known], task: str, worse: Collection[str] = ()) -> list[Known]:
    """The same order for all weights, also those that do not know the task."""
    best = sorted(known, key=lambda one: one[1].merit_on(task), reverse=True)
    return sorted(best, key=lambda one: (one[0] in worse, one[0] == one[1].id))


def best_for(
    known: Sequence[Known],
    task: str = "",
    image: np.ndarray | None = None,
    *,
    volume: bool = False,
    worse: Collection[str] = (),
) -> Known | None:
    """The weights to begin with.

    Parameters
    ----------
    known : sequence of (id or path, entry)
        That take such an image.
    task : str
        What a person said is on it; empty: nothing yet.
    image : np.ndarray, optional
        As it was read: looked at where nobody said what it shows.
    volume : bool
        It is one.
    worse : collection of str
        Paths of those that a round of retraining measured as worse than what it began with.

    Returns
    -------
    (id or path, entry) or None
        None: nobody knows what is on the image, or no weights at hand do.
    """
    tasks, only = tasks_of(known, volume=volume), only_task(known, volume=volume)
    if only:
        return ranked(known, only, worse)[0]
    if task not in tasks:
        # slices are described by nothing that is at hand
        description = None if image is None or volume else look(image)
        task = "" if description is None else kind_of(description)
    return next(iter(ranked(known, task, worse)), None)


def for_boxes(known: Sequence[Known], chosen: str, task: str) -> Known | None:
    """The weights that segment inside boxes a person drew: those that are chosen where they can, else the best.

    Parameters
    ----------
    known : sequence of (id or path, entry)
    chosen : str
        Id or path.
    task : str

    Returns
    -------
    (id or path, entry) or None
        None: none at hand take boxes.
    """
    able = [one for one in known if get_spec(one[1].network).capabilities.box_prompt]
    own = [one for one in able if one[0] == chosen]
    rest = sorted(able, key=lambda one: -(one[1].dice or 0))
    return next(iter([*own, *ranked(able, task), *rest]), None)

"""Windows on a large image: the parts that are corrected one after the other, and its mask at every scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from napari_medseg.app.tile_cache import TileCache
from napari_medseg.app.tile_grid import Step, steps_of
from napari_medseg.project import Box, Case, Project
from napari_medseg.project.boxes import common

# px of full resolution a side: what one corrects at a time, and how much is in view at most when a window opens
SIDE = 2048
# while so much of what is seen lies in the window, it stays
STAYS = 0.75
# of a window: where so much of it is accepted, it is no next one
SEEN = 0.5
# levels of a mask that are read from the project; smaller ones are made of them
DIRECT = 3
MOST_BYTES = 192 << 20


def window_at(middle: Sequence[float], shape: Sequence[int], side: int | None = None) -> Box:
    """The window around a place, moved into the image where that ends.

    Parameters
    ----------
    middle : (float, float)
        y and x, px of full resolution.
    shape : (int, int)
        Of the image.
    """
    side = side or SIDE
    firsts = [int(np.clip(round(at - side / 2), 0, max(0, n - side))) for at, n in zip(middle, shape, strict=True)]
    top, left = firsts
    return top, left, min(top + side, int(shape[0])), min(left + side, int(shape[1]))


def area(box: Box) -> int:
    """Pixels of a box."""
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def wanted(view: Box, shape: Sequence[int], current: Box | None, side: int | None = None) -> Box | None:
    """The window to open for what is seen; None: what is there serves, or one looks from too far.

    Parameters
    ----------
    view : tuple of int
        What of the image is on the screen, px of full resolution.
    current : tuple of int or None
        The window that is open.
    """
    side = side or SIDE
    if not area(view) or max(view[2] - view[0], view[3] - view[1]) > side:
        return None
    if current is not None and area(common(view, current)) >= STAYS * area(view):
        return None
    box = window_at(((view[0] + view[2]) / 2, (view[1] + view[3]) / 2), shape, side)
    return None if box == current else box


def windows_of(shape: Sequence[int], side: int | None = None) -> list[Box]:
    """All windows side by side, row by row."""
    side = side or SIDE
    return [
        (top, left, min(top + side, int(shape[0])), min(left + side, int(shape[1])))
        for top in range(0, int(shape[0]), side)
        for left in range(0, int(shape[1]), side)
    ]


def next_window(candidates: Sequence[Box], accepted: Collection[Box], current: Box | None, by: int = 1) -> Box | None:
    """The next window of which less than half is accepted, after the current one and around; None: there is none.

    Parameters
    ----------
    candidates : sequence of tuple of int
        In the order in which one goes through them.
    accepted : collection of tuple of int
        Boxes that a person accepted.
    by : {1, -1}
        Forwards or back.
    """
    left = [n for n, box in enumerate(candidates) if not _is_seen(box, accepted)]
    if current is not None:
        left = [n for n in left if candidates[n] != current]
    if not left:
        return None
    at = (
        -1 if current is None else max(range(len(candidates)), key=lambda n: (area(common(candidates[n], current)), -n))
    )
    after = [n for n in left if n > at] if by > 0 else [n for n in left if n < at]
    if by > 0:
        return candidates[(after or left)[0]]
    return candidates[(after or left)[-1]]


def most_doubtful(
    candidates: Sequence[Box],
    doubts: Mapping[Box, float],
    accepted: Collection[Box],
    passed: Collection[Box],
    current: Box | None,
) -> Box | None:
    """The window with most doubt of which less than half is accepted; None: there is none of which doubt is known.

    Parameters
    ----------
    candidates : sequence of tuple of int
    doubts : mapping of tuple of int to float
        In [0, 1], by block: a window has that of the block in which its middle lies.
    accepted : collection of tuple of int
        Boxes that a person accepted.
    passed : collection of tuple of int
        Windows from which a person went on without accepting: they come again after all others.
    current : tuple of int or None
        The window that is open, never the next.
    """
    known = [(box, doubt) for box in candidates if box != current and (doubt := _doubt_at(box, doubts)) is not None]
    left = [(box, doubt) for box, doubt in known if not _is_seen(box, accepted)]
    fresh = [one for one in left if one[0] not in passed] or left
    # of equal ones the first
    return max(fresh, key=lambda one: one[1])[0] if fresh else None


def next_frame(
    candidates: Sequence[Box],
    doubts: Mapping[Box, float],
    accepted: Collection[Box],
    passed: Collection[Box],
    current: Box | None,
) -> tuple[Box | None, bool]:
    """The frame to look at next: with most doubt, then those of which nobody knows; each once, before any again.

    Parameters
    ----------
    candidates, doubts, accepted, passed, current
        As :func:`most_doubtful` takes them.

    Returns
    -------
    tuple of int or None
        None: all are accepted, but perhaps the one that is open.
    bool
        Whether all others had been passed, and it begins anew.
    """
    left = [box for box in candidates if box != current and not _is_seen(box, accepted)]
    fresh = [box for box in left if box not in passed]
    among = fresh or left
    found = most_doubtful(among, doubts, (), (), current)
    if found is None and among:
        # after the open one and around: that lies among all, passed and accepted ones too
        gone = [box for box in candidates if box not in among and box != current]
        found = next_window(candidates, gone, current)
    return found, not fresh and bool(left)


def _doubt_at(box: Box, doubts: Mapping[Box, float]) -> float | None:
    if box in doubts:
        return doubts[box]
    y, x = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    return next((doubt for (y0, x0, y1, x1), doubt in doubts.items() if y0 <= y < y1 and x0 <= x < x1), None)


def _is_seen(box: Box, accepted: Collection[Box]) -> bool:
    """Whether at least half of a box is accepted, however many boxes that took; on a grid of 16 x 16 points."""
    rows, columns = (np.linspace(low, high - 1, 16) for low, high in ((box[0], box[2]), (box[1], box[3])))
    seen = np.zeros((16, 16), bool)
    for y0, x0, y1, x1 in accepted:
        seen |= ((rows >= y0) & (rows < y1))[:, None] & ((columns >= x0) & (columns < x1))[None]
    return bool(seen.mean() >= SEEN)


def mask_tiles(project: Project, case: Case) -> TileCache:
    """The mask of a large image, at every scale: read from the project where one looks."""
    levels = steps_of([case.shape])
    steps = [Step(one.shape, one.down, n if n < DIRECT else None) for n, one in enumerate(levels)]

    def read(box: tuple[int, ...], level: int) -> np.ndarray:
        half, step = len(box) // 2, 2**level
        # through a volume's slices one pages: they are at every level
        steps_of_axes = (*(1 for _ in range(half - 2)), step, step)
        lows = (low * n for low, n in zip(box[:half], steps_of_axes, strict=True))
        highs = (min(high * n, end) for high, n, end in zip(box[half:], steps_of_axes, case.shape, strict=True))
        whole = project.labels(case.id, (*lows, *highs))
        return np.ascontiguousarray(whole[..., ::step, ::step])

    return TileCache(steps, read, dtype=np.uint8, most_bytes=MOST_BYTES)

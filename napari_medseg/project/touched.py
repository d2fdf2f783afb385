"""Do no harm: which pixels a person changed. A later proposal leaves them as they are.

Nothing is stored for it: strokes hold what they changed, so that walking through them tells whose each pixel is, and
undo gives pixels back by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from napari_medseg.io.mask import AUTOMATIC, MANUAL, SEMIAUTOMATIC
from napari_medseg.project.damage import damage_told
from napari_medseg.project.labels import TILE, decode_tile
from napari_medseg.project.shown import inside

PROPOSAL, UNLOCK = "proposal", "unlock"
# of a large case: a box is accepted, with the labels that it has; and that is taken back
ACCEPTED, WITHDRAWN = "accepted", "withdrawn"
# strokes that a person did not draw
NOT_DRAWN = (PROPOSAL, UNLOCK, ACCEPTED, WITHDRAWN)
# what carries what a person drew to other slices of a volume: theirs, but not by their hand
INTERPOLATED, CARRIED = "interpolate", "to neighbours"
# tools that choose by a rule which pixels they mark, as a person asked them to. A brush marks what it is led over, and
# what only takes away ("keep largest", "remove small", an eraser) leaves what was marked as it was
ASSISTED = (INTERPOLATED, CARRIED, "fill holes", "smooth", "split", "live-wire", "snapping brush")

STROKES = "SELECT id, kind, y0, x0, y1, x1 FROM strokes WHERE id IN (SELECT id FROM path) ORDER BY id"


def touched_by(
    strokes: Iterable[tuple], tiles: Callable[[int], Iterable[tuple]], shape: tuple[int, int], where: str
) -> np.ndarray:
    """Pixels that a person changed and did not unlock since.

    Parameters
    ----------
    strokes : iterable of tuple
        Rows of :data:`STROKES`, from the empty mask on.
    tiles : callable
        Of a stroke: rows of (tile y, tile x, crc, data).
    shape : tuple of int
        (rows, X), px.
    where : str
        Named in the message.

    Returns
    -------
    np.ndarray
        (rows, X), bool.

    Raises
    ------
    ProjectError
        If a tile is damaged.
    """
    with damage_told(where):
        labels, touched = np.zeros(shape, np.uint8), np.zeros(shape, bool)
        for stroke, kind, *box in strokes:
            if kind == UNLOCK:
                touched[inside((box[0], box[1], box[2], box[3]))] = False
            for ty, tx, crc, data in tiles(stroke):
                part = np.s_[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE]
                before = labels[part]
                after = decode_tile(data, crc, before.shape, f"{where}, stroke {stroke}, tile ({ty}, {tx})")
                if kind != PROPOSAL:
                    touched[part] |= before != after
                labels[part] = after
        return touched


def assisted_by(
    strokes: Iterable[tuple], tiles: Callable[[int], Iterable[tuple]], shape: tuple[int, int], where: str
) -> np.ndarray:
    """Which tool of :data:`ASSISTED` set each pixel last, counted from 1; 0: another stroke, or none.

    Parameters and errors are those of :func:`touched_by`.

    Returns
    -------
    np.ndarray
        (rows, X), uint8.
    """
    with damage_told(where):
        labels, found = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for stroke, kind, *_ in strokes:
            number = ASSISTED.index(kind) + 1 if kind in ASSISTED else 0
            for ty, tx, crc, data in tiles(stroke):
                part = np.s_[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE]
                before = labels[part]
                after = decode_tile(data, crc, before.shape, f"{where}, stroke {stroke}, tile ({ty}, {tx})")
                found[part][before != after] = number
                labels[part] = after
        return found


class Made(NamedTuple):
    """How the labels of a mask came to be.

    Attributes
    ----------
    by : dict of int to str
        ``automatic``, ``semiautomatic`` or ``manual``, see :func:`made_by`.
    tools : dict of int to tuple of str
        Of those that are semiautomatic though no network proposed a pixel of them: which of :data:`ASSISTED` did.
    """

    by: dict[int, str]
    tools: dict[int, tuple[str, ...]]


def with_tools(by: dict[int, str], labels: np.ndarray, assisted: np.ndarray) -> Made:
    """What :func:`made_by` says, and that of a label which a person drew, a tool chose some pixels.

    Parameters
    ----------
    labels : np.ndarray
        uint8.
    assisted : np.ndarray
        Of the same shape, as :func:`assisted_by` gives it.
    """
    tools = {}
    for label in (label for label, kind in by.items() if kind == MANUAL):
        used = np.unique(assisted[(labels == label) & (assisted > 0)])
        if len(used):
            tools[label] = tuple(ASSISTED[number - 1] for number in used)
    return Made({**by, **dict.fromkeys(tools, SEMIAUTOMATIC)}, tools)


def made_by(labels: np.ndarray, touched: np.ndarray, proposed: np.ndarray | None) -> dict[int, str]:
    """Who made each label of a mask, or of what was proposed for it; tools apart, see :func:`with_tools`.

    Parameters
    ----------
    labels : np.ndarray
        uint8.
    touched : np.ndarray
        What a person changed, of the same shape, bool.
    proposed : np.ndarray or None
        The newest proposal below the labels; None: there is none.

    Returns
    -------
    dict of int to str
        ``automatic``: just as it was proposed. ``semiautomatic``: a part of it was, or of what was proposed a part was
        taken away. ``manual``: none of its pixels was proposed.
    """
    if proposed is None:
        return {int(label): MANUAL for label in np.unique(labels) if label}
    found = {}
    for label in map(int, np.union1d(np.unique(labels), np.unique(proposed))):
        now = labels == label
        # what was unlocked is a person's until the next proposal
        kept = now & ~touched & (proposed == label)
        if label and now.any() and not kept.any():
            found[label] = MANUAL
        elif label:
            whole = np.array_equal(kept, now) and not ((proposed == label) & ~now).any()
            found[label] = AUTOMATIC if whole else SEMIAUTOMATIC
    return found


def keep_touched(proposed: np.ndarray, labels: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """A proposal with the pixels that a person changed left as they are; all arrays of one shape."""
    return np.where(touched, labels, proposed)

"""Do no harm: which pixels a person changed. A later proposal leaves them as they are.

Nothing is stored for it: strokes hold what they changed, so that walking through them tells whose each pixel is, and
undo gives pixels back by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from napari_medseg.project.damage import damage_told
from napari_medseg.project.labels import TILE, decode_tile
from napari_medseg.project.records import Box

PROPOSAL, UNLOCK = "proposal", "unlock"
# strokes that a person did not draw
NOT_DRAWN = (PROPOSAL, UNLOCK)

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


def keep_touched(proposed: np.ndarray, labels: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """A proposal with the pixels that a person changed left as they are; all arrays of one shape."""
    return np.where(touched, labels, proposed)


class TouchedMemory:
    """What a person had changed as of the last strokes: to work it out anew, an undo would walk through all of them.

    Parameters
    ----------
    most : int
        Bytes; the oldest go first.
    """

    def __init__(self, most: int = 64_000_000) -> None:
        self._most, self._held = most, 0
        self._maps: dict[tuple[int, int], np.ndarray] = {}

    def put(self, case_id: int, stroke: int, touched: np.ndarray) -> None:
        """Remember a map (rows, X) bool, an eighth of its size."""
        packed = np.packbits(touched)
        self._held += packed.nbytes - getattr(self._maps.pop((case_id, stroke), None), "nbytes", 0)
        self._maps[case_id, stroke] = packed
        while self._held > self._most:
            self._held -= self._maps.pop(next(iter(self._maps))).nbytes

    def get(self, case_id: int, stroke: int, shape: tuple[int, int]) -> np.ndarray | None:
        """A copy of the map; None where it is not remembered."""
        packed = self._maps.get((case_id, stroke))
        if packed is None:
            return None
        return np.unpackbits(packed, count=shape[0] * shape[1]).astype(bool).reshape(shape)


def inside(box: Box) -> tuple[slice, slice]:
    """Index of the pixels in a box."""
    return slice(box[0], box[2]), slice(box[1], box[3])

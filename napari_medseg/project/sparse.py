"""The labels of large cases: no more of them is ever held than the tiles that a box touches.

A tile hangs on the strokes that have it, and on proposals in folders and unlocks that lie over it. One after the other
they make its labels and tell which of them a person set. As a stroke never changes, what a tile holds after one does
not either: what was made is remembered by stroke and tile, and undo and redo find it there.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medseg.errors import ProjectError
from napari_medseg.io.label_blocks import LabelBlocks, count_done
from napari_medseg.project.boxes import in_rows, part_shape
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import FILE_NAME, Database
from napari_medseg.project.labels import decode_tile, stacked, tiles_of
from napari_medseg.project.records import Box, Part
from napari_medseg.project.stores import Stores
from napari_medseg.project.touched import ACCEPTED, ASSISTED, PROPOSAL, UNLOCK, WITHDRAWN
from napari_medseg.project.way import STORE, Way, Ways

# bytes of tiles that are remembered, with what a person set in them
MOST_TILES = 64_000_000
_WITH_STORES = f"""
SELECT DISTINCT case_id FROM strokes WHERE kind = '{PROPOSAL}' AND origin LIKE '%"{STORE}"%' ORDER BY case_id
"""
_TILE = "SELECT crc, data FROM tiles WHERE stroke_id = ? AND tile_y = ? AND tile_x = ?"


@dataclass(frozen=True, slots=True)
class Held:
    """What a part holds as of a stroke.

    Parameters
    ----------
    labels : np.ndarray
        uint8.
    touched : np.ndarray
        Of the same shape, bool: set by a person and not unlocked since.
    assisted : np.ndarray
        Of the same shape, uint8: which tool of ASSISTED set it last, counted from 1; 0: another stroke, or none.
    whole : bool
        All proposals below it are there and done in this part: it will not change any more.
    """

    labels: np.ndarray
    touched: np.ndarray
    assisted: np.ndarray
    whole: bool

    @property
    def nbytes(self) -> int:
        """Of the arrays."""
        return self.labels.nbytes + self.touched.nbytes + self.assisted.nbytes


class Sparse:
    """Whoever uses it has to be alone, see :meth:`Database.alone`.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    """

    def __init__(self, path: Path, db: Database, most: int = MOST_TILES) -> None:
        self._db, self._where, self._most = db, str(path / FILE_NAME), most
        self.stores = Stores(path)
        self._ways = Ways(db, self._where)
        self._tiles: OrderedDict[tuple[int, int, int], Held] = OrderedDict()
        self._size = 0

    def way(self, case_id: int) -> Way:
        """All strokes of a case."""
        return self._ways.of(case_id)

    def held(self, case_id: int, shape: tuple[int, ...], stroke: int, box: Part, *, whole: bool = False) -> Held:
        """What a part holds as of a stroke.

        Parameters
        ----------
        shape : tuple of int
            (Y, X) or (Z, Y, X) of the case.
        box : tuple of int
            Inside it.
        whole : bool
            A proposal that is damaged or gone is an error; else it counts as one that is not done there.

        Raises
        ------
        ProjectError
            If a tile is damaged.
        """
        way = self.way(case_id)
        parts = [self._rows(way, shape, stroke, one, whole=whole) for one in in_rows(box, shape)]
        if len(box) == 4:
            return parts[0]
        sides = part_shape(box)
        labels, touched, assisted = (
            np.array([getattr(part, name) for part in parts], kind).reshape(sides)
            for name, kind in (("labels", np.uint8), ("touched", bool), ("assisted", np.uint8))
        )
        return Held(labels, touched, assisted, all(part.whole for part in parts))

    def _rows(self, way: Way, shape: tuple[int, ...], stroke: int, box: Box, *, whole: bool) -> Held:
        sides = part_shape(box)
        labels, touched, assisted = np.zeros(sides, np.uint8), np.zeros(sides, bool), np.zeros(sides, np.uint8)
        done = True
        for ty, tx, rows, columns in tiles_of(box, stacked(shape)) if all(sides) else ():
            tile = self._tile(way, shape, stroke, (ty, tx, rows, columns), whole=whole)
            there, here = _overlap(box, rows, columns)
            labels[there], touched[there] = tile.labels[here], tile.touched[here]
            assisted[there] = tile.assisted[here]
            done = done and tile.whole
        if not done:
            # what a person set and what is accepted waits for nothing
            done = bool((touched | _marked(way.kept(stroke), shape, box)).all())
        return Held(labels, touched, assisted, done)

    def _tile(
        self, way: Way, shape: tuple[int, ...], stroke: int, place: tuple[int, int, slice, slice], *, whole: bool
    ) -> Held:
        ty, tx, rows, columns = place
        behind = way.behind(stroke, ty, tx)
        start, held = 0, None
        for number in range(len(behind), 0, -1):
            held = self._remembered((behind[number - 1], ty, tx))
            if held is not None:
                start = number
                break
        if held is None:
            sides = (rows.stop - rows.start, columns.stop - columns.start)
            held = Held(np.zeros(sides, np.uint8), np.zeros(sides, bool), np.zeros(sides, np.uint8), True)
        stores = [one for one in behind if way.strokes[one].store is not None]
        # what an older one says of pixels that nobody set is replaced by the newest
        over = stores[:-1]
        with damage_told(self._where):
            for one in (one for one in behind[start:] if one not in over):
                held = self._after(way, shape, one, held, place, whole=whole)
        if start < len(behind) and held.whole:
            self._remember((behind[-1], ty, tx), held)
        return held

    def _after(
        self,
        way: Way,
        shape: tuple[int, ...],
        stroke: int,
        held: Held,
        place: tuple[int, int, slice, slice],
        *,
        whole: bool,
    ) -> Held:
        """What a tile holds after a stroke, by what it held before."""
        ty, tx, rows, columns = place
        one = way.strokes[stroke]
        if one.kind == UNLOCK:
            touched = held.touched.copy()
            touched[_overlap(one.box, rows, columns)[1]] = False
            return Held(held.labels, touched, held.assisted, held.whole)
        if one.store is not None:
            stays = held.touched | _marked(
                way.kept(stroke), shape, (rows.start, columns.start, rows.stop, columns.stop)
            )
            if stays.all():
                return Held(held.labels, held.touched, held.assisted, True)
            found, done = self.stores.rows(one.store, rows, columns, shape, whole=whole)
            labels = np.where(stays, held.labels, found)
            assisted = np.where(stays, held.assisted, 0).astype(np.uint8)
            return Held(labels, held.touched, assisted, done)
        if one.kind == WITHDRAWN:
            return held
        crc, data = self._db.row(_TILE, stroke, ty, tx) or (None, None)
        found, mark = decode(data, crc, held.labels.shape, f"{self._where}, stroke {stroke}, tile ({ty}, {tx})")
        if one.kind == ACCEPTED and mark is not None:
            # what was accepted hangs on no folder
            labels = np.where(mark, found, held.labels)
            return Held(labels, held.touched, held.assisted, held.whole or bool(mark.all()))
        changed = found != held.labels if mark is None else mark
        assisted = np.where(changed, ASSISTED.index(one.kind) + 1 if one.kind in ASSISTED else 0, held.assisted)
        touched = held.touched if one.kind == PROPOSAL else held.touched | changed
        return Held(np.where(changed, found, held.labels), touched, assisted.astype(np.uint8), held.whole)

    def write(
        self, db: sqlite3.Connection, stroke: int, shape: tuple[int, ...], box: Box, part: np.ndarray, mark: np.ndarray
    ) -> None:
        """Store what a stroke sets, in tiles.

        Parameters
        ----------
        part : np.ndarray
            (rows, columns) of the box, uint8.
        mark : np.ndarray
            Of the same shape, bool: which of them it sets. The others are whatever lies under it, by then.
        """
        for ty, tx, rows, columns in tiles_of(box, stacked(shape)):
            there, here = _overlap(box, rows, columns)
            if not mark[there].any():
                continue
            both = np.zeros((2, rows.stop - rows.start, columns.stop - columns.start), np.uint8)
            both[1][here] = mark[there]
            both[0][here] = np.where(mark[there], part[there], 0)
            data = zlib.compress(both.data, 1)
            db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", (stroke, ty, tx, zlib.crc32(data), data))

    def write_accepted(
        self, db: sqlite3.Connection, stroke: int, shape: tuple[int, ...], box: Part, labels: np.ndarray
    ) -> None:
        """Store the labels of a box that is accepted, all of them, in tiles.

        Parameters
        ----------
        box : tuple of int
            By axes.
        labels : np.ndarray
            Of its shape, uint8.
        """
        tiles: dict[tuple[int, int], np.ndarray] = {}
        flat = labels.reshape(-1, *labels.shape[-2:])
        for part, slice_ in zip(in_rows(box, shape), flat, strict=True):
            for ty, tx, rows, columns in tiles_of(part, stacked(shape)):
                there, here = _overlap(part, rows, columns)
                sides = (2, rows.stop - rows.start, columns.stop - columns.start)
                both = tiles.setdefault((ty, tx), np.zeros(sides, np.uint8))
                both[0][here], both[1][here] = slice_[there], 1
        for (ty, tx), both in tiles.items():
            data = zlib.compress(both.data, 1)
            db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", (stroke, ty, tx, zlib.crc32(data), data))

    def kept(self, case_id: int, shape: tuple[int, ...], stroke: int, box: Box) -> np.ndarray:
        """Of a box over the rows of all slices, what lies in accepted boxes, (rows, columns) bool."""
        return _marked(self.way(case_id).kept(stroke), shape, box)

    def problems(self) -> list[str]:
        """What is wrong with proposals in folders, a sentence each; all that is there of them is read."""
        found = []
        for (case,) in self._db.rows(_WITH_STORES):
            try:
                stored = [one.store for one in self.way(case).strokes.values() if one.store is not None]
            except ProjectError as error:
                found.append(str(error))
                continue
            wrong = [self.stores.problem(one) for one in dict.fromkeys(stored)]
            found += [text for text in wrong if text is not None]
        return found

    def problem(self, case_id: int, stroke: int) -> str | None:
        """Why the newest proposal in a folder below a stroke cannot be shown; None where it can, or there is none."""
        try:
            self._newest(case_id, stroke)
        except ProjectError as error:
            return str(error)
        return None

    def done(self, case_id: int, stroke: int) -> tuple[int, int] | None:
        """Of that proposal: blocks that are done, and all of them; None where there is none.

        Raises
        ------
        ProjectError
            If it is gone or damaged.
        """
        store = self._newest(case_id, stroke)
        return None if store is None else (count_done(store), len(store.blocks()))

    def _newest(self, case_id: int, stroke: int) -> LabelBlocks | None:
        way = self.way(case_id)
        below = way.stores(stroke)
        stored = way.strokes[below[-1]].store if below else None
        return None if stored is None else self.stores.open(stored)

    def _remembered(self, key: tuple[int, int, int]) -> Held | None:
        held = self._tiles.get(key)
        if held is not None:
            self._tiles.move_to_end(key)
        return held

    def _remember(self, key: tuple[int, int, int], held: Held) -> None:
        self._tiles[key] = held
        self._size += held.nbytes
        while self._size > self._most:
            self._size -= self._tiles.popitem(last=False)[1].nbytes


def decode(data: bytes, crc: int, shape: tuple[int, int], where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels of a tile of a large case, and which of them its stroke set; None: all that differ from those before.

    Raises
    ------
    ProjectError
        If the bytes do not match their checksum.
    """
    flat = decode_tile(data, crc, (-1,), where)
    # earlier versions, which knew no large cases, wrote the labels alone
    if flat.size == shape[0] * shape[1]:
        return flat.reshape(shape), None
    both = flat.reshape(2, *shape)
    return both[0], both[1] > 0


def _marked(parts: list[Part], shape: tuple[int, ...], box: Box) -> np.ndarray:
    """Of a box over the rows of all slices, which pixels lie in any of these parts by axes, (rows, columns) bool."""
    found = np.zeros(part_shape(box), bool)
    for part in parts:
        for one in in_rows(part, shape):
            there, _ = _overlap(box, slice(one[0], one[2]), slice(one[1], one[3]))
            found[there] = True
    return found


def _overlap(box: Box, rows: slice, columns: slice) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What a box and a tile share: as the box has it, and as the tile has it."""
    y0, y1 = max(box[0], rows.start), min(box[2], rows.stop)
    x0, x1 = max(box[1], columns.start), min(box[3], columns.stop)
    y1, x1 = max(y0, y1), max(x0, x1)
    there = slice(y0 - box[0], y1 - box[0]), slice(x0 - box[1], x1 - box[1])
    return there, (slice(y0 - rows.start, y1 - rows.start), slice(x0 - columns.start, x1 - columns.start))

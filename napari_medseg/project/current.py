"""What cases show now: read from the tiles once, and followed from there from stroke to stroke."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from napari_medseg.errors import InputError, ProjectError
from napari_medseg.project import queries
from napari_medseg.project.boxes import check_part
from napari_medseg.project.by_hand import ByHand, drawn_by_hand
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import FILE_NAME, Database
from napari_medseg.project.labels import PATH, TILE, among, assemble, labels_query, stacked
from napari_medseg.project.records import Box
from napari_medseg.project.shown import Shown, ShownMemory, Side, Sides, inside
from napari_medseg.project.touched import ASSISTED, STROKES, UNLOCK, assisted_by, touched_by

# beyond, what is shown is read anew
_MOST_STEPS = 32


class Current:
    """The labels of each case as of the stroke up to which it is shown.

    Whoever uses what it gives has to be alone, see :meth:`Database.alone`: it is changed in its place.

    Parameters
    ----------
    path : Path
        The project's folder.
    db : Database
    """

    def __init__(self, path: Path, db: Database) -> None:
        self._db, self._where = db, str(path / FILE_NAME)
        self._memory, self._sides = ShownMemory(), Sides()

    def place(self, case_id: int) -> tuple[int, tuple[int, ...]]:
        """The stroke as of which a case is shown, and its shape.

        Raises
        ------
        InputError
            If there is no such case.
        """
        row = self._db.row("SELECT cursor, depth, height, width FROM cases WHERE id = ?", case_id)
        if row is None:
            raise InputError(f"case is {case_id}; the project has no such case. List them with 'status'.")
        return row[0], queries.shape_of(*row[1:])

    def of(self, case_id: int) -> Shown:
        """What a case shows: the slices of a volume one below the other.

        Raises
        ------
        InputError
            If there is no such case, or it is large.
        ProjectError
            If a tile is damaged; the message names it.
        """
        cursor, shape = self.place(case_id)
        check_part(case_id, shape, None)
        # whatever ends this in between leaves nothing half done behind: it is read anew
        shown = self._memory.take(case_id)
        if shown is not None and shown.cursor != cursor:
            followed = False
            # damage on the way need not be where it leads
            with suppress(ProjectError):
                followed = self._follow(shown, cursor)
            shown = shown if followed else None
        return self._memory.put(shown or Shown(case_id, cursor, self.labels_at(cursor, stacked(shape))))

    def _follow(self, shown: Shown, cursor: int) -> bool:
        """Go from what is shown to another stroke, over those between them; whether it is not too far."""
        back: list[tuple[int, int]] = []
        forth: list[tuple[int, int]] = []
        here, there = shown.cursor, cursor
        with damage_told(self._where):
            while here != there:
                later = max(here, there)
                row = self._db.row("SELECT parent FROM strokes WHERE id = ? AND case_id = ?", later, shown.case_id)
                if row is None or not 0 <= row[0] < later or len(back) + len(forth) == _MOST_STEPS:
                    return False
                if later == here:
                    here = row[0]
                    back.append((later, here))
                else:
                    there = row[0]
                    forth.insert(0, (later, later))
        for stroke, to in back + forth:
            side = self._sides.get(stroke, to)
            if side is None or (side.touched is None and shown.touched is not None):
                side = self._side(shown, stroke, to)
            other = shown.side(side.box, labels=side.labels is not None)
            shown.put(side)
            self._sides.put(stroke, other)
        return True

    def _side(self, shown: Shown, stroke: int, cursor: int) -> Side:
        """From the tiles: what the part that a stroke changed holds as of a cursor."""
        shape = shown.shape
        with damage_told(self._where):
            kind, *box = self._db.row("SELECT kind, y0, x0, y1, x1 FROM strokes WHERE id = ?", stroke) or ()
            if kind == UNLOCK:
                y0, x0, y1, x1 = box[0] // TILE, box[1] // TILE, -(-box[2] // TILE), -(-box[3] // TILE)
            else:
                # what counts are the tiles, whatever is said of them
                row = self._db.row(queries.TILES_OF, stroke) or ()
                y0, x0, y1, x1 = (n or 0 for n in row)
            tiles = (y0, x0, y1, x1)
            part = (TILE * y0, TILE * x0, min(TILE * y1, shape[0]), min(TILE * x1, shape[1]))
        labels = None if kind == UNLOCK else self.labels_at(cursor, shape, tiles)[inside(part)]
        touched = None if shown.touched is None else self.touched_at(cursor, shape, tiles)[inside(part)]
        return Side(cursor, part, labels, None if touched is None else np.packbits(touched))

    def touched(self, shown: Shown) -> np.ndarray:
        """Pixels that a person changed, (rows, X) bool, of what is shown."""
        if shown.touched is None:
            shown.touched = self.touched_at(shown.cursor, shown.shape)
        return shown.touched

    def touched_at(self, stroke: int, shape: tuple[int, int], tiles: Box | None = None) -> np.ndarray:
        """Pixels that a person had changed as of a stroke, (rows, X) bool; of some tiles, or of all."""
        query = "SELECT tile_y, tile_x, crc, data FROM tiles WHERE stroke_id = ? " + among(tiles)
        return touched_by(
            self._db.rows(PATH + STROKES, stroke), lambda one: self._db.rows(query, one), shape, self._where
        )

    def assisted_at(self, stroke: int, shape: tuple[int, int]) -> np.ndarray:
        """Which tool chose each pixel as of a stroke: (rows, X) uint8, as :func:`assisted_by` gives it."""
        query = "SELECT tile_y, tile_x, crc, data FROM tiles WHERE stroke_id = ?"
        strokes = list(self._db.rows(PATH + STROKES, stroke))
        if not any(kind in ASSISTED for _, kind, *_ in strokes):
            return np.zeros(shape, np.uint8)
        return assisted_by(strokes, lambda one: self._db.rows(query, one), shape, self._where)

    def by_hand_at(self, stroke: int, shape: tuple[int, int, int]) -> ByHand:
        """What of a volume (Z, Y, X) a person had drawn themselves as of a stroke."""
        query = "SELECT tile_y, tile_x, crc, data FROM tiles WHERE stroke_id = ?"
        return drawn_by_hand(
            self._db.rows(PATH + STROKES, stroke), lambda one: self._db.rows(query, one), shape, self._where
        )

    def labels_at(self, stroke: int, shape: tuple[int, int], tiles: Box | None = None) -> np.ndarray:
        """Labels (rows, X) uint8 as of a stroke; of some tiles, or of all."""
        query, values = labels_query(stroke, tiles)
        return assemble(self._db.rows(query, *values), shape, self._where)

    def show(self, shown: Shown, side: Side, was: Side) -> None:
        """Follow a stroke that is on the disk."""
        self._memory.take(shown.case_id)
        shown.put(side)
        self._sides.put(side.cursor, was)
        self._memory.put(shown)

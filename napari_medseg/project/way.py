"""The strokes of a large case, known once: which of them lead to what is shown, and which of these a tile hangs on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from napari_medseg.fields import parse_json
from napari_medseg.project.damage import damage_told
from napari_medseg.project.database import Database
from napari_medseg.project.labels import TILE
from napari_medseg.project.records import Box
from napari_medseg.project.touched import PROPOSAL, UNLOCK

# in the origin of a proposal: the folder that holds it, seen from the project, and the digest of what made it
STORE, DIGEST = "store", "store_digest"
# cases that are remembered
_MOST = 8


class Stored(NamedTuple):
    """A folder, seen from the project, and the digest of what made the labels in it."""

    folder: str
    digest: str


class Stroke(NamedTuple):
    """A row of the strokes; ``store``: of a proposal that lies in a folder, and has no tiles; None of all others."""

    parent: int
    kind: str
    box: Box
    store: Stored | None


class Way:
    """Strokes are only ever added: what is new is read, and the way to what is shown is followed from where it was."""

    def __init__(self, case_id: int) -> None:
        self._case_id, self._last = case_id, 0
        self.strokes: dict[int, Stroke] = {}
        self._of_tile: dict[tuple[int, int], list[int]] = {}
        # those that change what lies in a box without tiles: proposals in folders, and unlocks
        self._spread: list[int] = []
        self._path: list[int] = []
        self._on_path: set[int] = set()

    def read_on(self, db: Database, where: str) -> None:
        """Take in the strokes that were stored since.

        Raises
        ------
        ProjectError
            If a row is damaged.
        """
        rows = db.rows(
            "SELECT id, parent, kind, y0, x0, y1, x1, CASE WHEN kind = 'proposal' THEN origin END FROM strokes "
            "WHERE case_id = ? AND id > ? ORDER BY id",
            *(self._case_id, self._last),
        )
        if not rows:
            return
        with damage_told(where):
            tiles = db.rows(
                "SELECT stroke_id, tile_y, tile_x FROM tiles WHERE stroke_id IN "
                "(SELECT id FROM strokes WHERE case_id = ? AND id > ?) ORDER BY stroke_id",
                *(self._case_id, self._last),
            )
            for number, parent, kind, y0, x0, y1, x1, origin in rows:
                store = stored_in(parse_json(origin)) if kind == PROPOSAL and origin else None
                self.strokes[number] = Stroke(int(parent), kind, (int(y0), int(x0), int(y1), int(x1)), store)
                if store is not None or kind == UNLOCK:
                    self._spread.append(number)
            for number, ty, tx in tiles:
                self._of_tile.setdefault((ty, tx), []).append(number)
        self._last = rows[-1][0]

    def behind(self, stroke: int, ty: int, tx: int) -> list[int]:
        """Of the strokes up to one, those on which a tile hangs, oldest first."""
        self._go(stroke)
        found = [one for one in self._of_tile.get((ty, tx), ()) if one in self._on_path]
        top, left = ty * TILE, tx * TILE
        for one in self._spread:
            y0, x0, y1, x1 = self.strokes[one].box
            if one in self._on_path and y0 < top + TILE and x0 < left + TILE and top < y1 and left < x1:
                found.append(one)
        return sorted(found)

    def stores(self, stroke: int) -> list[int]:
        """Of the strokes up to one, those whose labels lie in a folder, oldest first."""
        self._go(stroke)
        return [one for one in self._spread if one in self._on_path and self.strokes[one].store is not None]

    def _go(self, stroke: int) -> None:
        new = []
        # parents are older: one that is not is damaged, and leads no further
        while stroke in self.strokes and stroke not in self._on_path:
            new.append(stroke)
            parent = self.strokes[stroke].parent
            stroke = parent if parent < stroke else 0
        while self._path and self._path[-1] != stroke:
            self._on_path.discard(self._path.pop())
        self._path += reversed(new)
        self._on_path.update(new)


class Ways:
    """Of the cases that were asked for last."""

    def __init__(self, db: Database, where: str) -> None:
        self._db, self._where = db, where
        self._ways: OrderedDict[int, Way] = OrderedDict()

    def of(self, case_id: int) -> Way:
        """All that is stored of a case by now.

        Raises
        ------
        ProjectError
            If a row is damaged.
        """
        way = self._ways.pop(case_id, None) or Way(case_id)
        # put back only when all was taken in
        way.read_on(self._db, self._where)
        self._ways[case_id] = way
        while len(self._ways) > _MOST:
            self._ways.popitem(last=False)
        return way


def stored_in(origin: Mapping[str, Any]) -> Stored | None:
    """Where the labels of a proposal lie, by its origin; None: in tiles.

    Raises
    ------
    ValueError
        If that is no folder below the project's own.
    """
    if STORE not in origin:
        return None
    folder = PurePosixPath(str(origin[STORE]))
    if folder.is_absolute() or ".." in folder.parts or not folder.parts:
        raise ValueError(f"'{folder}' is no folder of the project")
    return Stored(folder.as_posix(), str(origin.get(DIGEST, "")))

"""The tile store: labels as the newest tile of each place, every older one kept.

A stroke writes the tiles that it changed, as they are after it. The labels as of a stroke are, for each place, the
tile of the newest stroke on the way from it back to the empty mask. That one mechanism is autosave, undo, redo and
history at once.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator
from math import prod

import numpy as np

from napari_medseg.errors import ProjectError
from napari_medseg.project.damage import damage_told
from napari_medseg.project.records import Box

TILE = 256
# pixels that are compared at a time
CACHED = 1 << 17


def stacked(shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, X) of an image (Y, X), or of a volume (Z, Y, X) whose slices lie one below the other."""
    *rows, width = shape
    return prod(rows), width


def changed_box(before: np.ndarray, after: np.ndarray, spared: np.ndarray | None = None) -> Box | None:
    """The smallest box that holds every difference of two (Y, X) arrays; None where they are equal.

    ``spared`` (Y, X) bool: where they are taken for equal.
    """
    # a piece that fits the processor's cache at a time: this runs after each stroke, in volumes too
    step = max(1, CACHED // max(1, before.shape[1]))
    rows: list[int] = []
    columns = np.zeros(before.shape[1], bool)
    for top in range(0, len(before), step):
        different = before[top : top + step] != after[top : top + step]
        if spared is not None and different.any():
            different &= ~spared[top : top + step]
        if different.any():
            found = top + np.flatnonzero(different.any(axis=1))
            rows += [int(found[0]), int(found[-1])]
            columns |= different.any(axis=0)
    if not rows:
        return None
    across = np.flatnonzero(columns)
    return rows[0], int(across[0]), rows[-1] + 1, int(across[-1]) + 1


def within(outer: Box, inner: Box) -> Box:
    """A box that was found inside another one, where that one lies."""
    return outer[0] + inner[0], outer[1] + inner[1], outer[0] + inner[2], outer[1] + inner[3]


def tiles_of(box: Box, shape: tuple[int, int]) -> Iterator[tuple[int, int, slice, slice]]:
    """Tiles that a box touches: (tile y, tile x, rows, columns)."""
    for ty in range(box[0] // TILE, -(-box[2] // TILE)):
        for tx in range(box[1] // TILE, -(-box[3] // TILE)):
            rows = slice(ty * TILE, min((ty + 1) * TILE, shape[0]))
            columns = slice(tx * TILE, min((tx + 1) * TILE, shape[1]))
            yield ty, tx, rows, columns


def write_tiles(db: sqlite3.Connection, stroke: int, before: np.ndarray, part: np.ndarray, box: Box) -> None:
    """Store the tiles that a stroke changes, as they are after it.

    Parameters
    ----------
    before : np.ndarray
        (Y, X) uint8, the whole.
    part : np.ndarray
        (rows, columns) uint8: what the box holds after the stroke.
    """
    y0, x0, y1, x1 = box
    for ty, tx, rows, columns in tiles_of(box, before.shape):
        tile = before[rows, columns]
        there = np.s_[max(y0 - rows.start, 0) : y1 - rows.start, max(x0 - columns.start, 0) : x1 - columns.start]
        new = part[max(rows.start - y0, 0) : rows.stop - y0, max(columns.start - x0, 0) : columns.stop - x0]
        if not np.array_equal(tile[there], new):
            after = tile.copy()
            after[there] = new
            data = zlib.compress(after, 1)
            db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", (stroke, ty, tx, zlib.crc32(data), data))


def decode_tile(data: bytes, crc: int, shape: tuple[int, ...], where: str) -> np.ndarray:
    """A tile's labels.

    Raises
    ------
    ProjectError
        If the bytes do not match their checksum.
    """
    try:
        if zlib.crc32(data) == crc:
            return np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape)
    except (zlib.error, TypeError, ValueError):
        pass
    raise ProjectError(f"{where} is damaged: its bytes do not match their checksum. Restore the project from a backup.")


# ids grow along a path: a damaged parent that does not would lead round and round
PATH = """
WITH RECURSIVE path (id) AS (
    SELECT ?
    UNION ALL
    SELECT strokes.parent FROM strokes JOIN path ON strokes.id = path.id
    WHERE strokes.parent > 0 AND strokes.parent < strokes.id
)
"""
# of each place, the tile of the newest stroke on the path
_LABELS = (
    PATH
    + """
SELECT tile_y, tile_x, crc, data, MAX(stroke_id) FROM tiles
WHERE stroke_id IN (SELECT id FROM path) {} GROUP BY tile_y, tile_x
"""
)


def labels_query(stroke: int, tiles: Box | None = None) -> tuple[str, tuple[int, ...]]:
    """Query for the tiles as of a stroke: rows of (tile y, tile x, crc, data, stroke).

    ``tiles``: only those from (tile y, tile x) up to, and without, (tile y, tile x).
    """
    return _LABELS.format(among(tiles)), (stroke,)


def among(tiles: Box | None) -> str:
    """What a query asks of tiles, see :func:`labels_query`."""
    if tiles is None:
        return ""
    y0, x0, y1, x1 = (int(n) for n in tiles)
    return f"AND tile_y >= {y0} AND tile_y < {y1} AND tile_x >= {x0} AND tile_x < {x1}"


def assemble(rows: list[tuple], shape: tuple[int, int], where: str) -> np.ndarray:
    """Labels (Y, X) uint8 from the rows of :func:`labels_query`.

    Raises
    ------
    ProjectError
        If a tile is damaged.
    """
    with damage_told(where):
        labels = np.zeros(shape, np.uint8)
        for ty, tx, crc, data, stroke in rows:
            part = labels[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE]
            part[...] = decode_tile(data, crc, part.shape, f"{where}, stroke {stroke}, tile ({ty}, {tx})")
        return labels


def labels_sha256(labels: np.ndarray) -> str:
    """SHA-256 of labels, row by row."""
    return hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()

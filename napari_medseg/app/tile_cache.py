"""Tiles of a picture of any size, in memory where they are looked at: read on threads of their own, shown at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_medseg.app.tile_grid import Index, Region, Step, TileGrid, put
from napari_medseg.errors import MedsegError, sentence

MOST_BYTES = 384 << 20
# so many tiles are waited for: older wishes are of what nobody looks at any more
MOST_WANTED = 400
THREADS, REST_SECONDS = 2, 10.0


class TileCache:
    """Gives what is in memory at once, and reads what is missing for the next time.

    Parameters
    ----------
    steps : tuple of Step
    read : callable
        ``read(box, source)`` gives (h, w[, 3]) or (d, h, w) of a half-open box in px of a source level; called on
        several threads.
    dtype : np.dtype
    channels : int
        0 of grey, 3 of colour.
    came : callable, optional
        Called when tiles were read, on any thread. None: nobody paints, and what is asked for has to be read at once.
    failed : callable, optional
        Called with a sentence on a tile that cannot be read, once a sentence, on any thread. It is shown empty.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        read: Callable[[Index, int], np.ndarray],
        *,
        dtype: Any,
        channels: int = 0,
        came: Callable[[], None] | None = None,
        failed: Callable[[str], None] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.steps, self.dtype, self.channels = tuple(steps), np.dtype(dtype), channels
        self.came, self.failed = came, failed
        self._read, self._most = read, most_bytes
        self._grid = TileGrid(steps)
        self._tiles: OrderedDict[tuple[int, Index], np.ndarray] = OrderedDict()
        self._bytes = 0
        # the newest first; those that were changed since they were read
        self._wanted: OrderedDict[tuple[int, Index], None] = OrderedDict()
        self._stale: set[tuple[int, Index]] = set()
        # of a picture that is about to be shown, its level and box: may blank a part of it
        self.blank: Callable[[np.ndarray, int, Region], None] | None = None
        self._live: np.ndarray | None = None
        self._told: set[str] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = 0

    # ---- what is shown ---------------------------------------------------------------------------------------------

    def now(self, level: int, box: Sequence[slice]) -> np.ndarray:
        """What is in memory of a box, coarser where no fine tile is there; what is missing is read from now on."""
        box = tuple(box)
        out = np.zeros((*(one.stop - one.start for one in box), *self._last), self.dtype)
        missing = []
        with self._changed:
            for index in self._grid.indices(box):
                tile = self._find(level, index)
                if tile is None or (level, index) in self._stale:
                    missing.append(index)
                if tile is not None:
                    put(out, box, tile, self._grid.region(level, index))
                else:
                    self._put_coarser(out, box, level, index)
            if self.blank is not None:
                self.blank(out, level, box)
            middle = [(one.start + one.stop) / 2 for one in box]
            self._want(level, sorted(missing, key=lambda index: -self._grid.distance(index, middle)))
        return out

    def live_shape(self, level: int) -> tuple[int, ...]:
        """Shape of :meth:`live` where a level is that one, and of an image; of all others, of nothing."""
        last = self.steps[-1].shape
        return (*last, *self._last) if level == len(self.steps) - 1 and len(last) == 2 else ()

    def live(self) -> np.ndarray:
        """The coarsest level as one array that is filled, and changed, in its place: for who keeps it."""
        last = len(self.steps) - 1
        with self._changed:
            if self._live is None:
                self._live = np.zeros((*self.steps[last].shape, *self._last), self.dtype)
                missing = []
                for index in self._grid.indices(self._whole):
                    tile = self._find(last, index)
                    if tile is None:
                        missing.append(index)
                    else:
                        self._put_live(tile, index)
                self._want(last, missing)
            return self._live

    @property
    def _whole(self) -> Region:
        return tuple(slice(0, side) for side in self.steps[-1].shape)

    def _put_live(self, tile: np.ndarray, index: Index) -> None:
        if self._live is not None:
            put(self._live, self._whole, tile, self._grid.region(len(self.steps) - 1, index))
            if self.blank is not None:
                self.blank(self._live, len(self.steps) - 1, self._whole)

    def _put_coarser(self, out: np.ndarray, box: Region, level: int, index: Index) -> None:
        """The part of a missing tile from the finest level that has it."""
        region = tuple(
            slice(max(one.start, of.start), min(one.stop, of.stop))
            for one, of in zip(self._grid.region(level, index), box, strict=True)
        )
        for coarse in range(level + 1, len(self.steps)):
            ratio = [a / b for a, b in zip(self.steps[coarse].down, self.steps[level].down, strict=True)]
            where = [
                np.minimum(((np.arange(one.start, one.stop) + 0.5) / times).astype(int), side - 1)
                for one, times, side in zip(region, ratio, self.steps[coarse].shape, strict=True)
            ]
            around = tuple(slice(int(one[0]), int(one[-1]) + 1) for one in where)
            tiles = {one: self._find(coarse, one) for one in self._grid.indices(around)}
            if any(tile is None for tile in tiles.values()):
                continue
            small = np.zeros((*(one.stop - one.start for one in around), *self._last), self.dtype)
            for one, tile in tiles.items():
                assert tile is not None
                put(small, around, tile, self._grid.region(coarse, one))
            picked = small[np.ix_(*(one - at.start for one, at in zip(where, around, strict=True)))]
            put(out, box, picked, region)
            return

    # ---- what is read ----------------------------------------------------------------------------------------------

    def read(self, level: int, box: Sequence[slice]) -> np.ndarray:
        """A box as it is, read now where it has to be.

        Raises
        ------
        ImageReadError
            If it cannot be read.
        """
        box, step = tuple(box), self.steps[level]
        if step.source is not None:
            whole = (*(one.start for one in box), *(one.stop for one in box))
            return self._read(whole, step.source)
        # the first of two, as labels have it too: see LabelBlocks
        finer, thick = self.steps[level - 1], len(step.shape) - 2
        wide = tuple(
            one if axis < thick else slice(2 * one.start, min(2 * one.stop, finer.shape[axis]))
            for axis, one in enumerate(box)
        )
        out = np.zeros((*(one.stop - one.start for one in wide), *self._last), self.dtype)
        for index in self._grid.indices(wide):
            put(out, wide, self._tile_at(level - 1, index), self._grid.region(level - 1, index))
        return np.ascontiguousarray(out[(slice(None),) * thick + (slice(None, None, 2),) * 2])

    def load(self, level: int) -> None:
        """Read a level whole, now: for the coarsest, off the GUI thread, before anything is shown."""
        for index in self._grid.indices(tuple(slice(0, side) for side in self.steps[level].shape)):
            self._tile_at(level, index)

    def _tile_at(self, level: int, index: Index) -> np.ndarray:
        with self._changed:
            tile = None if (level, index) in self._stale else self._find(level, index)
        return self._fetch(level, index) if tile is None else tile

    def _fetch(self, level: int, index: Index) -> np.ndarray:
        """Read a tile and keep it; one that was changed while it was read stays stale."""
        key = (level, index)
        with self._changed:
            self._stale.discard(key)
        tile = self.read(level, self._grid.region(level, index))
        with self._changed:
            before = self._tiles.pop(key, None)
            self._bytes += tile.nbytes - (0 if before is None else before.nbytes)
            self._tiles[key] = tile
            if level == len(self.steps) - 1:
                self._put_live(tile, index)
            self._make_room()
        return tile

    def _make_room(self) -> None:
        """Drop what was not looked at for longest; the coarsest level stays: it is what is shown at first."""
        while self._bytes > self._most:
            old = next((key for key in self._tiles if key[0] != len(self.steps) - 1), None)
            if old is None:
                return
            self._bytes -= self._tiles.pop(old).nbytes
            self._stale.discard(old)

    def forget(self, box: Sequence[slice] | None = None) -> None:
        """What lies in a box of full resolution was changed, or all of it: it is read anew; until then it is shown."""
        with self._changed:
            for level, index in self._tiles:
                region, down = self._grid.region(level, index), self.steps[level].down
                if box is None or all(
                    one.start * times < of.stop and of.start < one.stop * times
                    for one, times, of in zip(region, down, box, strict=True)
                ):
                    self._stale.add((level, index))
            if self._live is not None:
                last = len(self.steps) - 1
                self._want(last, [index for level, index in self._stale if level == last])
        self._tell_came()

    def _tell_came(self) -> None:
        if self.came is not None and not self._closed:
            self.came()

    def close(self) -> None:
        """Nothing is read any more; waits for no thread."""
        with self._changed:
            self._closed = True
            self._wanted.clear()
            self._changed.notify_all()

    def idle(self) -> bool:
        """Whether all that was looked at is there."""
        with self._changed:
            return not self._wanted

    # ---- the threads -----------------------------------------------------------------------------------------------

    def _want(self, level: int, indices: Sequence[Index]) -> None:
        if self._closed or not indices:
            return
        for index in indices:
            self._wanted[level, index] = None
            self._wanted.move_to_end((level, index))
        while len(self._wanted) > MOST_WANTED:
            self._wanted.popitem(last=False)
        while self._threads < THREADS:
            self._threads += 1
            threading.Thread(target=self._work, name="medseg-tiles", daemon=True).start()
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._wanted) or self._closed, REST_SECONDS)
                if self._closed or not self._wanted:
                    # who looks again begins another one; until then nothing holds the file
                    self._threads -= 1
                    return
                (level, index), _ = self._wanted.popitem()
            try:
                self._fetch(level, index)
            # whatever a decoder raises: this thread is needed for the next tile
            except Exception as error:  # noqa: BLE001
                # a file that was closed meanwhile cannot be read, and nobody looks
                if not self._closed:
                    self._note_failure(level, index, error)
            self._tell_came()

    def _note_failure(self, level: int, index: Index, error: Exception) -> None:
        told = sentence(error) if isinstance(error, MedsegError) else str(error)
        with self._changed:
            known = told in self._told
            self._told.add(told)
            # not again and again
            shape = (*(one.stop - one.start for one in self._grid.region(level, index)), *self._last)
            self._tiles[level, index] = np.zeros(shape, self.dtype)
            self._bytes += self._tiles[level, index].nbytes
        if not known and self.failed is not None:
            self.failed(told)

    @property
    def _last(self) -> tuple[int, ...]:
        return (self.channels,) if self.channels else ()

    def _find(self, level: int, index: Index) -> np.ndarray | None:
        tile = self._tiles.get((level, index))
        if tile is not None:
            self._tiles.move_to_end((level, index))
        return tile

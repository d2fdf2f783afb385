"""Proposals for large cases, each in a folder of the project: read block by block, also while it is being written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError, ProjectError
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.project.way import Stored

# bytes of decoded blocks that are remembered
MOST_BLOCKS = 64_000_000


class Stores:
    """The folders of a project.

    Parameters
    ----------
    path : Path
        The project's folder.
    """

    def __init__(self, path: Path, most: int = MOST_BLOCKS) -> None:
        self._path, self._most = path, most
        self._open: dict[Stored, LabelBlocks] = {}
        # only of blocks that are done: these never change
        self._blocks: OrderedDict[tuple[Stored, tuple[int, ...]], np.ndarray] = OrderedDict()
        self._held = 0

    def open(self, stored: Stored) -> LabelBlocks:
        """The labels of a proposal.

        Raises
        ------
        ProjectError
            If they are gone, damaged, or others.
        """
        folder = self._path / stored.folder
        if (folder / "zarr.json").is_file() and stored in self._open:
            return self._open[stored]
        self._forget(stored)
        try:
            found = LabelBlocks(folder)
        except ImageReadError as error:
            raise ProjectError(f"{error} What was drawn is kept; bring the folder back, or propose again.") from error
        if found.digest != stored.digest:
            raise ProjectError(
                f"{folder} holds other labels than those that were proposed; what was drawn is kept. Bring the first "
                "ones back, or propose again."
            )
        self._open[stored] = found
        return found

    def rows(
        self, stored: Stored, rows: slice, columns: slice, shape: tuple[int, ...], *, whole: bool
    ) -> tuple[np.ndarray, bool]:
        """Labels of a part of the rows of all slices, (rows, columns) uint8, and whether all of it is done.

        What is not done is 0.

        Parameters
        ----------
        shape : tuple of int
            (Y, X) or (Z, Y, X) of the case.
        whole : bool
            What is damaged is an error; else it counts as not done.

        Raises
        ------
        ProjectError
        """
        labels = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        try:
            store, done = self.open(stored), True
        except ProjectError:
            if whole:
                raise
            return labels, False
        for z, top, inside in _slices(rows, shape):
            at = (*(() if z is None else (z,)), inside, columns)
            for index in _meeting(at, store.block):
                block = self._block(stored, store, index, whole=whole)
                if block is None:
                    done = False
                    continue
                lows = [n * side for n, side in zip(index, store.block, strict=True)]
                y0, y1 = max(inside.start, lows[-2]), min(inside.stop, lows[-2] + block.shape[-2])
                x0, x1 = max(columns.start, lows[-1]), min(columns.stop, lows[-1] + block.shape[-1])
                flat = block if z is None else block[z - lows[0]]
                labels[top + y0 - inside.start : top + y1 - inside.start, x0 - columns.start : x1 - columns.start] = (
                    flat[y0 - lows[-2] : y1 - lows[-2], x0 - lows[-1] : x1 - lows[-1]]
                )
        return labels, done

    def _block(self, stored: Stored, store: LabelBlocks, index: tuple[int, ...], *, whole: bool) -> np.ndarray | None:
        key = (stored, index)
        # asked each time: a file that is gone is not there, whatever is remembered
        if not store.done(index):
            return None
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        try:
            block = store.read(store.box(index))
        except ImageReadError as error:
            if whole:
                raise ProjectError(str(error)) from error
            return None
        self._blocks[key] = block
        self._held += block.nbytes
        while self._held > self._most and len(self._blocks) > 1:
            self._held -= self._blocks.popitem(last=False)[1].nbytes
        return block

    def _forget(self, stored: Stored) -> None:
        self._open.pop(stored, None)
        for key in [key for key in self._blocks if key[0] == stored]:
            self._held -= self._blocks.pop(key).nbytes

    def problem(self, stored: Stored) -> str | None:
        """What is wrong with the labels of a proposal: each block that is done is read; None where nothing is."""
        try:
            store = self.open(stored)
            for index in store.blocks():
                if store.done(index):
                    store.read(store.box(index))
        except (ProjectError, ImageReadError) as error:
            return str(error)
        return None


def _slices(rows: slice, shape: tuple[int, ...]) -> Iterator[tuple[int | None, int, slice]]:
    """Rows of all slices by slice: its number (None of an image), from which of the rows on it goes, its own rows."""
    if len(shape) == 2:
        yield None, 0, rows
        return
    height = shape[1]
    for z in range(rows.start // height, -(-rows.stop // height)):
        start, stop = max(rows.start, z * height), min(rows.stop, (z + 1) * height)
        yield z, start - rows.start, slice(start - z * height, stop - z * height)


def _meeting(at: Sequence[int | slice], block: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The blocks that a part meets."""
    sides = []
    for one, side in zip(at, block, strict=True):
        start, stop = (one, one + 1) if isinstance(one, int) else (one.start, one.stop)
        sides.append(range(start // side, -(-stop // side)))
    return product(*sides)

"""Labels of an image larger than memory, as OME-Zarr 0.5: written block by block, each whole or not at all.

A block is a chunk, and its file appears once all of it is written: what is there is done, so that a run that was
killed goes on where it was, and two that write the same block write the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_folder
from napari_medseg.errors import ImageReadError, OutputError, ShapeError, sentence
from napari_medseg.io.colours import colour_in, names_of, palette_of
from napari_medseg.io.damaged import told_as_damaged
from napari_medseg.io.image import Grid
from napari_medseg.io.json_file import plain
from napari_medseg.io.large import Part
from napari_medseg.io.ome_zarr_meta import KEY
from napari_medseg.io.ome_zarr_write import VERSION, axes_of

# sides of a block, px: of an image, and of a volume
BLOCK, DEEP = (2048, 2048), (64, 256, 256)
# each level has half of the sides; on the smallest the longer side is no longer than this
SMALLEST = 1024
# name of an array with a figure for each block, a chunk each
DOUBTS = "doubt"
Index = tuple[int, ...]


class LabelBlocks:
    """Labels (Y, X) or (Z, Y, X) uint8 on the disk; safe to use from several threads and processes.

    Parameters
    ----------
    path : Path
        Folder of a store that :meth:`create` made.

    Raises
    ------
    ImageReadError
        If there is none, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        import zarr

        self.path = path
        with told_as_damaged(path, "OME-Zarr"):
            if not (path / "zarr.json").is_file():
                raise ImageReadError(f"{path} holds no labels of a large image. It was moved or deleted.")
            root = zarr.open_group(path, mode="r+", zarr_format=3)
            own: Any = root.attrs[KEY]
            self.facts: dict[str, Any] = dict(own["facts"])
            self.grid = Grid.from_json(str(own["grid"]))
            self._steps: list[Index] = [tuple(int(n) for n in step) for step in own["steps"]]
            # an empty block is done too, and its file says so; zarr does not remember that it is to write them
            with zarr.config.set({"array.write_empty_chunks": True}):
                self._arrays: list[Any] = [root[str(level)] for level in range(len(self._steps))]
                # stores of earlier versions have none
                self._doubts: Any = root.get(DOUBTS)
            self.shape: tuple[int, ...] = tuple(int(n) for n in self._arrays[0].shape)
            self.block: tuple[int, ...] = tuple(int(n) for n in self._arrays[0].chunks)

    @classmethod
    def create(
        cls,
        path: Path,
        grid: Grid,
        facts: Mapping[str, Any],
        *,
        block: tuple[int, ...] | None = None,
        doubts: bool = False,
    ) -> LabelBlocks:
        """An empty store, or the one that is there where it is of the same grid and facts.

        Parameters
        ----------
        path : Path
        grid : Grid
            Of the image; its shape is that of the labels.
        facts : mapping
            What the labels are made by, as plain values: others never go on with them.
        block : tuple of int, optional
            Sides of a block; where the image is smaller, so are they.
        doubts : bool
            It also holds how doubtful each block is.

        Raises
        ------
        OutputError
            If it cannot be written, or there is something else.
        """
        kept = plain(facts)
        if path.exists():
            there = cls._there(path)
            if there is None or there.facts != kept or there.shape != tuple(grid.shape):
                raise OutputError(
                    f"{path} holds something else than these labels; expected nothing, or a part of them. Choose "
                    "another name, or delete it."
                )
            return there
        shape = tuple(grid.shape)
        sides = block or (BLOCK if len(shape) == 2 else DEEP)
        steps = list(_steps(shape, sides))
        block = tuple(min(n, side) for n, side in zip(shape, sides, strict=True))
        own = {"facts": kept, "grid": grid.to_json(), "steps": [list(step) for step in steps]}
        datasets = []
        for level, step in enumerate(steps):
            spacing = grid.spacing or (1.0,) * len(shape)
            scale = [float(size) * n for size, n in zip(spacing, step, strict=True)]
            datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
        image = {"name": path.name.partition(".")[0], "axes": axes_of(len(shape), grid.unit), "datasets": datasets}
        attributes = {"ome": {"version": VERSION, "multiscales": [image], "image-label": {}}, KEY: own}
        with atomic_folder(path) as temporary:
            _fill(temporary, shape, block, steps, attributes)
            if doubts:
                _add_doubts(temporary, tuple(-(-n // side) for n, side in zip(shape, block, strict=True)))
        return cls(path)

    @classmethod
    def _there(cls, path: Path) -> LabelBlocks | None:
        try:
            return cls(path)
        except (ImageReadError, ModuleNotFoundError):
            return None

    @property
    def digest(self) -> str:
        """SHA-256 of what made the labels, and of their grid."""
        text = json.dumps([self.facts, json.loads(self.grid.to_json())], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def blocks(self) -> list[Index]:
        """All of them, row by row."""
        counts = tuple(-(-n // side) for n, side in zip(self.shape, self.block, strict=True))
        return [tuple(int(n) for n in index) for index in np.ndindex(*counts)]

    def box(self, index: Index) -> Part:
        """Where a block lies, px: (y0, x0, y1, x1) or (z0, y0, x0, z1, y1, x1)."""
        lows = tuple(n * side for n, side in zip(index, self.block, strict=True))
        highs = tuple(min(low + side, n) for low, side, n in zip(lows, self.block, self.shape, strict=True))
        return (*lows, *highs)

    def done(self, index: Index) -> bool:
        """Whether a block was written."""
        return (self.path / "0" / "c" / Path(*map(str, index))).is_file()

    def write(self, index: Index, labels: np.ndarray) -> None:
        """Store a block (uint8, of its box's shape), whole or not at all, and its part of the smaller levels.

        Raises
        ------
        ShapeError
            If it has another shape.
        OutputError
            If it cannot be written: the block is then not done.
        """
        box = self.box(index)
        half = len(self.shape)
        shape = tuple(high - low for low, high in zip(box[:half], box[half:], strict=True))
        if labels.shape != shape or labels.dtype != np.uint8:
            raise ShapeError(f"labels are {labels.dtype} of shape {labels.shape}; expected uint8 of {shape}.")
        try:
            # the full level last: it says that all is done
            for level, step in reversed(list(enumerate(self._steps))):
                self._put(level, step, box, labels)
        except OSError as error:
            raise OutputError(
                f"{self.path}: a block of labels cannot be written ({error.strerror or type(error).__name__}). What is "
                "finished stays. Make room on the disk, and go on."
            ) from error

    def _put(self, level: int, step: Index, box: Part, labels: np.ndarray) -> None:
        half = len(self.shape)
        # a pixel of a smaller level is the one at the corner of those it stands for
        firsts = tuple(-(-low // n) for low, n in zip(box[:half], step, strict=True))
        lasts = tuple(-(-high // n) for high, n in zip(box[half:], step, strict=True))
        inside = tuple(slice(first * n - low, None, n) for first, n, low in zip(firsts, step, box[:half], strict=True))
        part = labels[inside]
        if part.size:
            at = tuple(slice(first, last) for first, last in zip(firsts, lasts, strict=True))
            self._arrays[level][at] = part

    @property
    def holds_doubts(self) -> bool:
        """Whether it also holds how doubtful each block is."""
        return self._doubts is not None

    def note_doubt(self, index: Index, doubt: float) -> None:
        """How doubtful a block is, before it is written; nothing where the store holds no such figures.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        if self._doubts is None:
            return
        try:
            self._doubts[index] = doubt
        except OSError as error:
            raise OutputError(
                f"{self.path}: a figure of a block cannot be written ({error.strerror or type(error).__name__}). What "
                "is finished stays. Make room on the disk, and go on."
            ) from error

    def doubts(self, blocks: Sequence[Index] | None = None) -> dict[Index, float]:
        """How doubtful blocks are, or some of them, that are done; without those of which nobody said it.

        Raises
        ------
        ImageReadError
            If they are damaged.
        """
        if self._doubts is None:
            return {}
        with told_as_damaged(self.path, "OME-Zarr"):
            if blocks is None:
                found = np.asarray(self._doubts[:])
                said = {tuple(index): float(found[tuple(index)]) for index in np.argwhere(np.isfinite(found)).tolist()}
            else:
                said = {index: float(self._doubts[index]) for index in blocks}
        return {index: doubt for index, doubt in said.items() if np.isfinite(doubt) and self.done(index)}

    def tell(self, provenance: Mapping[str, Any]) -> None:
        """Write into it where the labels come from, what they are called and their colours, as any mask says it."""
        import zarr

        root = zarr.open_group(self.path, mode="r+", zarr_format=3)
        attributes: Any = dict(root.attrs)
        names = names_of(provenance)
        palette = palette_of(provenance)
        colours = [{"label-value": n, "rgba": [*colour_in(palette, n), 255]} for n in sorted(names)]
        shown = {"colors": colours, "properties": [{"label-value": n, "name": name} for n, name in names.items()]}
        attributes["ome"] = {**attributes["ome"], "image-label": shown}
        attributes[KEY] = {**attributes[KEY], "provenance": plain(provenance)}
        root.attrs.update(attributes)

    def read(self, box: Part, level: int = 0) -> np.ndarray:
        """Labels of a part, px of that level: uint8, 0 where nothing was written yet.

        Raises
        ------
        ImageReadError
            If a block is damaged; the message names its box.
        """
        half = len(self.shape)
        at = tuple(slice(int(low), int(high)) for low, high in zip(box[:half], box[half:], strict=True))
        try:
            return np.asarray(self._arrays[level][at])
        except Exception as error:
            raise ImageReadError(
                f"{self.path}: labels within {tuple(box)} of level {level} are damaged ({sentence(error)[:80]}). "
                "Delete their file and go on: only that block is made again."
            ) from error

    @property
    def levels(self) -> list[tuple[int, ...]]:
        """Shapes, the full level first."""
        return [tuple(int(n) for n in array.shape) for array in self._arrays]


def _steps(shape: tuple[int, ...], block: tuple[int, ...]) -> Iterator[Index]:
    """Pixels of the full level for each of a level, by axis. Only as small as one block is a chunk of each level."""
    step = (1,) * len(shape)
    while True:
        yield step
        sides = [n // s for n, s in zip(shape, step, strict=True)]
        halved = tuple(2 * s if axis >= len(shape) - 2 else s for axis, s in enumerate(step))
        if max(sides[-2:]) <= SMALLEST or any(s > side for s, side in zip(halved, block, strict=True)):
            return
        step = halved


def _fill(
    folder: Path, shape: tuple[int, ...], block: tuple[int, ...], steps: list[Index], attributes: Mapping[str, Any]
) -> None:
    import zarr
    from zarr.codecs import ZstdCodec

    zarr.create_group(folder, zarr_format=3, attributes=dict(attributes))
    for level, step in enumerate(steps):
        sides = tuple(-(-n // s) for n, s in zip(shape, step, strict=True))
        zarr.create_array(
            folder,
            name=str(level),
            shape=sides,
            dtype=np.uint8,
            # a block of the full level is one chunk on each: no two writers share a file
            chunks=tuple(max(1, side // s) for side, s in zip(block, step, strict=True)),
            compressors=ZstdCodec(level=3, checksum=True),
            fill_value=0,
            dimension_names=tuple("zyx"[-len(shape) :]),
        )


def _add_doubts(folder: Path, counts: tuple[int, ...]) -> None:
    import zarr

    zarr.create_array(
        folder, name=DOUBTS, shape=counts, dtype=np.float32, chunks=(1,) * len(counts), fill_value=float("nan")
    )


def count_done(store: LabelBlocks) -> int:
    """How many blocks are written."""
    return sum(1 for index in store.blocks() if store.done(index))

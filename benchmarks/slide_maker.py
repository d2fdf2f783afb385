"""A slide that has tissue and truth: ``python benchmarks/slide_maker.py DATA SLIDE.tif --side 50000 [--truth T.zarr]``.

Ellipses of tissue on glass, made of the val images of a set of stained nuclei (default MoNuSeg), each cell of 500 px
one of them, turned and mirrored by a seed. A tiled, pyramidal BigTIFF in JPEG, 0.25 um a pixel; with ``--truth`` their
masks as labels. Nothing is ever whole in memory.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from train_bundled import read_split

from napari_medseg.io import read_image, read_mask
from napari_medseg.io.image import Grid
from napari_medseg.io.label_blocks import LabelBlocks

CELL, TILE, UM = 500, 512, 0.25
GLASS = 243


class Maker:
    """Any part of a slide of a given side.

    Parameters
    ----------
    pairs : list of (image, mask)
        (Y, X, 3) and (Y, X) uint8, of at least CELL px.
    side : int
        Of the slide, px.
    share : float
        Of its area that is tissue, about.
    seed : int
    """

    def __init__(self, pairs: list[tuple[np.ndarray, np.ndarray]], side: int, share: float, seed: int) -> None:
        self.side, self._seed = side, seed
        self._pairs = [(image[:CELL, :CELL], mask[:CELL, :CELL]) for image, mask in pairs]
        random = np.random.default_rng(seed)
        radius = side * np.sqrt(share / 3 / np.pi)
        # three pieces, apart
        self._pieces = [
            (side * y, side * x, radius * stretch, radius / stretch)
            for (y, x), stretch in zip(
                ((0.28, 0.27), (0.35, 0.73), (0.74, 0.5)), random.uniform(0.8, 1.2, 3), strict=True
            )
        ]

    def tissue(self, box: tuple[int, int, int, int], step: int = 1) -> np.ndarray:
        """Where there is tissue (bool)."""
        y, x = np.ogrid[box[0] : box[2] : step, box[1] : box[3] : step]
        found = np.zeros((y.shape[0], x.shape[1]), bool)
        for cy, cx, ry, rx in self._pieces:
            found |= ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        return found

    def read(self, box: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Image (Y, X, 3) and nuclei (Y, X) uint8 of a part."""
        shape = (box[2] - box[0], box[3] - box[1])
        image, mask = np.full((*shape, 3), GLASS, np.uint8), np.zeros(shape, np.uint8)
        tissue = self.tissue(box)
        if not tissue.any():
            return image, mask
        for row in range(box[0] // CELL, -(-box[2] // CELL)):
            for column in range(box[1] // CELL, -(-box[3] // CELL)):
                self._cell(row, column, box, image, mask)
        image[~tissue] = GLASS
        mask[~tissue] = 0
        return image, mask

    def _cell(self, row: int, column: int, box: tuple, image: np.ndarray, mask: np.ndarray) -> None:
        random = np.random.default_rng((self._seed, row, column))
        source, truth = self._pairs[random.integers(len(self._pairs))]
        turns, flip = int(random.integers(4)), bool(random.integers(2))
        y, x = row * CELL, column * CELL
        y0, x0, y1, x1 = max(y, box[0]), max(x, box[1]), min(y + CELL, box[2]), min(x + CELL, box[3])
        inner, outer = (
            np.s_[y0 - y : y1 - y, x0 - x : x1 - x],
            np.s_[y0 - box[0] : y1 - box[0], x0 - box[1] : x1 - box[1]],
        )
        for out, whole in ((image, source), (mask, truth)):
            turned = np.rot90(whole, turns)
            out[outer] = (turned[:, ::-1] if flip else turned)[inner]


def pairs_of(data: Path, name: str, split: str = "val") -> list[tuple[np.ndarray, np.ndarray]]:
    """Image and mask of the large enough ones."""
    found = []
    for pair in read_split(data, name, split):
        image, mask = read_image(pair.image).data[..., :3], (read_mask(Path(pair.mask)) > 0).astype(np.uint8)
        if min(mask.shape) >= CELL:
            found.append((image, mask))
    return found


def smaller(maker: Maker, box: tuple[int, int, int, int], step: int) -> np.ndarray:
    """A tile of a level, from pieces that are small enough."""
    out = np.full((TILE, TILE, 3), GLASS, np.uint8)
    piece = max(1, 1024 // step)
    for row in range(0, TILE, piece):
        for column in range(0, TILE, piece):
            y0, x0 = box[0] + row * step, box[1] + column * step
            part = (y0, x0, min(box[2], y0 + piece * step), min(box[3], x0 + piece * step))
            if part[0] >= part[2] or part[1] >= part[3] or not maker.tissue(part, step).any():
                continue
            image, _ = maker.read(part)
            rows, columns = -(-image.shape[0] // step), -(-image.shape[1] // step)
            more = ((0, rows * step - image.shape[0]), (0, columns * step - image.shape[1]), (0, 0))
            full = np.pad(image, more, "edge").reshape(rows, step, columns, step, 3)
            out[row : row + rows, column : column + columns] = full.mean(axis=(1, 3), dtype=np.float32).astype(np.uint8)
    return out


def write_slide(maker: Maker, path: Path) -> None:
    """The pyramid, level by level; of the smaller ones, each pixel is the mean of those that it stands for."""
    glass = np.full((TILE, TILE, 3), GLASS, np.uint8)

    def tiles(step: int) -> Iterator[np.ndarray]:
        wide, side = TILE * step, maker.side
        for y in range(0, side, wide):
            for x in range(0, side, wide):
                box = (y, x, min(side, y + wide), min(side, x + wide))
                yield smaller(maker, box, step) if maker.tissue(box, step).any() else glass

    steps = [1]
    while maker.side / steps[-1] > 1500:
        steps.append(steps[-1] * 2)
    rate = 1e4 / UM
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for step in steps:
            side = -(-maker.side // step)
            file.write(
                tiles(step),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 85},
                subfiletype=int(step > 1),
                resolution=(rate / step, rate / step),
                resolutionunit="CENTIMETER",
                metadata=None,
            )


def write_truth(maker: Maker, path: Path) -> None:
    """The nuclei, block by block."""
    store = LabelBlocks.create(path, Grid((maker.side, maker.side), (UM, UM), "um"), {"truth": maker.side})
    for index in store.blocks():
        box = store.box(index)
        store.write(index, maker.read((box[0], box[1], box[2], box[3]))[1])


def main() -> None:
    """Make one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("slide", type=Path)
    parser.add_argument("--side", type=int, default=50_000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--set", default="monuseg_nuclei")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=Path)
    options = parser.parse_args()
    maker = Maker(pairs_of(options.data, options.set), options.side, options.share, options.seed)
    started = time.perf_counter()
    write_slide(maker, options.slide)
    if options.truth:
        write_truth(maker, options.truth)
    size = options.slide.stat().st_size / 1e6
    print(f"{options.slide}: {options.side} x {options.side} px, {size:.0f} MB, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

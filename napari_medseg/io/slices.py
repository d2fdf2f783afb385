"""A folder of pictures that are the slices of one volume, in the order of the numbers in their names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io.formats import read_grid, read_image
from napari_medseg.io.geometry import SIZE_TOLERANCE
from napari_medseg.io.grey import grey
from napari_medseg.io.image import SIZES, Grid, Image, usable_sizes
from napari_medseg.io.labels import PLAIN, check_white, read_numbers
from napari_medseg.io.limits import check_claim
from napari_medseg.io.pairs import list_images, result_of
from napari_medseg.io.table import stem_of
from napari_medseg.io.values import check_values

COLOURS_TOLD = "its slices are in colour, and were turned to grey, as volumes are."
UNSIZED_TOLD = "how large its voxels are is not known: say it with --spacing Z Y X, in mm."
DISTANCE_TOLD = (
    "its slices have pixels of {size} mm, and none says how far it is from the next, so that no size is written: say "
    "it with --spacing Z {size_said}."
)
AGAINST_TOLD = "{file} has pixels of {size} mm, and --spacing says {said} mm: that counts."
_NUMBER = re.compile(r"\d+")
# so many gaps are told one by one
_GAPS = 5


def read_slices(
    folder: Path,
    *,
    spacing: tuple[float, float, float] | None = None,
    mask: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> Image:
    """Read the images of a folder as the slices of one volume, (Z, Y, X); nothing but the names says that they are.

    Parameters
    ----------
    folder : Path
        Its images are called alike but for one number, which counts the slices.
    spacing : tuple of float, optional
        Size of a voxel (z, y, x), mm. Default: not known.
    mask : bool
        They are masks: their numbers are labels, uint8 or uint16.
    progress : callable, optional
        Called with the share that is done and a file's name.

    Raises
    ------
    InputError
        If names do not count the slices, or these differ in size, kind, or the size of their pixels.
    ImageReadError
        If one cannot be read.
    """
    folder = Path(folder)
    if spacing is not None and not usable_sizes(spacing):
        raise InputError(f"--spacing is {' '.join(map(str, spacing))}; expected three sizes, {SIZES}. Correct it.")
    files, told = in_order(folder, masks=mask)
    slices: list[np.ndarray] = []
    for number, file in enumerate(files):
        if progress is not None:
            progress(number / len(files), file.name)
        slices.append(read_numbers(file) if mask else _shade(read_image(file, part=True)))
        _check_alike(slices, files, mask=mask)
        if not number:
            stored = sum(one.stat().st_size for one in files)
            check_claim(folder, (len(files), *slices[0].shape[:2]), slices[0].itemsize, mask=mask, stored=stored)
    if mask:
        # of a mask in black and white, the others say what white is
        check_white({file: PLAIN.find(one) for file, one in zip(files, slices, strict=True)}, None)
        slices = [PLAIN.apply(one).numbers for one in slices]
    elif any(one.ndim == 3 for one in slices):
        told += (COLOURS_TOLD,)
    data = np.stack([one if one.ndim == 2 else grey(one[None])[0] for one in slices])
    told += _told_of_sizes(files, spacing) + (() if mask else check_values(data, folder, volume=True))
    z, y, x = spacing or (1.0, 1.0, 1.0)
    grid = Grid.of_affine(data.shape, np.diag((x, y, z, 1.0)), unit="px" if spacing is None else "mm")
    return Image(data, grid.spacing, grid.unit, folder, grid, told=told)


def in_order(folder: Path, *, masks: bool = False) -> tuple[list[Path], tuple[str, ...]]:
    """The slices of a folder by their numbers, and words on numbers that are missing.

    Raises
    ------
    InputError
        If fewer than two are there, their names differ in more than one number, or two have the same.
    """
    files = list_images(folder, masks=masks)
    stems = {stem_of(file) for file in files}
    files = [file for file in files if result_of(stem_of(file)) not in stems]
    names = {file: stem_of(file) for file in files}
    texts = {_NUMBER.sub("0", name) for name in names.values()}
    counts = [[int(found) for found in _NUMBER.findall(name)] for name in names.values()]
    if len(files) < 2 or len(texts) > 1 or not counts[0]:
        raise InputError(
            f"{folder} has the images {_some(files)}; expected slices, called alike but for one number, as slice_001 "
            "and slice_002. Move what is no slice away."
        )
    differ = [at for at, found in enumerate(zip(*counts, strict=True)) if len(set(found)) > 1]
    if len(differ) != 1:
        which = "more than one number" if differ else "no number"
        raise InputError(
            f"{folder} has images whose names differ in {which}, {_some(files)}; expected one number, the "
            "slice's. Move the others away, or name them anew."
        )
    numbered = sorted(zip((found[differ[0]] for found in counts), files, strict=True))
    numbers = [number for number, _ in numbered]
    twice = next((n for n, other in itertools.pairwise(numbers) if n == other), None)
    if twice is not None:
        raise InputError(f"{folder} has two slices of the number {twice}; expected one. Move one of them away.")
    return [file for _, file in numbered], _gaps(numbers)


def _gaps(numbers: list[int]) -> tuple[str, ...]:
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    usual = min(steps)
    gaps = [(before, before + step) for before, step in zip(numbers, steps, strict=False) if step != usual]
    if not gaps:
        return ()
    some = ", ".join(f"{before} and {after}" for before, after in gaps[:_GAPS])
    more = " and elsewhere" if len(gaps) > _GAPS else ""
    return (
        f"slices are missing between the numbers {some}{more}: those beside a gap now lie as near to each other as all "
        "others.",
    )


def _some(files: list[Path]) -> str:
    return ", ".join(file.name for file in files[:3]) + (" and others" if len(files) > 3 else "") or "none"


def _told_of_sizes(files: list[Path], spacing: tuple[float, float, float] | None) -> tuple[str, ...]:
    """Words on the sizes of pixels that the slices themselves have, where these are not what is written.

    Raises
    ------
    InputError
        If they differ, and nobody said which counts.
    """
    grids = {file: read_grid(file) for file in files}
    # a print resolution was measured by nobody
    sizes = {f: grid.spacing_mm[-2:] for f, grid in grids.items() if grid and grid.spacing_mm and not grid.printed}
    if not sizes:
        return (UNSIZED_TOLD,) if spacing is None else ()
    first, size = next(iter(sizes.items()))
    if spacing is not None:
        other = next((file for file, one in sizes.items() if not _same(one, spacing[1:])), None)
        if other is None:
            return ()
        return (AGAINST_TOLD.format(file=other.name, size=_by(sizes[other]), said=_by(spacing[1:])),)
    other = next((file for file, one in sizes.items() if not _same(one, size)), None)
    if other is not None:
        raise InputError(
            f"{other} has pixels of {_by(sizes[other])} mm; expected {_by(size)} mm, as {first.name}. Slices of one "
            "volume have pixels of one size: export them alike, or say which it is with --spacing Z Y X."
        )
    return (DISTANCE_TOLD.format(size=_by(size), size_said=" ".join(f"{n:.6g}" for n in size)),)


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return bool(np.allclose(one, other, rtol=SIZE_TOLERANCE, atol=0))


def _by(sizes: tuple[float, ...]) -> str:
    return " x ".join(f"{n:.6g}" for n in sizes)


def _shade(image: Image) -> np.ndarray:
    if image.volume:
        raise ImageReadError(f"{image.source} is a volume itself; expected a slice. Give it alone.")
    return image.data if image.data.ndim == 2 else image.data[..., :3]


def _check_alike(slices: list[np.ndarray], files: list[Path], *, mask: bool) -> None:
    """Each slice as it comes: a folder of thousands is not read to its end in vain."""
    first, last = slices[0], slices[-1]
    # labels take as many bytes as they need
    if first.shape[:2] == last.shape[:2] and (mask or first.dtype == last.dtype):
        return
    one, other = (f"{' x '.join(map(str, data.shape[:2]))} px of {data.dtype}" for data in (last, first))
    raise InputError(
        f"{files[len(slices) - 1]} is {one}; expected {other}, as {files[0].name}. Slices of one volume are of one "
        "size and kind: export them alike."
    )

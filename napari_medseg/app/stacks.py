"""A folder of slices becomes one volume: a file, which everything else then reads as any."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_medseg.app.batch import check_free
from napari_medseg.app.export import check_folder
from napari_medseg.errors import InputError
from napari_medseg.io import format_of, formats_for, read_grid, write_image, write_mask
from napari_medseg.io.slices import in_order, read_slices
from napari_medseg.io.table import suffixes
from napari_medseg.names import clean_name
from napari_medseg.words import tr

# fewer are looked at one by one
LEAST_SLICES = 8
# in a project's folder
VOLUMES = "volumes"


@dataclass(frozen=True, slots=True)
class Slices:
    """Pictures that may be the slices of one volume.

    Attributes
    ----------
    folder : Path
    count : int
    size : tuple of float or None
        Of a pixel (y, x), mm, where they say it.
    """

    folder: Path
    count: int
    size: tuple[float, float] | None


def may_be_slices(images: Sequence[Path]) -> Slices | None:
    """Whether images could be the slices of a volume, by names and headers: nothing says that they are.

    None where they are few, of several folders, called otherwise than by one number, or differ in size.
    """
    folders = {image.parent for image in images}
    if len(images) < LEAST_SLICES or len(folders) > 1:
        return None
    folder = folders.pop()
    try:
        listed = in_order(folder)[0]
        grids = [read_grid(image) for image in images]
    except InputError:
        return None
    first = grids[0]
    if set(listed) != set(images) or first is None or len(first.shape) != 2:
        return None
    if any(grid is None or grid.shape != first.shape for grid in grids):
        return None
    size = None if first.printed or first.spacing_mm is None else first.spacing_mm
    return Slices(folder, len(images), None if size is None else (size[0], size[1]))


def stack_into(
    project: Path,
    folder: Path,
    *,
    spacing: tuple[float, float, float] | None,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Path, list[str]]:
    """Write the slices of a folder as one volume into a project's folder; parameters are those of :func:`stack_folder`.

    Returns
    -------
    path : Path
    told : list of str
        How they were read; nothing of sizes that nobody knows, which who asks was asked for.

    Raises
    ------
    InputError, OutputError
        As :func:`stack_folder`.
    """
    place = project / VOLUMES
    check_folder(place)
    name, suffix = clean_name(folder.resolve().name), formats_for("image", 3)[0].suffix
    numbered = (place / f"{name}{'' if n == 1 else f'-{n}'}{suffix}" for n in itertools.count(1))
    out = next(path for path in numbered if not path.exists())
    told = stack_folder(folder, out, spacing=spacing, progress=progress)
    return out, [words for words in told if "--spacing" not in words]


def stack_folder(
    folder: str | Path,
    out: str | Path,
    *,
    spacing: tuple[float, float, float] | None = None,
    masks: bool = False,
    overwrite: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> list[str]:
    """Write the slices in a folder as one volume.

    Parameters
    ----------
    folder, spacing, masks, progress
        As :func:`napari_medseg.io.slices.read_slices` takes them.
    out : path
        Its suffix is of a format that volumes are written in.
    overwrite : bool
        An existing file may be replaced.

    Returns
    -------
    list of str
        Sentences on how they were read.

    Raises
    ------
    InputError, OutputError
        If the slices are none of one volume, or the file cannot be written.
    """
    folder, out = Path(folder), Path(out)
    fitting = formats_for("mask" if masks else "image", 3)
    if format_of(out) not in fitting:
        raise InputError(
            tr(
                "{out} has suffix '{suffix}'; volumes are written as {known}. Choose one of these.",
                out=out,
                suffix=out.suffix,
                known=", ".join(suffixes(fitting)),
            )
        )
    check_free([out], overwrite=overwrite)
    image = read_slices(folder, spacing=spacing, mask=masks, progress=progress)
    if masks:
        write_mask(out, image.data, grid=image.grid)
    else:
        write_image(out, image.data, grid=image.grid, volume=True)
    return [f"{folder}: {words}" for words in image.told]

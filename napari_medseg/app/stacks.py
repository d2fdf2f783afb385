"""A folder of slices becomes one volume: a file, which everything else then reads as any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_medseg.app.batch import check_free
from napari_medseg.errors import InputError
from napari_medseg.io import format_of, formats_for, write_image, write_mask
from napari_medseg.io.slices import read_slices
from napari_medseg.io.table import suffixes
from napari_medseg.words import tr


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

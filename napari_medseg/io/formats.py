"""Reading images and masks: what holds for every format of the table."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError, OperationError
from napari_medseg.io.colours import names_of as names_in
from napari_medseg.io.format import Progress
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.mask import OBJECTS_KEY, as_told, to_labels
from napari_medseg.io.picture_numbers import Pictures
from napari_medseg.io.sidecar import add_grid, provenance_beside
from napari_medseg.io.table import FORMATS, READ_SUFFIXES, format_of, stem_of
from napari_medseg.io.values import check_values
from napari_medseg.names import one_line

# one letter alone is a drive; pathlib makes one slash of two
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")


def axes_of(path: str | Path) -> int | None:
    """2 of an image, 3 of a volume; None where nothing says it.

    The name says it; where its format has both, the header does.
    """
    format = format_of(path)
    if format is None or len(format.gives.axes) == 1:
        return None if format is None else format.gives.axes[0]
    # whoever reads the file tells what is wrong
    with suppress(ImageReadError):
        grid = read_grid(path)
        return None if grid is None else len(grid.shape)
    return None


def is_volume(path: str | Path) -> bool:
    """Whether a file of this name holds a volume, not an image; where its format has both, the header says it."""
    return axes_of(path) == 3


def header_size(path: str | Path) -> tuple[int, ...] | None:
    """(Y, X) as the header of an image says, in a moment; None for a volume and where no header can be read."""
    if axes_of(path) != 2:
        return None
    grid = read_grid(path)
    return None if grid is None else grid.shape


def read_grid(path: str | Path) -> Grid | None:
    """Where the pixels of an image or a volume lie, by its header, in a moment; None where an image says nothing.

    Raises
    ------
    ImageReadError
        If it is a volume whose header cannot be used.
    """
    path, format = Path(path), format_of(path)
    if format is None or format.grid is None:
        return None
    with format.libraries():
        grid = format.grid(path)
    return grid if grid is None else add_grid(path, grid)


def names_of(path: str | Path) -> dict[int, str]:
    """What the labels of a mask are called, by number, where its file says it, or what we wrote beside it.

    A number is no name, and the numbers of objects have none.

    Raises
    ------
    ImageReadError
        If it cannot be read.
    """
    path, format = Path(path), format_of(path)
    told = told_of(path)
    if format is None or told.get(OBJECTS_KEY):
        return {}
    found: dict[int, str] = names_in(told)
    if format.names is not None:
        with format.libraries():
            found = format.names(path)
    names = {label: one_line(" ".join(name.split())) for label, name in found.items() if label}
    return {label: name for label, name in names.items() if name not in ("", f"label {label}", f"object {label}")}


def told_of(path: str | Path) -> Mapping[str, Any]:
    """What this program told of a mask where it wrote it, in its file or beside it; nothing of others' masks.

    Raises
    ------
    ImageReadError
        If it cannot be read.
    """
    path, format = Path(path), format_of(path)
    if format is None or not format.gives.masks:
        return {}
    found: object = None
    if format.told is not None:
        with format.libraries():
            found = format.told(path)
    # a file that says so itself is asked first
    found = found if isinstance(found, Mapping) and found else provenance_beside(path)
    return found if isinstance(found, Mapping) else {}


def pictures_of(path: str | Path | None) -> Pictures | None:
    """Which picture each voxel of an image is in; None where nothing says it, or the file cannot be read any more."""
    format = None if path is None else format_of(path)
    if path is None or format is None or format.pictures is None:
        return None
    # whoever reads the image tells what is wrong
    with suppress(ImageReadError, OperationError), format.libraries():
        return format.pictures(Path(path))
    return None


def files_of(path: str | Path) -> tuple[Path, ...]:
    """The files that an image consists of: of a series its slices, else the file itself.

    Raises
    ------
    ImageReadError
        If it is a folder that is no image.
    """
    path = Path(path)
    format = format_of(path)
    if format is None or format.files is None:
        return (path,)
    with format.libraries():
        return format.files(path)


def read_image(path: str | Path, progress: Progress | None = None, *, part: bool = False) -> Image:
    """Read an image or a volume.

    Parameters
    ----------
    path : str or Path
        One of :data:`READ_SUFFIXES`, or what a format knows by what is in it.
    progress : callable, optional
        Called with the share that is done, of what may take long; what it raises ends the reading.
    part : bool
        It is one of several that make an image, such as a slice: there may be nothing on it.

    Raises
    ------
    ImageReadError
        If the file is missing, empty, truncated, no image, of no known kind, holds several pages, or not one number.
    """
    return _read(Path(path), progress=progress, part=part)


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder, or one in which an image of this name can lie; in a moment."""
    try:
        return path.is_file() or path.is_dir() or _home(path) is not None
    # ValueError: a damaged path
    except (OSError, ValueError):
        return False


def _home(path: Path) -> Path | None:
    return next((home for one in FORMATS if one.lies_in and (home := one.lies_in(path)) is not None), None)


def name_of(path: str | Path, *, alone: bool = False) -> str:
    """What an image is called: by its file's name, save where that may name people.

    Parameters
    ----------
    path : str or Path
    alone : bool
        It has to differ from the names of other images, as names of files have to.
    """
    path = Path(path)
    format = format_of(path)
    if format is not None and format.called is not None:
        # whoever reads it tells what is wrong
        with suppress(ImageReadError), format.libraries():
            return format.called(path, alone=alone)
    return stem_of(path)


def _unreadable(path: Path, error: OSError) -> ImageReadError:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return ImageReadError(f"{path} cannot be read ({reason}). Check the path.")


def _read(path: Path, *, mask: bool = False, progress: Progress | None = None, part: bool = False) -> Image:
    if _ADDRESS.match(str(path)):
        raise ImageReadError(
            f"{path} is an address on a network; expected a file or a folder of this computer, as MedSeg never goes "
            "there. Copy it here first."
        )
    try:
        facts = (_home(path) or path).stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    folder = stat.S_ISDIR(facts.st_mode)
    if not (folder or stat.S_ISREG(facts.st_mode)):
        raise ImageReadError(f"{path} is a pipe or a device; expected a file. Copy what it holds into one.")
    format = format_of(path)
    if format is None and folder:
        raise ImageReadError(f"{path} is a folder; expected an image. Give a file in it, or the folder of a series.")
    if format is None or format.read is None:
        raise ImageReadError(
            f"{path} has suffix '{path.suffix}'; expected one of {', '.join(READ_SUFFIXES)}. "
            "Export the image in one of these."
        )
    if not (format.gives.masks if mask else format.gives.images):
        one, other, advice = (
            ("images", "a mask", "Give another file.")
            if mask
            else ("masks", "an image", "Give its image, and it as the mask: 'medseg project add IMAGE --masks FOLDER'.")
        )
        raise ImageReadError(f"{path} is {format.title}, which holds {one} only; expected {other}. {advice}")
    try:
        if not (folder and format.gives.folder):
            with (_home(path) or path).open("rb"):
                pass
    except OSError as error:
        raise _unreadable(path, error) from error
    if facts.st_size == 0 and not folder:
        raise ImageReadError(f"{path} is empty (0 bytes); expected an image. Copy or export it again.")
    with format.libraries():
        if progress is not None and format.read_long is not None:
            image = format.read_long(path, mask=mask, progress=progress)
        else:
            image = format.read(path, mask=mask)
    if 0 in image.data.shape:
        raise ImageReadError(f"{path} has shape {image.data.shape}; expected at least one pixel. Export it again.")
    grid = add_grid(path, image.grid)
    image = image if grid is image.grid else replace(image, grid=grid, spacing=grid.spacing, unit=grid.unit)
    if not mask:
        if part:
            return image
        words = check_values(image.data, path, volume=image.volume)
        return replace(image, told=(*image.told, *words)) if words else image
    # a file that says so itself is asked first
    return image if image.numbered else as_told(image, provenance_beside(path))


def read_mask(path: str | Path, *, white: bool = True) -> np.ndarray:
    """Read a mask or a label image.

    A picture of two values, 0 and 255 (or 65535), is a mask in black and white: 0 and 1 are returned, save where the
    file says that its numbers are labels. Other values are labels and stay; so do the numbers of a palette. Colour
    pictures whose channels agree are read as one channel.

    Parameters
    ----------
    path : str or Path
    white : bool
        Return a mask in black and white as 0 and 1. With False it is bool, for who looks at more masks than one to know
        what white is: see ``io/labels.py``.

    Returns
    -------
    np.ndarray
        (Y, X) or (Z, Y, X), uint8 or uint16, or bool; 0 is the background.

    Raises
    ------
    ImageReadError
        If the file cannot be read or is no mask: in colour, with fractions, with the greys of a blurred rim, with a
        shape in its opacity, or a photograph.
    """
    path = Path(path)
    return to_labels(_read(path, mask=True), path, white=white)

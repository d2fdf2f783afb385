"""What masks lose in a format, and what goes into a file beside them: told before they are written."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from napari_medseg.app.formats import format_named, losses_told, written_as
from napari_medseg.classes import MOST_CLASS
from napari_medseg.errors import InputError
from napari_medseg.io import Grid, read_grid
from napari_medseg.io.labels import MOST_NUMBER


def mask_losses(grids: Iterable[Grid], *, format: str, classes: bool = True, objects: bool = False) -> list[str]:
    """Sentences to tell before masks on these grids are written; empty where nothing is lost.

    Parameters
    ----------
    grids : iterable of Grid
    format : str
        One of :func:`napari_medseg.app.formats.names`.
    classes : bool
        The classes have names.
    objects : bool
        Objects are numbered too.

    Raises
    ------
    InputError
        If the format is not known.
    """
    lie: dict[str, list[Grid]] = {}
    for grid in grids:
        lie.setdefault(written_as(format, volume=len(grid.shape) == 3).name, []).append(grid)
    told = list[str]()
    for name, its in lie.items():
        one = format_named(name)
        # of objects there may be many; who lists them keeps the numbers of their classes
        many = objects and not one.takes.parts
        told += losses_told(one, its, classes=classes, highest=MOST_NUMBER if many else MOST_CLASS)
    return told


def file_losses(images: Iterable[Path], *, format: str, objects: bool = False) -> list[str]:
    """As :func:`mask_losses`, of masks of image files, by their headers."""
    grids = list[Grid]()
    for path in images:
        # of what is damaged, its reader tells
        with suppress(InputError):
            grids += filter(None, [read_grid(path)])
    return mask_losses(grids, format=format, objects=objects)

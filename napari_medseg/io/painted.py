"""Labels that a file lists object by object, painted into one mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid, usable_sizes
from napari_medseg.io.json_file import plain
from napari_medseg.io.limits import check_claim
from napari_medseg.io.outlines import fill, number_pieces


def objects_in(labels: np.ndarray, parts: np.ndarray | None) -> tuple[np.ndarray, dict[int, int]]:
    """The objects of a mask, and the label of each.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X), integer.
    parts : np.ndarray, optional
        Of the same shape, integer: numbers of the objects, each of which has one label. Default: connected pieces.

    Returns
    -------
    objects : np.ndarray
        Integer, 0 is the background.
    label_of : dict of int to int
        In order of their numbers.
    """
    objects = number_pieces(labels) if parts is None else np.where(labels > 0, parts, 0)
    numbers, first = np.unique(objects, return_index=True)
    found = zip(numbers.tolist(), labels.ravel()[first].tolist(), strict=True)
    return objects, {number: label for number, label in found if number}


class Canvas:
    """A mask to be painted: where two objects lie on each other, they have to have one label.

    Parameters
    ----------
    path : Path
        For the messages.
    sides : object
        (Y, X) as the file says.

    Raises
    ------
    ImageReadError
        If that is no size of an image, or more than fits.
    """

    def __init__(self, path: Path, sides: object) -> None:
        self._path = path
        if not (isinstance(sides, (list, tuple)) and len(sides) == 2 and all(_is_count(n) and n > 0 for n in sides)):
            raise ImageReadError(
                f"{path} does not say how large its image is; expected its height and width, as this program writes "
                "them. Export the mask as PNG or TIFF."
            )
        height, width = sides
        check_claim(path, (height, width), 2, mask=True)
        self.labels = np.zeros((height, width), np.uint16)

    def pixels(self, rings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels in a polygon, as :func:`napari_medseg.io.outlines.fill` finds them.

        Raises
        ------
        ImageReadError
            If all of it lies outside of the image.
        """
        height, width = self.labels.shape
        (left, top), (right, bottom) = rings[0].min(axis=0), rings[0].max(axis=0)
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ImageReadError(
                f"{self._path} has a polygon from x {left:g}, y {top:g} to x {right:g}, y {bottom:g}; expected it on "
                f"its image of {height} x {width} px. Export it again with the image that it was drawn on."
            )
        return fill(rings, (height, width))

    def paint(self, y: np.ndarray, x: np.ndarray, label: object) -> None:
        """Give pixels a label.

        Raises
        ------
        ImageReadError
            If it is none, or another is there already.
        """
        if not isinstance(label, int) or isinstance(label, bool) or not 1 <= label <= 65535:
            raise ImageReadError(
                f"{self._path} has an object of class {label!r}; expected a number from 1 to 65535. Renumber the "
                "classes."
            )
        there = self.labels[y, x]
        if ((there != 0) & (there != label)).any():
            raise ImageReadError(
                f"{self._path} has objects of class {label} and of another class on the same pixels; expected one "
                "class for each pixel. Correct it where they overlap."
            )
        self.labels[y, x] = label


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def facts_of(grid: Grid, provenance: object) -> dict[str, Any]:
    """What our files say of a mask beside its objects."""
    return {
        "shape": list(grid.shape),
        "spacing": None if grid.flat is None else list(grid.flat),
        "unit": grid.unit,
        "provenance": plain(provenance or {}),
    }


def provenance_in(facts: object) -> dict[str, Any]:
    """Where a mask comes from, in :func:`facts_of`; nothing of a file of another program."""
    found = facts.get("provenance") if isinstance(facts, dict) else None
    return found if isinstance(found, dict) else {}


def spacing_in(facts: object) -> tuple[tuple[float, float] | None, str]:
    """Size (y, x) and unit of pixels in :func:`facts_of`; nothing of a file that says none that a pixel can have."""
    if not isinstance(facts, dict):
        return None, "px"
    spacing, unit = facts.get("spacing"), facts.get("unit")
    if not (isinstance(spacing, list) and len(spacing) == 2 and unit in ("mm", "um", "px")):
        return None, "px"
    return ((float(spacing[0]), float(spacing[1])), unit) if usable_sizes(spacing, unit) else (None, "px")

"""The mask that is looked at, as it is on the screen, for whoever measures it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.app.classes import shown_classes
from napari_medseg.app.layer_keys import FILE_KEY, number_of
from napari_medseg.app.places import grid_of
from napari_medseg.io import Grid
from napari_medseg.project import Project
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.layers import plain_image
from napari_medseg.widgets.load import kept_grid
from napari_medseg.widgets.sight import Sight
from napari_medseg.widgets.state import PanelState


@dataclass(frozen=True, slots=True, eq=False)
class ShownMask:
    """Layers, their arrays, and what is known of them.

    Attributes
    ----------
    image, mask : layer
    labels : np.ndarray
        (Y, X) or (Z, Y, X): the layer's own array, what nobody stored yet included.
    values : np.ndarray or None
        Of the image.
    lies : Grid
        As it is shown; see :meth:`facts`.
    numbers : tuple of str
        As :func:`numbers_of` gave them then.
    """

    image: Image
    mask: Labels
    labels: np.ndarray
    values: np.ndarray | None
    lies: Grid
    _case: tuple[Project, int] | None
    _naming: dict[str, Any]
    numbers: tuple[str, ...]

    def file(self) -> Path | None:
        """Of the image, where it is known: off the GUI thread."""
        if self._case is not None:
            project, number = self._case
            return Path(project.case(number).image)
        file = self.image.source.path or self.image.metadata.get(FILE_KEY)
        return Path(file) if file else None

    def facts(self) -> tuple[Grid, dict[int, str]]:
        """Where it lies, and what its classes are called: off the GUI thread."""
        if self._case is None:
            return self.lies, {}
        project, number = self._case
        grid = _known(self.lies, kept_grid(project.case(number)))
        return grid, {one.label: one.name for one in shown_classes(project, number, **self._naming)}


def numbers_of(sight: Sight) -> tuple[str, ...]:
    """What the image and the mask that are looked at show now: layers may be filled with another image."""
    return tuple(number_of(layer) for layer in (sight.image, sight.mask) if layer is not None)


def shown_mask(sight: Sight, view: CaseView, state: PanelState) -> ShownMask | None:
    """The mask that is looked at; None where there is none."""
    image, mask, opened, project = sight.image, sight.mask, view.current, state.project
    if image is None or mask is None:
        return None
    mine = opened is not None and opened.labels is mask and project is not None
    case = (project, opened.case_id) if mine and project is not None and opened is not None else None
    labels, values = np.asarray(mask.data), plain_image(image)
    if values is not None and values.shape[: labels.ndim] != labels.shape:
        values = None
    return ShownMask(image, mask, labels, values, grid_of(image), case, state.naming(), numbers_of(sight))


def _known(lies: Grid, kept: Grid | None) -> Grid:
    """A layer's grid; what its project knows better: a print resolution is no size that anyone measured."""
    if kept is None:
        return lies
    if lies.spacing is None and kept.shape == lies.shape:
        return kept
    return kept if kept.printed and kept.shape == lies.shape else lies

"""Places on an image: gone to, and ringed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels, Layer, Vectors
from qtpy.QtCore import QObject

from napari_medseg.widgets.layers import made_for, place_of
from napari_medseg.widgets.open_case import OpenCase

NAME, SUFFIX = "place to look at", " place"
# one of them is seen on any picture and any mask
BRIGHT, DARK = "#ffe14d", "#000000"
# of each of the two rings, and no ring is smaller: px of the screen
WIDTH, LEAST = 2.0, 12.0
SIDES = 64
# so much of the image is seen around a place, px
AROUND = 96


@dataclass(frozen=True, slots=True)
class Place:
    """A point, (y, x) or (z, y, x), and how far around it one is to look, px of the image."""

    point: tuple[int, ...]
    radius: float


def go_to(viewer: Any, layer: Layer, point: Sequence[int], reach: float = 0.0) -> None:
    """Show a point of a layer in the middle, its slice, and enough of what is around it.

    Parameters
    ----------
    reach : float
        How far around the point is seen at least, px.
    """
    world = np.asarray(layer.data_to_world(point))
    if layer.ndim == 3:
        viewer.dims.set_point(range(viewer.dims.ndim - len(world), viewer.dims.ndim), world)
    camera, seen = viewer.scene.camera, shown_axes(viewer, layer)
    camera.center = (*camera.center[:-2], *world[seen])
    per_pixel = min(viewer.canvas.size) / (2 * float(layer.scale[seen[-1]]))
    camera.zoom = max(camera.zoom, per_pixel / max(AROUND, reach))
    if reach:
        camera.zoom = min(camera.zoom, per_pixel / reach)


def shown_axes(viewer: Any, layer: Layer) -> list[int]:
    """The axes of a layer that run down and to the right on the screen."""
    # a layer has the last of the viewer's axes
    return [axis - viewer.dims.ndim + layer.ndim for axis in viewer.dims.displayed[-2:]]


def in_view(viewer: Any, layer: Layer, point: Sequence[int]) -> bool:
    """Whether a point of a layer is on the screen now."""
    world, camera = np.asarray(layer.data_to_world(point)), viewer.scene.camera
    seen = shown_axes(viewer, layer)
    half = np.asarray(viewer.canvas.size, float) / 2 / camera.zoom
    beside = bool((np.abs(world[seen] - np.asarray(camera.center[-2:])) > half).any())
    here = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    paged = [axis for axis in range(layer.ndim) if axis not in seen]
    return not beside and all(round(here[axis]) == point[axis] for axis in paged)


class Rings(QObject):
    """Rings on the open case, in a layer that nobody selects, draws in or exports; it goes with its image.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QObject
    """

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._case: OpenCase | None = None
        self._places: Sequence[Place] = ()
        self._layer: Vectors | None = None
        viewer.scene.camera.events.zoom.connect(self._zoomed)
        viewer.layers.selection.events.active.connect(self._selected)

    @property
    def places(self) -> Sequence[Place]:
        """Those that are ringed now."""
        return self._places if self._there() else ()

    def show(self, case: OpenCase, places: Sequence[Place]) -> None:
        """Ring these places, and no others."""
        if case is not self._case:
            self.hide()
        self._case, self._places = case, places
        self._draw()

    def hide(self) -> None:
        """No ring."""
        if self._there():
            self._viewer.layers.remove(self._layer)
        self._case, self._places, self._layer = None, (), None

    def _there(self) -> bool:
        return self._layer is not None and self._layer in self._viewer.layers

    def _zoomed(self, event: Any = None) -> None:
        """As wide on the screen as ever, however near one looks; whoever removed the layer wants none."""
        if self._there():
            self._draw()

    def _draw(self) -> None:
        case = self._case
        if case is None or not self._places or case.labels not in self._viewer.layers:
            return
        # a pixel of the screen, in pixels of the image
        pixel = 1 / (self._viewer.scene.camera.zoom * np.asarray(case.labels.scale[-2:], float))
        width = WIDTH * float(pixel[-1])
        bright = [_ring(place, pixel, 0.0) for place in self._places]
        dark = [_ring(place, pixel, WIDTH) for place in self._places]
        data = np.concatenate([*dark, *bright])
        colours = np.repeat([DARK, BRIGHT], SIDES * len(self._places))
        if self._there():
            assert self._layer is not None
            if len(self._layer.data) == len(data):
                self._layer.data = data
                self._layer.edge_width = width
                return
            self._viewer.layers.remove(self._layer)
        active = self._viewer.layers.selection.active
        layer = Vectors(
            data,
            name=NAME,
            edge_color=colours,
            edge_width=width,
            vector_style="line",
            opacity=1.0,
            metadata=made_for(case.image, SUFFIX),
            **place_of(case.labels),
        )
        self._viewer.add_layer(layer)
        # what was drawn in stays what is drawn in
        self._viewer.layers.selection.select_only(active if isinstance(active, Labels) else case.labels)
        self._layer = layer

    def _selected(self, event: Any = None) -> None:
        if self._case is not None and self._there() and self._viewer.layers.selection.active == self._layer:
            self._viewer.layers.selection.select_only(self._case.labels)

    def close(self) -> None:
        """Let go of the viewer."""
        self.hide()
        self._viewer.scene.camera.events.zoom.disconnect(self._zoomed)
        self._viewer.layers.selection.events.active.disconnect(self._selected)


def _ring(place: Place, pixel: np.ndarray, beyond: float) -> np.ndarray:
    """Sides (N, 2, ndim) of a ring: where each begins, and how it goes on; so many px of the screen further out."""
    # round on the screen, also where pixels are not square
    radius = (max(place.radius / float(pixel[-1]), LEAST) + beyond) * pixel
    turn = np.linspace(0, 2 * np.pi, SIDES + 1)
    around = np.array(place.point[-2:]) + radius * np.stack((np.sin(turn), np.cos(turn)), axis=1)
    points = np.insert(around, 0, place.point[0], axis=1) if len(place.point) == 3 else around
    return np.stack((points[:-1], np.diff(points, axis=0)), axis=1)

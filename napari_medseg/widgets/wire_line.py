"""The line of the live-wire: light in a dark rim, as wide on the screen at every zoom, seen on any mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Vectors

from napari_medseg.widgets.layers import place_of

LINE, RIM = "live-wire", "live-wire rim"
# px of the screen: the light line, and the dark one that it lies on
WIDTH, RIM_WIDTH = 2.0, 4.0
# half the side of the mark at a click, px of the screen
MARK = 3.0
LIGHT, DARK = "#ffe14d", "#000000"
# corners of a mark (y, x); its sides reach over them by half a width, or they would gape
_CORNERS = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)], float)


class WireLine:
    """Two layers that come with the first click and go with the last.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._mask: Labels | None = None
        self._layers: list[Vectors] = []
        self._points, self._clicks = np.zeros((0, 2)), np.zeros((0, 2))
        self._index: tuple[int, ...] = ()
        self._listens = False

    @property
    def layers(self) -> list[Vectors]:
        """The rim and the line, while they are shown."""
        return [layer for layer in self._layers if layer in self._viewer.layers]

    def show(self, mask: Labels, points: np.ndarray, clicks: np.ndarray, index: tuple[int, ...]) -> None:
        """Draw a line and marks in a slice.

        Parameters
        ----------
        mask : Labels
            On which it lies.
        points, clicks : array
            (N, 2) and (M, 2): y, x of the slice, px.
        index : tuple of int
            () in an image, (z,) in a volume.
        """
        self._mask = mask
        self._points, self._clicks, self._index = np.asarray(points, float), np.asarray(clicks, float), index
        if len(self.layers) == 2:
            vectors = self._vectors()
            for layer in self._layers:
                layer.data = vectors
            return
        self.remove()
        self._mask = mask
        vectors, pixel = self._vectors(), self._pixel()
        for name, colour, width in ((RIM, DARK, RIM_WIDTH), (LINE, LIGHT, WIDTH)):
            look = {"edge_color": colour, "edge_width": width * pixel, "vector_style": "line", "opacity": 1.0}
            layer = Vectors(vectors, name=name, **look, **place_of(mask))
            # most of the time of a move went into a thumbnail that nobody needs
            layer._update_thumbnail = _nothing
            self._layers.append(layer)
            self._viewer.add_layer(layer)
        # the mask stays what is drawn in
        self._viewer.layers.selection.active = mask
        self._viewer.scene.camera.events.zoom.connect(self._zoomed)
        self._listens = True

    def remove(self) -> None:
        """Take the line away."""
        if self._listens:
            self._viewer.scene.camera.events.zoom.disconnect(self._zoomed)
            self._listens = False
        for layer in self.layers:
            self._viewer.layers.remove(layer)
        self._layers, self._mask = [], None

    def _pixel(self) -> float:
        """One pixel of the screen in pixels of the mask."""
        assert self._mask is not None
        return 1 / (self._viewer.scene.camera.zoom * float(np.mean(np.abs(self._mask.scale[-2:]))))

    def _zoomed(self, event: Any = None) -> None:
        pixel = self._pixel()
        vectors = self._vectors()
        for layer, width in zip(self._layers, (RIM_WIDTH, WIDTH), strict=False):
            layer.data = vectors
            layer.edge_width = width * pixel

    def _vectors(self) -> np.ndarray:
        """(N, 2, D): where each piece begins, and how far it goes."""
        starts, ways = self._points[:-1], np.diff(self._points, axis=0)
        moved = np.any(ways != 0, axis=1)
        # in a mark each side begins half a line's width before its corner
        corners = self._clicks[:, None] + _CORNERS * MARK * self._pixel()
        sides = np.diff(corners, axis=1).reshape(-1, 2)
        over = sides * (WIDTH / 4 / MARK)
        starts = np.concatenate((starts[moved], corners[:, :-1].reshape(-1, 2) - over))
        ways = np.concatenate((ways[moved], sides + 2 * over))
        flat = np.stack((starts, ways), axis=1)
        vectors = np.zeros((*flat.shape[:2], len(self._index) + 2))
        vectors[..., -2:] = flat
        vectors[:, 0, : len(self._index)] = self._index
        return vectors


def _nothing() -> None:
    """In place of a thumbnail."""

"""The diameters of a lesion, drawn where they were measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Vectors

from napari_medseg.metrics.lesions import Lesion
from napari_medseg.widgets.layers import made_for, place_of
from napari_medseg.words import mark, tr

NAME, SUFFIX = mark("diameters"), " diameters"
# the longest, and the one across it; each between two dark ones, so that it is seen on any picture
LONG, SHORT, DARK = "#ffe14d", "#2ec4ff", "#000000"
# px of the screen
WIDTH = 2.0


class DiameterLines:
    """Two lines in a layer that nobody selects, draws in or exports; it goes with its image."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._on: tuple[Image, Labels, Lesion] | None = None
        self._layer: Vectors | None = None
        viewer.scene.camera.events.zoom.connect(self._zoomed)
        viewer.layers.selection.events.active.connect(self._selected)

    @property
    def lesion(self) -> Lesion | None:
        """Whose diameters are shown now."""
        return self._on[2] if self._on is not None and self._there() else None

    def show(self, image: Image, mask: Labels, lesion: Lesion) -> None:
        """Show this one's, and no others."""
        if self._on is not None and self._on[0] is not image:
            self.hide()
        self._on = image, mask, lesion
        self._draw()

    def hide(self) -> None:
        """No lines."""
        if self._there():
            self._viewer.layers.remove(self._layer)
        self._on = self._layer = None

    def _there(self) -> bool:
        return self._layer is not None and self._layer in self._viewer.layers

    def _zoomed(self, event: Any = None) -> None:
        # whoever removed the layer wants none
        if self._there():
            self._draw()

    def _draw(self) -> None:
        if self._on is None or self._on[1] not in self._viewer.layers:
            return
        image, mask, lesion = self._on
        sizes = np.asarray(mask.scale, float)
        if lesion.axis is not None:
            sizes = np.delete(sizes, lesion.axis)
        # a pixel of the screen, in pixels of the image
        pixel = 1 / (self._viewer.scene.camera.zoom * sizes)
        data = _lines(lesion, pixel)
        width = WIDTH * float(pixel[-1])
        if self._there():
            assert self._layer is not None
            self._layer.data = data
            self._layer.edge_width = width
            return
        active = self._viewer.layers.selection.active
        layer = Vectors(
            data,
            name=tr(NAME),
            edge_color=np.array([DARK] * 4 + [SHORT, LONG]),
            edge_width=width,
            vector_style="line",
            opacity=1.0,
            metadata=made_for(image, SUFFIX),
            **place_of(mask),
        )
        self._viewer.add_layer(layer)
        # what was drawn in stays what is drawn in
        self._viewer.layers.selection.select_only(active if isinstance(active, Labels) else mask)
        self._layer = layer

    def _selected(self, event: Any = None) -> None:
        if self._on is not None and self._there() and self._viewer.layers.selection.active == self._layer:
            self._viewer.layers.selection.select_only(self._on[1])

    def close(self) -> None:
        """Let go of the viewer."""
        self.hide()
        self._viewer.scene.camera.events.zoom.disconnect(self._zoomed)
        self._viewer.layers.selection.events.active.disconnect(self._selected)


def _lines(lesion: Lesion, pixel: np.ndarray) -> np.ndarray:
    """Six lines (6, 2, axes), where each begins and how it goes on: the dark ones first."""
    dark, bright = [], []
    for ends in (lesion.diameters.short_axis, lesion.diameters.long_axis):
        start, end = np.array(ends)
        # to the side, as it is seen
        along = (end - start) / pixel
        aside = np.array((-along[1], along[0])) / max(float(np.linalg.norm(along)), 1e-9) * WIDTH * pixel
        bright.append((start, end - start))
        dark += [(start + side * aside, end - start) for side in (-1, 1)]
    flat = np.array([*dark, *bright])
    if lesion.axis is None:
        return flat
    whole = np.insert(flat, lesion.axis, 0.0, axis=2)
    whole[:, 0, lesion.axis] = lesion.point[lesion.axis]
    return whole

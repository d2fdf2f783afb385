"""What is accepted of a slide, outlined on it: as thick on the screen at any zoom, to look at and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Shapes

from napari_medseg.app.layer_keys import FRAMES_SUFFIX, OF_KEY, number_of
from napari_medseg.project import Box
from napari_medseg.widgets.slides import SlideShown

COLOUR = "#4fb76a"
# of the outline, on the screen
SCREEN_PX = 3.0


class FrameOutlines:
    """A layer over the slide; none where nothing is accepted.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.layer: Shapes | None = None
        self._drawn: tuple[Box, ...] = ()

    def show(self, shown: SlideShown | None, boxes: Sequence[Box]) -> None:
        """Outline these boxes, px of the slide, and no others."""
        there = self.layer is not None and self.layer in self._viewer.layers
        if shown is None or not boxes:
            self.hide()
            return
        if there and tuple(boxes) == self._drawn:
            return
        self.hide()
        corners = [np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0)]) - 0.5 for y0, x0, y1, x1 in boxes]
        layer = Shapes(
            corners,
            shape_type="polygon",
            edge_color=COLOUR,
            face_color="transparent",
            edge_width=self._width(shown),
            name=shown.case.name + FRAMES_SUFFIX,
            scale=shown.layer.scale,
            translate=shown.layer.translate,
            units=shown.layer.units,
            metadata={OF_KEY: (number_of(shown.layer), FRAMES_SUFFIX)},
        )
        layer.editable = False
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._viewer.layers.index(shown.overview) + 1, layer)
        self._viewer.layers.selection.active = active
        self.layer, self._drawn = layer, tuple(boxes)

    def fit(self, shown: SlideShown) -> None:
        """The zoom is another one."""
        if self.layer is not None and self.layer in self._viewer.layers:
            width = self._width(shown)
            if abs(self.layer.edge_width[0] / width - 1) > 0.2:
                self.layer.edge_width = [width] * len(self._drawn)
                # napari tells nobody of it
                self.layer.refresh(extent=False, thumbnail=False)

    def hide(self) -> None:
        """Outline nothing."""
        layer, self.layer, self._drawn = self.layer, None, ()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _width(self, shown: SlideShown) -> float:
        """Pixels of the slide that are so thick on the screen."""
        return SCREEN_PX / max(float(self._viewer.scene.camera.zoom) * float(shown.layer.scale[-1]), 1e-12)

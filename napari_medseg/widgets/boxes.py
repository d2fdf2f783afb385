"""Boxes on an image: drawn by a person, or found by a network and then corrected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image, Shapes

from napari_medseg.errors import InputError
from napari_medseg.inference.drawn import box_of_corners, check_boxes, corners_of_box
from napari_medseg.widgets.layers import find, made_for, place_of
from napari_medseg.words import tr

BOXES_SUFFIX = " boxes"
LOOK: dict[str, Any] = {"edge_color": "#ffe14d", "face_color": "transparent", "edge_width": 2}


class BoxLayers:
    """Finds, makes and reads the Shapes layers that hold boxes.

    Parameters
    ----------
    viewer : napari.Viewer
    changed : callable
        Called with the image when a person drew, moved or removed a box on it.
    """

    def __init__(self, viewer: Any, changed: Callable[[Image], None]) -> None:
        self._viewer, self._changed = viewer, changed
        self._showing = False

    def of(self, image: Image) -> Shapes | None:
        """The layer that holds an image's boxes, if there is one."""
        return find(self._viewer, Shapes, image, BOXES_SUFFIX)

    def draw(self, image: Image) -> Shapes:
        """Let the person draw: a layer of rectangles on the image, made if need be."""
        layer = self.of(image) or self._make(image, [])
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"
        return layer

    def show(self, image: Image, boxes: np.ndarray) -> None:
        """Show boxes (N, 4: y0, x0, y1, x1) that were segmented, for the person to correct."""
        self._showing = True
        try:
            corners = [corners_of_box(box) for box in boxes]
            layer = self.of(image)
            if layer is None:
                self._make(image, corners)
            else:
                layer.data = []
                if corners:
                    layer.add_rectangles(corners, **LOOK)
        finally:
            self._showing = False

    def some(self, image: Image) -> np.ndarray:
        """As :meth:`read`; where none is drawn, an InputError says so."""
        boxes = self.read(image)
        if not len(boxes):
            raise InputError(
                tr("no box is drawn; expected at least one. Press 'Draw boxes' and drag one on the image.")
            )
        return boxes

    def read(self, image: Image) -> np.ndarray:
        """The boxes (N, 4: y0, x0, y1, x1) on an image, px.

        Raises
        ------
        InputError
            If a box is rotated, has no area, or lies outside the image.
        """
        layer = self.of(image)
        if layer is None:
            return np.zeros((0, 4))
        boxes = []
        for number, corners in enumerate(layer.data, start=1):
            # where both layers lie in the world decides, not that they lie alike
            world = [layer.data_to_world(point) for point in np.asarray(corners)[:, -2:]]
            points = np.array([image.world_to_data(point)[-2:] for point in world])
            boxes.append(box_of_corners(points, number=number))
        return check_boxes(boxes, (image.data.shape[0], image.data.shape[1]))

    def _make(self, image: Image, corners: list[np.ndarray]) -> Shapes:
        layer = Shapes(
            corners or None,
            ndim=2,
            shape_type="rectangle",
            name=image.name + BOXES_SUFFIX,
            metadata=made_for(image, BOXES_SUFFIX),
            **LOOK,
            **place_of(image),
        )
        layer.current_edge_color, layer.current_face_color = LOOK["edge_color"], LOOK["face_color"]
        layer.current_edge_width = LOOK["edge_width"]
        layer.events.data.connect(partial(self._edited, image))
        self._viewer.add_layer(layer)
        return layer

    def _edited(self, image: Image, event: Any = None) -> None:
        if not self._showing:
            self._changed(image)

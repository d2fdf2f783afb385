"""The snapping brush under the mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_medseg.editing.snap import snapped_disk
from napari_medseg.widgets.mouse_tool import MouseTool
from napari_medseg.widgets.open_case import OpenCase

# the brush is set down again after this share of its radius
STEP = 0.5
# what napari's circle is called while Alt and the mouse change its size
RESIZING = "circle_frozen"


class SnapTool(MouseTool):
    """Paints with the size and the label of napari's brush, which its circle shows; the rim snaps to edges."""

    CURSOR = "circle"

    def __init__(self, viewer: Any, stopped: Callable[[bool], None], parent: QObject) -> None:
        super().__init__(viewer, "snapping brush", stopped, parent)

    def start(self, case: OpenCase) -> None:
        """Take the mouse over, with a circle of the brush's size."""
        super().start(case)
        # napari works out the circle's size when it is told the brush's
        case.labels.brush_size = case.labels.brush_size

    def _move(self, layer: Any, event: Any) -> None:
        # with Alt held, as napari's brush does
        layer.brush_size_on_mouse_move(layer, event)

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:
        start = self.point(event)
        if start is None or event.button != 1 or layer.cursor == RESIZING:
            return
        index = self.slice_index(event)
        picture, edges, radius = self.picture(index), self.edges(index), layer.brush_size / 2
        # one press is one stroke, in napari's own history as in the project's
        with layer.block_history():
            self._stamp(index, picture, edges, start, radius)
            yield
            last = np.array(start)
            while event.type == "mouse_move":
                here = self.point(event)
                if here is not None:
                    way = np.array(here) - last
                    steps = int(np.hypot(*way) / max(1.0, STEP * radius))
                    for k in range(1, steps + 1):
                        self._stamp(index, picture, edges, tuple(last + way * k / steps), radius)
                    if steps:
                        last = np.array(here)
                yield

    def _stamp(
        self, index: tuple[int, ...], picture: np.ndarray, edges: np.ndarray | None, at: Any, radius: float
    ) -> None:
        if self.case is not None:
            self.paint(index, *snapped_disk(picture, at, radius, edges))

"""The circle of the brush is painted without the box that other overlays of the canvas lie on."""

from __future__ import annotations

from typing import Any

from napari.components.overlays.brush_circle import BrushCircleOverlay


def paint_no_box(viewer: Any) -> None:
    """Turn the box behind the brush's circle off.

    napari hides the circle and forgets its box: it stays in the canvas as the one thing to paint where the last layer
    has gone, with a shader that went with that layer, on which some drivers (Mesa's software ones) end the program.
    """
    for overlay in viewer.canvas.overlays.values():
        if isinstance(overlay, BrushCircleOverlay):
            overlay.box = False

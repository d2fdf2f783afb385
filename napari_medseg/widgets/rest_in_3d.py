"""In 3D a drag turns the picture, and draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_medseg.widgets.open_case import OpenCase

DRAWING = ("paint", "erase", "fill", "polygon")


class RestIn3D:
    """Puts napari's drawing tools away in 3D, where a drag would draw in slices that nobody sees, and takes them back.

    Whoever chooses one of them there means it.

    Parameters
    ----------
    viewer : napari.Viewer
    current : callable
        The case whose mask is drawn on.
    """

    def __init__(self, viewer: Any, current: Callable[[], OpenCase | None]) -> None:
        self._viewer, self._current = viewer, current
        self._rests: str | None = None
        viewer.dims.events.ndisplay.connect(self.look)

    def look(self, *_: Any) -> None:
        """The view was turned, or another image is there."""
        case = self._current()
        if case is None:
            return
        mask = case.labels
        if self._viewer.dims.ndisplay == 3:
            if str(mask.mode) in DRAWING:
                self._rests, mask.mode = str(mask.mode), "pan_zoom"
        elif self._rests is not None:
            mode, self._rests = self._rests, None
            if str(mask.mode) == "pan_zoom":
                mask.mode = mode

    def let_go(self) -> None:
        """Let go of the viewer."""
        self._viewer.dims.events.ndisplay.disconnect(self.look)

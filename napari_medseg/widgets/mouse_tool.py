"""What live-wire and snapping brush share: taking the mouse of a mask over, and painting in its slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_medseg.widgets.keys import napari_keys
from napari_medseg.widgets.open_case import OpenCase


class MouseTool(QObject):
    """On while its button is down; off as soon as the person takes one of napari's tools.

    Parameters
    ----------
    viewer : napari.Viewer
    name : str
        Of the tool in the history.
    stopped : callable
        Called when it goes off by itself, with whether the tool of before takes its place.
    parent : QObject
    """

    # of the mouse over the image, as napari calls it
    CURSOR = "standard"

    def __init__(self, viewer: Any, name: str, stopped: Callable[[bool], None], parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self.name, self._stopped = viewer, name, stopped
        self._viewers_own: list[Any] = []
        self.case: OpenCase | None = None
        self._moving_image = False
        self._pan_keys: list[str] = []

    def start(self, case: OpenCase) -> None:
        """Take the mouse over."""
        self.stop()
        self.case = case
        layer = case.labels
        layer.mode = "pan_zoom"
        layer.mouse_pan = False
        case.tool = self.name
        layer.mouse_drag_callbacks.append(self._drag)
        layer.mouse_move_callbacks.append(self._move)
        layer.mouse_double_click_callbacks.append(self._double_click)
        # a double-click means something else now than to zoom
        self._viewers_own = list(self._viewer.mouse_double_click_callbacks)
        self._viewer.mouse_double_click_callbacks.clear()
        layer.events.mode.connect(self._mode_changed)
        layer.bind_key("Space", self._hold_to_move, overwrite=True)
        layer.bind_key("Escape", lambda _: self.escape(), overwrite=True)
        self._pan_keys = napari_keys("pan_zoom")
        for key in self._pan_keys:
            # napari's own does nothing: as far as it knows, the image is moved already
            layer.bind_key(key, lambda _: self._leave(False), overwrite=True)
        layer.cursor = self.CURSOR

    def stop(self) -> None:
        """Give the mouse back."""
        case, self.case = self.case, None
        if case is None:
            return
        self._moving_image = False
        layer = case.labels
        layer.events.mode.disconnect(self._mode_changed)
        for key in ("Space", "Escape", *self._pan_keys):
            layer.bind_key(key, None)
        layer.mouse_drag_callbacks.remove(self._drag)
        layer.mouse_move_callbacks.remove(self._move)
        layer.mouse_double_click_callbacks.remove(self._double_click)
        self._viewer.mouse_double_click_callbacks.extend(self._viewers_own)
        if str(layer.mode) == "pan_zoom":
            layer.mouse_pan = True
            layer.cursor = "standard"
        case.tool = None

    def _mode_changed(self, event: Any) -> None:
        self._leave(False)

    def escape(self) -> None:
        """Put the tool away."""
        self._leave(True)

    def open(self) -> bool:
        """Whether something is begun and not done."""
        return False

    def take_back(self) -> bool:
        """What undo means to the tool: whether it had something of its own to take back, and did."""
        return False

    def _leave(self, back: bool) -> None:
        self.stop()
        self._stopped(back)

    def _hold_to_move(self, layer: Any) -> Iterator[None]:
        """While the key is down the mouse moves the image, as everywhere in napari: its own key only leaves modes."""
        self._moving_image = layer.mouse_pan = True
        layer.cursor = "standard"
        yield
        self._moving_image = False
        if self.case is not None and self.case.labels == layer:
            layer.mouse_pan, layer.cursor = False, self.CURSOR

    def _drag(self, layer: Any, event: Any) -> Any:
        """The button goes down; a generator sees the moves until it comes up."""

    def _move(self, layer: Any, event: Any) -> None:
        """The mouse moves with no button down."""

    def _double_click(self, layer: Any, event: Any) -> None:
        """Two clicks."""

    # ---- the slice that is shown ---------------------------------------------------------------------------------

    def point(self, event: Any) -> tuple[float, float] | None:
        """Where the mouse is in the slice (y, x), px.

        None where it moves the image, the mask is hidden, or no slice is seen straight on.
        """
        if self.case is None or self._moving_image or len(event.dims_displayed) != 2 or not self.case.labels.visible:
            return None
        position = self.case.labels.world_to_data(event.position)
        if tuple(event.dims_displayed) != tuple(range(len(event.position)))[-2:]:
            return None
        return float(position[-2]), float(position[-1])

    def slice_index(self, event: Any) -> tuple[int, ...]:
        """() in an image, (z,) in a volume."""
        assert self.case is not None
        layer = self.case.labels
        if layer.ndim == 2:
            return ()
        z = round(float(layer.world_to_data(event.position)[0]))
        return (min(max(z, 0), layer.data.shape[0] - 1),)

    def picture(self, index: tuple[int, ...]) -> np.ndarray:
        """The image of a slice as it is, (Y, X) or (Y, X, C): no copy, this runs while someone draws."""
        assert self.case is not None
        return np.asarray(self.case.image.data)[index]

    def edges(self, index: tuple[int, ...]) -> np.ndarray | None:
        """The edge map of an image or slice, where there is one."""
        assert self.case is not None
        return self.case.edges.get(index)

    def paint(self, index: tuple[int, ...], rows: np.ndarray, columns: np.ndarray) -> None:
        """Paint pixels of a slice with the chosen label, as napari's brush does: undo and 'preserve labels' too."""
        assert self.case is not None
        layer = self.case.labels
        value = layer.selected_label
        where = (*(np.full(len(rows), i) for i in index), rows, columns)
        if layer.preserve_labels:
            free = np.asarray(layer.data)[where] == 0
            where = tuple(axis[free] for axis in where)
        layer.data_setitem(where, value)

"""The live-wire under the mouse: click, follow the edge, click, close."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_medseg.editing.livewire import LiveWire
from napari_medseg.widgets.mouse_tool import MouseTool
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.wire_line import WireLine
from napari_medseg.widgets.workers import Workers

# so near the first anchor, a click closes the contour, px of the screen
CLOSE_PX = 8


class LiveWireTool(MouseTool):
    """A click sets an anchor; a double-click, Enter or a click on the first anchor closes the contour and fills it
    with the chosen label; Backspace and undo take the last anchor back; Escape gives up, and without a contour puts the
    tool away.

    Ways from an anchor are worked out on a thread; clicks that come meanwhile wait for them.
    """

    CURSOR = "cross"

    def __init__(self, viewer: Any, workers: Workers, stopped: Callable[[bool], None], parent: QObject) -> None:
        super().__init__(viewer, "live-wire", stopped, parent)
        self._workers = workers
        self._line = WireLine(viewer)
        self._reset()

    def _reset(self) -> None:
        self._parts: list[np.ndarray] = []
        self._anchors: list[tuple[float, float]] = []
        self._index: tuple[int, ...] = ()
        self._wire: LiveWire | None = None
        self._mouse: tuple[float, float] | None = None
        # clicks, and None for "close", that came before the way to them was known
        self._waiting: deque[tuple[float, float] | None] = deque()
        self._asked = 0

    def start(self, case: OpenCase) -> None:
        """Take the mouse and its keys over."""
        super().start(case)
        for key, call in (("Enter", self.close), ("Backspace", self.back)):
            case.labels.bind_key(key, lambda _, call=call: call(), overwrite=True)

    def stop(self) -> None:
        """Give the mouse back; a contour that is not closed is given up."""
        if self.case is not None:
            for key in ("Enter", "Backspace"):
                self.case.labels.bind_key(key, None)
        self.give_up()
        super().stop()

    @property
    def contour(self) -> np.ndarray:
        """Pixels (N, 2: y, x) from the first anchor to the last."""
        return np.concatenate(self._parts) if self._parts else np.zeros((0, 2), int)

    # ---- mouse ---------------------------------------------------------------------------------------------------

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:
        point = self.point(event)
        if point is None or event.button != 1:
            return
        pressed_at = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        # a click, not a drag
        if np.abs(np.array(event.pos) - pressed_at).max() <= CLOSE_PX:
            self._click(point, event)

    def _click(self, point: tuple[float, float], event: Any) -> None:
        index = self.slice_index(event)
        if self._anchors and index != self._index:
            self.give_up()
        if not self._anchors:
            self._index = index
            self._anchors.append(point)
            self._ask(point)
            self._draw()
        elif len(self._anchors) > 1 and self._near_start(point):
            self._then(None)
        else:
            self._then(point)

    def _near_start(self, point: tuple[float, float]) -> bool:
        assert self.case is not None
        scale = np.array(self.case.labels.scale[-2:]) * self._viewer.scene.camera.zoom
        return float(np.hypot(*((np.array(point) - self._anchors[0]) * scale))) <= CLOSE_PX

    def _move(self, layer: Any, event: Any) -> None:
        self._mouse = self.point(event)
        self._draw()

    def _double_click(self, layer: Any, event: Any) -> None:
        self.close()

    # ---- ways ----------------------------------------------------------------------------------------------------

    def _ask(self, anchor: tuple[float, float]) -> None:
        """Work out the ways from an anchor."""
        assert self.case is not None
        self._wire = None
        self._asked += 1
        number, picture, edges = self._asked, self.picture(self._index), self.edges(self._index)

        def work(ticket: Any, progress: Any) -> LiveWire:
            wire = LiveWire(picture, edges)
            wire.anchor(anchor)
            return wire

        self._workers.run(work, on_done=lambda wire: self._ready(number, wire), lane="edit")

    def _ready(self, number: int, wire: LiveWire) -> None:
        if number != self._asked or not self._anchors:
            return
        self._wire = wire
        if self._waiting:
            self._go(self._waiting.popleft())
        self._draw()

    def _then(self, point: tuple[float, float] | None) -> None:
        if self._wire is None:
            self._waiting.append(point)
            self._draw()
        else:
            self._go(point)

    def _go(self, point: tuple[float, float] | None) -> None:
        assert self._wire is not None
        if point is None:
            self._parts.append(self._wire.path_to(self._anchors[0]))
            self._fill()
        else:
            self._parts.append(self._wire.path_to(point))
            self._anchors.append(point)
            self._ask(point)
        self._draw()

    def close(self) -> None:
        """Close the contour along the edge and fill it."""
        if len(self._anchors) > 1 or self._waiting:
            self._then(None)

    def back(self) -> None:
        """Take the last click back."""
        if self._waiting:
            self._waiting.pop()
        elif self._parts:
            self._parts.pop()
            self._anchors.pop()
            self._ask(self._anchors[-1])
        elif self._anchors:
            self.give_up()
        self._draw()

    def open(self) -> bool:
        """Whether a contour is begun and not closed."""
        return bool(self._anchors)

    def take_back(self) -> bool:
        """Take the last click of an open contour back."""
        if not self._anchors:
            return False
        self.back()
        return True

    def escape(self) -> None:
        """Give the contour up; where there is none, put the tool away."""
        if self._anchors:
            self.give_up()
        else:
            super().escape()

    def give_up(self) -> None:
        """Forget the contour."""
        asked = self._asked
        self._reset()
        # what is still being worked out belongs to the old contour
        self._asked = asked + 1
        self._line.remove()

    def _fill(self) -> None:
        from skimage.draw import polygon

        contour, index = self.contour, self._index
        assert self.case is not None
        rows, columns = polygon(contour[:, 0], contour[:, 1], shape=self.case.labels.data.shape[-2:])
        # the line itself belongs to what it encloses
        inside = np.unique(np.concatenate((np.stack((rows, columns), axis=1), contour)), axis=0)
        with self.case.labels.block_history():
            self.paint(index, inside[:, 0], inside[:, 1])
        self.give_up()

    # ---- the line ------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if self.case is None or not self._anchors:
            return
        parts = list(self._parts)
        if self._mouse is not None:
            if self._wire is not None:
                parts.append(self._wire.path_to(self._mouse))
            else:
                parts.append(np.array([self._anchors[-1], self._mouse]))
        points = np.concatenate(parts) if parts else np.zeros((0, 2))
        clicks = [*self._anchors, *(point for point in self._waiting if point is not None)]
        self._line.show(self.case.labels, points, np.array(clicks), self._index)

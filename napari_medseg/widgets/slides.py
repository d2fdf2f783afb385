"""A large image in the viewer: all of it to look at, and where one looks closely a window to draw in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.app.case_labels import CaseLabels, window_labels
from napari_medseg.app.greys import Greys
from napari_medseg.app.layer_keys import (
    GREYS_KEY,
    MASK_SUFFIX,
    OF_KEY,
    OVERVIEW_SUFFIX,
    SLIDE_KEY,
    WINDOW_KEY,
    number_of,
)
from napari_medseg.app.picture import picture_of
from napari_medseg.app.slide_windows import area, wanted, window_at
from napari_medseg.errors import sentence
from napari_medseg.io.large import Large
from napari_medseg.project import Box, Case, Project
from napari_medseg.project.boxes import common
from napari_medseg.widgets.layers import made_for, new_labels
from napari_medseg.widgets.load import LoadedSlide
from napari_medseg.widgets.one_picture import one_picture
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.slide_layers import Painter, new_overview, new_preview, show_slide
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import mark, tr

# so long the camera rests before a window opens
REST_MS = 350
# of the window, in the canvas
FRAME, FRAME_PX = "#ffd54f", 2
LOOK_CLOSELY = mark(
    "Nothing was done: you look at the whole slide. Zoom in until a yellow frame opens, or press {key}, and draw there."
)


class Cases(Protocol):
    """What of :class:`CaseView` is needed here."""

    @property
    def current(self) -> OpenCase | None:
        """The case that keys and buttons act on."""

    def follow_window(
        self, case: Case, image: Image, mask: Labels, stored: CaseLabels, picture: tuple, window: Box
    ) -> OpenCase:
        """Hand what is drawn in a window to the project from here on."""

    def close_window(self, opened: OpenCase) -> bool:
        """Store what is left and let go; False where it stays open, which is told."""

    def say(self, why: str) -> None:
        """Tell."""


class WindowRead(NamedTuple):
    """A window, read off the GUI thread."""

    pixels: np.ndarray
    picture: tuple
    stored: CaseLabels


class SlideShown(NamedTuple):
    """A large image whose layers are in the viewer."""

    project: Project
    case: Case
    large: Large
    layer: Image
    overview: Labels
    painter: Painter
    greys: Greys


class Slides(QObject):
    """The large image that is open from the project's list, if one is.

    Parameters
    ----------
    viewer, state
    cases : CaseView
    workers : Workers
    window : QWidget
        In whose main window all is painted.
    """

    # another one, or none; another window on it, or none
    turned = Signal()
    # the camera, after it was moved
    rested = Signal()

    def __init__(self, viewer: Any, state: Any, cases: Cases, workers: Workers, window: QWidget) -> None:
        super().__init__(window)
        self._viewer, self._state, self._cases, self._workers, self._window = viewer, state, cases, workers, window
        self.shown: SlideShown | None = None
        self.box: Box | None = None
        # the window that is on its way, and one that has to wait
        self._coming: Box | None = None
        self._later: Box | None = None
        self._preview: Labels | None = None
        self._previewed: Box = (0, 0, 0, 0)
        # a contour that is open must not lose its layer
        self.in_hand: Callable[[], bool] = lambda: False
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._rested)
        self._camera = viewer.scene.camera.events
        for emitter in (self._camera.zoom, self._camera.center):
            emitter.connect(self._moved)
        viewer.layers.events.removed.connect(self._removed)

    @property
    def case_id(self) -> int | None:
        """Number of the case whose slide is shown."""
        return None if self.shown is None else self.shown.case.id

    @property
    def coming(self) -> Box | None:
        """The window that is on its way, or waits for its turn."""
        return self._coming or self._later

    # ---- shown, and let go of --------------------------------------------------------------------------------------

    def show(self, loaded: LoadedSlide) -> None:
        """Show all of it; what was shown before is closed by then."""
        project = self._state.project
        case, opened, tiles = loaded.case, loaded.opened, loaded.mask
        layer = show_slide(self._viewer, opened, name=case.name, tell=self._cases.say, parent=self)
        painter = Painter(tiles, self._cases.say, self)
        tiles.blank = self._blank
        painter.layer = overview = new_overview(tiles, layer)
        overview.name = case.name + OVERVIEW_SUFFIX
        overview.metadata.update({**made_for(layer, OVERVIEW_SUFFIX), SLIDE_KEY: str(case.image)})
        self._viewer.add_layer(overview)
        self.shown = SlideShown(project, case, opened.large, layer, overview, painter, loaded.greys)
        self._viewer.layers.selection.active = layer
        self._viewer.reset_view()
        self._state.case_id = case.id
        self.turned.emit()

    def close(self) -> None:
        """Let go of the layers; its window is closed by then."""
        shown, self.shown = self.shown, None
        self._rest.stop()
        self.box = self._coming = self._later = None
        if shown is None:
            return
        self.end_preview()
        shown.painter.stop()
        for layer in (shown.overview, shown.layer):
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        if self._state.case_id == shown.case.id:
            self._state.case_id = None
        self.turned.emit()

    def detach(self) -> None:
        """Let go of the viewer."""
        for emitter in (self._camera.zoom, self._camera.center):
            emitter.disconnect(self._moved)
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._rest.stop()

    def _removed(self, event: Any) -> None:
        """By a person: a slide without its image is none; a window that was closed opens anew where one looks."""
        if self.shown is None:
            return
        if event.value == self.shown.layer:
            opened = self._cases.current
            if opened is not None and opened.case_id == self.case_id:
                self._cases.close_window(opened)
            self.close()
        elif WINDOW_KEY in event.value.metadata and self._coming is None:
            QTimer.singleShot(0, self._window_gone)

    def _window_gone(self) -> None:
        shown = self.shown
        if shown is not None and self._cases.current is None and self._coming is None:
            self.box = None
            self._state.case_id = shown.case.id
            shown.painter.cache.forget()
            self.turned.emit()

    # ---- what is in view -------------------------------------------------------------------------------------------

    def _moved(self, event: Any = None) -> None:
        if self.shown is not None:
            self._later = None
            self._rest.start()

    def view(self) -> Box:
        """What of the slide is on the screen, px of full resolution; empty where nothing of it is."""
        assert self.shown is not None
        layer, camera = self.shown.layer, self._viewer.scene.camera
        half = np.array(self._viewer.canvas.size[:2]) / (2 * camera.zoom)
        middle = np.array(camera.center[-2:])
        corners = [layer.world_to_data(tuple(middle + sign * half)) for sign in (-1, 1)]
        low, high = np.min(corners, axis=0), np.max(corners, axis=0)
        height, width = self.shown.case.shape[-2:]
        seen = (int(low[-2]), int(low[-1]), int(np.ceil(high[-2])), int(np.ceil(high[-1])))
        return common(seen, (0, 0, height, width))

    def _flat(self) -> bool:
        return self.shown is not None and len(self.shown.case.shape) == 2 and self._viewer.dims.ndisplay == 2

    def _rested(self) -> None:
        self.rested.emit()
        if not self._flat() or self.shown is None:
            return
        box = self._later or wanted(self.view(), self.shown.case.shape, self._coming or self.box)
        if box is not None:
            self._open(box)

    def edit_here(self) -> bool:
        """Open a window at the middle of what is in view, and look at it; False where no slide is shown."""
        if not self._flat() or self.shown is None:
            return False
        camera = self._viewer.scene.camera
        middle = self.shown.layer.world_to_data(tuple(camera.center[-2:]))
        self.go_to(window_at(middle, self.shown.case.shape))
        return True

    def go_to(self, box: Box) -> None:
        """Look at a window, and open it."""
        assert self.shown is not None
        layer, camera = self.shown.layer, self._viewer.scene.camera
        ends = [np.array(layer.data_to_world(corner)) for corner in (box[:2], box[2:])]
        camera.center = (*camera.center[:-2], *((ends[0] + ends[1]) / 2 - np.array(layer.scale) / 2))
        camera.zoom = 0.95 * float(np.min(np.array(self._viewer.canvas.size[:2]) / np.abs(ends[1] - ends[0])))
        self._rest.stop()
        if box != self.box:
            self._open(box)

    def show_place(self, box: Box) -> None:
        """Something was changed there, perhaps out of sight: look at it."""
        assert self.shown is not None
        self.shown.painter.cache.forget((slice(box[0], box[2]), slice(box[1], box[3])))
        if self.box is None or area(common(box, self.box)) or not area(box):
            return
        self._cases.say(tr("That was elsewhere on the slide: the frame went there."))
        self.go_to(window_at(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), self.shown.case.shape))

    def refresh(self, box: Box | None = None) -> None:
        """A proposal came in a box, or everywhere: what a person drew stays on top of it."""
        if self.shown is None:
            return
        if self._preview is not None and box is not None and area(common(box, self._previewed)):
            self.end_preview()
        self.shown.painter.cache.forget(None if box is None else (slice(box[0], box[2]), slice(box[1], box[3])))
        opened = self._cases.current
        if opened is None or opened.window is None:
            return
        part = opened.window if box is None else common(box, opened.window)
        if area(part):
            opened.base_came(part, lambda error: self._cases.say(sentence(error)))

    def preview(self, box: Box, labels: np.ndarray) -> None:
        """What will be proposed where one looks, before its blocks are done: to look at."""
        self.end_preview()
        if self.shown is None:
            return
        layer = new_preview(self.shown.layer, labels, box, self.shown.case.name)
        active = self._viewer.layers.selection.active
        self._preview, self._previewed = layer, box
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active

    def end_preview(self) -> None:
        """Its blocks are done, or will not be."""
        layer, self._preview = self._preview, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    # ---- a window --------------------------------------------------------------------------------------------------

    def _open(self, box: Box) -> None:
        """Read a window off the GUI thread; strokes of the last one are on the disk by then."""
        shown, before = self.shown, self._cases.current
        assert shown is not None
        if self.in_hand() or (before is not None and not before.at_rest):
            # in a moment, or when the contour is closed
            self._coming, self._later = None, box
            self._rest.start()
            return
        self._coming, self._later = box, None
        changes = None if before is None else _drawn(before)

        def work(ticket: Ticket, progress: Any) -> WindowRead:
            if before is not None:
                before.session.flush()
            pixels = shown.large.read(box)
            return WindowRead(pixels, picture_of(pixels), window_labels(shown.project, shown.case.id, box))

        def done(read: WindowRead) -> None:
            if self._coming != box or self.shown is not shown:
                return
            if before is not None and _drawn(before) != changes:
                # drawn meanwhile, perhaps in what both windows show
                self._open(box)
                return
            with one_picture(self._window):
                self._show(shown, box, read)

        self._workers.run(work, on_done=done, on_error=self._failed, lane="open")

    def _failed(self, error: BaseException) -> None:
        self._coming = None
        self._cases.say(sentence(error))

    def _show(self, shown: SlideShown, box: Box, read: WindowRead) -> None:
        before = self._cases.current
        if before is not None and not self._cases.close_window(before):
            self._coming = None
            return
        left, self.box, self._coming = self.box, box, None
        name = f"{shown.case.name} [{box[0]}, {box[1]}]"
        image = self._layer(shown.layer, read.pixels, box, name)
        mask = new_labels(image, read.stored.labels, name=name + MASK_SUFFIX, metadata={WINDOW_KEY: box})
        for layer in (image, mask):
            self._viewer.add_layer(layer)
        if before is None:
            # told anew: there is something to draw in by now
            self._state.case_id = None
        opened = self._cases.follow_window(shown.case, image, mask, read.stored, read.picture, box)
        opened.whole_changed.connect(self.show_place)
        for changed in (left, box):
            # its part of the whole was out of sight, and is seen again
            if changed is not None:
                shown.painter.cache.forget((slice(changed[0], changed[2]), slice(changed[1], changed[3])))
        self._viewer.layers.selection.active = mask
        self._state.case_id = shown.case.id
        self.turned.emit()

    def _layer(self, slide: Image, pixels: np.ndarray, box: Box, name: str) -> Image:
        """A part of a slide as an ordinary image, in its place, with a frame around it."""
        assert self.shown is not None
        scale = np.array(slide.scale)
        layer = Image(
            pixels,
            rgb=slide.rgb,
            name=name,
            scale=slide.scale,
            translate=np.array(slide.translate) + scale * box[:2],
            units=slide.units,
            contrast_limits=None if slide.rgb else slide.contrast_limits,
            # nothing of the file: a mask of a part must not be written as that of the whole
            metadata={WINDOW_KEY: box, OF_KEY: (number_of(slide), ""), GREYS_KEY: self.shown.greys},
        )
        frame = layer.bounding_box
        frame.line_color, frame.line_thickness, frame.points, frame.visible = FRAME, FRAME_PX, False, True
        return layer

    def _blank(self, data: np.ndarray, level: int, box: Any) -> None:
        """Where a window lies, its own mask is seen. May be called on any thread."""
        window, shown = self.box, self.shown
        if window is None or shown is None:
            return
        down = shown.painter.cache.steps[level].down
        spans = []
        for axis, (one, times) in enumerate(zip(box, down, strict=True)):
            start, stop = (-(-window[axis + end] // times) - one.start for end in (0, 2))
            spans.append(slice(int(max(0, start)), int(max(0, stop))))
        data[tuple(spans)] = 0


def _drawn(opened: OpenCase) -> int:
    """A number that is another one as soon as anything was drawn or changed."""
    opened.compare()
    return opened.changes

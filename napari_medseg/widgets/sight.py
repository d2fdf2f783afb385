"""What is looked at: which image, and of a volume which plane, which slice and which voxel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.app.places import grid_of, moved
from napari_medseg.app.planes import Plane, planes_of
from napari_medseg.io.orientation import Letters, letters_of, why_none
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.layers import MASK_SUFFIX, find, image_of, is_map, plain_image
from napari_medseg.words import tr

# what is told several times within one frame is told once
FRAME_MS = 15
IMAGE_LOOKS = ("contrast_limits", "gamma", "colormap", "visible", "data")
IMAGE_PLACE = ("scale", "translate", "rotate", "affine")
MASK_LOOKS = (
    *("colormap", "selected_label", "show_selected_label", "visible", "opacity"),
    # of the whole, and of the part that a brush goes over
    *("set_data", "labels_update", "paint"),
)


def axis_in_view(viewer: Any, layer: Layer) -> int | None:
    """Across which axis of a volume (z, y, x) the main canvas pages; None where it shows no plane of one."""
    dims = viewer.dims
    if layer.ndim != 3 or dims.ndisplay != 2 or dims.ndim < 3:
        return None
    # a layer has the last of the viewer's axes
    shown = {axis - dims.ndim + 3 for axis in dims.displayed}
    left = {0, 1, 2} - shown
    return left.pop() if len(left) == 1 else None


class Sight(QObject):
    """Follows the viewer: the image of the selected layer, else that of the open case.

    Attributes
    ----------
    image, mask : layer or None
    planes : tuple of Plane
        Of a volume, by the axis across which they page; empty of an image.
    letters : tuple of str or None
        To which sides of the patient the axes run.
    """

    # another image, or another plane in the main canvas
    turned = Signal()
    # another voxel
    moved = Signal()
    # the mask has other pixels, or another look
    drawn = Signal()
    # the image looks otherwise
    lit = Signal()

    def __init__(self, viewer: Any, view: CaseView, case_changed: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._view = viewer, view
        self.image: Image | None = None
        self.mask: Labels | None = None
        self.planes: tuple[Plane, ...] = ()
        self.letters: Letters | None = None
        self._followed: list[tuple[Any, Any]] = []
        told = {"moved": self.moved, "drawn": self.drawn, "lit": self.lit}
        self._frames = {name: self._frame(signal) for name, signal in told.items()}
        self._look_soon = QTimer(self, singleShot=True, interval=0)
        self._look_soon.timeout.connect(self.look)
        dims, layers = viewer.dims.events, viewer.layers
        self._viewers = [
            (layers.selection.events.active, self._changed),
            (layers.events.inserted, self._changed),
            (layers.events.removed, self._changed),
            (dims.order, self._turned),
            (dims.ndisplay, self._turned),
            (dims.ndim, self._turned),
            (dims.point, self._moved),
            (case_changed, self._case_changed),
        ]
        for emitter, call in self._viewers:
            emitter.connect(call)

    def _frame(self, signal: Any) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=FRAME_MS)
        timer.timeout.connect(signal.emit)
        return timer

    def _changed(self, *_: Any) -> None:
        self._look_soon.start()

    def _case_changed(self, *_: Any) -> None:
        if self._view.current is None:
            # another may be on its way, in the same picture
            self._changed()
        else:
            # before anything is painted: nothing of the last image stands beside this one
            self.look()

    def _turned(self, *_: Any) -> None:
        self._look_soon.start()

    def _moved(self, *_: Any) -> None:
        self._tell_soon("moved")

    def _drawn(self, *_: Any) -> None:
        self._tell_soon("drawn")

    def _lit(self, *_: Any) -> None:
        self._tell_soon("lit")

    def _tell_soon(self, name: str) -> None:
        # started again each time, it would never come while someone draws
        if not self._frames[name].isActive():
            self._frames[name].start()

    def _shown(self) -> Image | None:
        active, current = self._viewer.layers.selection.active, self._view.current
        image = active if isinstance(active, Image) and not is_map(active) else None
        if image is None and active is not None:
            image = image_of(self._viewer, active)
        if image is None and current is not None:
            image = current.image
        fits = isinstance(image, Image) and image in self._viewer.layers and plain_image(image) is not None
        return image if fits else None

    def look(self) -> None:
        """Look again what is looked at."""
        if not self._viewers:
            # nobody looks any more
            return
        image = self._shown()
        opened = self._view.current
        if opened is not None and opened.image is image:
            mask: Labels | None = opened.labels
        else:
            mask = None if image is None else find(self._viewer, Labels, image, MASK_SUFFIX)
        if image is not self.image or mask is not self.mask:
            self._follow(image, mask)
        volume = image is not None and image.ndim == 3
        self.letters = letters_of(grid_of(image)) if volume and moved(image) is None else None
        self.planes = planes_of(self.letters) if volume else ()
        self.turned.emit()

    def _follow(self, image: Image | None, mask: Labels | None) -> None:
        self._let_go()
        self.image, self.mask = image, mask
        for layer, names, call in (
            (image, IMAGE_LOOKS, self._lit),
            (image, IMAGE_PLACE, self._changed),
            (mask, MASK_LOOKS, self._drawn),
        ):
            if layer is None:
                continue
            for name in names:
                emitter = getattr(layer.events, name)
                emitter.connect(call)
                self._followed.append((emitter, call))

    def _let_go(self) -> None:
        for emitter, call in self._followed:
            emitter.disconnect(call)
        self._followed.clear()

    # ---- of a volume ---------------------------------------------------------------------------------------------

    @property
    def volume(self) -> bool:
        """Whether a volume is looked at."""
        return bool(self.planes)

    @property
    def in_view(self) -> int | None:
        """Number of the plane that the main canvas shows; None in three dimensions and of an image."""
        return None if not self.planes or self.image is None else axis_in_view(self._viewer, self.image)

    def why_no_letters(self) -> str | None:
        """Why no sides of the patient are shown; None where they are."""
        if self.image is None or self.letters is not None:
            return None
        if moved(self.image) is not None:
            return tr("This volume was moved away from where its file says, so no sides are shown.")
        return why_none(grid_of(self.image))

    @property
    def shape(self) -> tuple[int, ...]:
        """(z, y, x) of the volume."""
        return () if self.image is None else tuple(int(n) for n in self.image.data.shape[:3])

    @property
    def point(self) -> tuple[float, ...]:
        """The voxel (z, y, x) that is looked at."""
        assert self.image is not None
        found = np.clip(self.image.world_to_data(self._viewer.dims.point), 0, np.subtract(self.shape, 1))
        return tuple(float(value) for value in found)

    @property
    def index(self) -> tuple[int, ...]:
        """:attr:`point` in whole numbers."""
        return tuple(round(value) for value in self.point)

    def go(self, point: Sequence[float]) -> None:
        """Look at a voxel."""
        assert self.image is not None
        world, dims = self.image.data_to_world(tuple(point)), self._viewer.dims
        dims.set_point(range(dims.ndim - 3, dims.ndim), [float(value) for value in world])

    def bring(self, axis: int) -> None:
        """Show another plane in the main canvas, to draw in it."""
        dims, plane = self._viewer.dims, self.planes[axis]
        first = dims.ndim - 3
        dims.ndisplay = 2
        dims.order = (*range(first), *(first + one for one in (axis, plane.rows, plane.columns)))
        self.look()
        self._viewer.reset_view()

    def detach(self) -> None:
        """Let go of the viewer."""
        self._let_go()
        self.image = self.mask = None
        self.planes = ()
        for emitter, call in self._viewers:
            emitter.disconnect(call)
        self._viewers.clear()
        for timer in (self._look_soon, *self._frames.values()):
            timer.stop()

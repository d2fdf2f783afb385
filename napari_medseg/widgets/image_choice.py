"""Which of the open images is proposed on: the one that is looked at, until another is chosen."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QComboBox

from napari_medseg.widgets.layers import image_of, is_map, is_part


class ImageChoice(QComboBox):
    """The images of a viewer, without maps of ours; follows what is selected."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer

    def begin(self) -> None:
        """Follow the viewer from here on."""
        self.fill()
        layers = self._viewer.layers
        layers.events.inserted.connect(self.fill)
        layers.events.removed.connect(self.fill)
        layers.selection.events.active.connect(self.follow)

    def fill(self, event: Any = None) -> None:
        """The images that are open now."""
        chosen = self.current()
        self.blockSignals(True)
        self.clear()
        for layer in self._viewer.layers:
            if isinstance(layer, Image) and not is_map(layer) and not is_part(layer):
                self.addItem(layer.name, layer)
        if chosen is not None:
            self.choose(chosen)
        # a layer that was just added is active already, before it could be chosen here
        self.follow()
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())

    def follow(self, event: Any = None) -> None:
        """A mask, boxes, a map: whoever selects one looks at its image."""
        active = self._viewer.layers.selection.active
        if active is None:
            return
        image = image_of(self._viewer, active) or active
        if is_part(image):
            image = image_of(self._viewer, image) or image
        if isinstance(image, Image) and not is_map(image):
            self.choose(image)

    def choose(self, layer: Image) -> None:
        """Stand at an image, if it is listed."""
        for row in range(self.count()):
            # napari hands plugins a proxy of its viewer: what comes through it is equal, not the same object
            if self.itemData(row) == layer:
                self.setCurrentIndex(row)

    def current(self) -> Image | None:
        """The chosen image, if it is still in the viewer."""
        layer = self.currentData()
        return layer if layer in self._viewer.layers else None

    def end(self) -> None:
        """Let go of the viewer."""
        layers = self._viewer.layers
        layers.events.inserted.disconnect(self.fill)
        layers.events.removed.disconnect(self.fill)
        layers.selection.events.active.disconnect(self.follow)

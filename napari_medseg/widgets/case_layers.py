"""The two layers of a case, for as long as it is open and after."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_medseg.widgets.in_turn import InTurn
from napari_medseg.widgets.layers import PLACE


class CaseLayers(InTurn):
    """Whoever still holds a case that was closed finds the layers that it had, never those of the next one."""

    def __init__(self, image: Image, labels: Labels, parent: QObject) -> None:
        super().__init__(parent)
        self._layers = image, labels
        self._copies: Callable[[], tuple[Image, Labels]] | None = None

    @property
    def image(self) -> Image:
        """What is drawn on."""
        return self._own()[0]

    @property
    def labels(self) -> Labels:
        """What is drawn in."""
        return self._own()[1]

    def _own(self) -> tuple[Image, Labels]:
        if self._copies is not None:
            self._layers, self._copies = self._copies(), None
        return self._layers

    def leave(self) -> tuple[Image, Labels]:
        """Give the layers away, to be filled with another case; this one keeps their arrays, in no viewer."""
        image, labels = self._own()
        rgb, pixels, drawn = image.rgb, image.data, labels.data
        facts = [
            {"name": layer.name, "metadata": dict(layer.metadata), **{name: getattr(layer, name) for name in PLACE}}
            for layer in (image, labels)
        ]
        # made when somebody asks, which is seldom
        self._copies = lambda: (Image(pixels, rgb=rgb, **facts[0]), Labels(drawn, **facts[1]))
        return image, labels

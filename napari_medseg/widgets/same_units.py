"""Layers in one viewer count in one unit: napari pops a message up over every picture where they do not.

An image of which nobody knows the size counts in pixels, a volume in mm. Beside one that counts in mm, the other's
layer counts its pixels as mm, which is how napari lays them over each other anyway, and notes that its size is not
known: whoever asks for a size here asks :func:`napari_medseg.app.places.unit_of`, and is told pixels as before.
"""

from __future__ import annotations

from typing import Any

from napari.layers import Layer

from napari_medseg.app.layer_keys import UNSIZED_KEY
from napari_medseg.app.places import name_of_unit, unit_named, unit_of

PIXEL, MM = name_of_unit("px"), name_of_unit("mm")


class SameUnits:
    """Follows a viewer's layers until :meth:`stop`."""

    def __init__(self, viewer: Any) -> None:
        self._layers, self._dims = viewer.layers, viewer.dims
        self._setting = False
        self._layers.events.inserted.connect(self._inserted)
        self._layers.events.removed.connect(self._removed)
        # before a new layer is drawn, which is before we hear of it
        self._dims.events.units.connect(self._differ)
        for layer in self._layers:
            layer.events.units.connect(self._unit_set)
        self._settle()

    def _differ(self, *_: Any) -> None:
        if self._dims.units is None and not self._setting:
            self._settle()

    def _inserted(self, event: Any) -> None:
        event.value.events.units.connect(self._unit_set)
        self._settle()

    def _removed(self, event: Any) -> None:
        event.value.events.units.disconnect(self._unit_set)
        # it is somebody's still, perhaps
        self._give_back([event.value])
        self._settle()

    def _unit_set(self, event: Any) -> None:
        """Somebody says what a layer counts in: its size is known from here on, or no longer."""
        if self._setting:
            return
        if unit_named(event.source.units) != "mm":
            # not what was set here meanwhile
            event.source.metadata.pop(UNSIZED_KEY, None)
        self._settle()

    def _settle(self) -> None:
        sized = any(unit_of(layer) != "px" for layer in self._layers)
        if not sized:
            self._give_back(self._layers)
            return
        counting = [layer for layer in self._layers if all(str(unit) == PIXEL for unit in layer.units)]
        # all are noted first: an image takes its mask along
        for layer in counting:
            layer.metadata[UNSIZED_KEY] = True
        self._set(counting, MM)

    def _give_back(self, layers: Any) -> None:
        noted = [layer for layer in layers if layer.metadata.get(UNSIZED_KEY)]
        self._set(noted, PIXEL)
        for layer in noted:
            layer.metadata.pop(UNSIZED_KEY, None)

    def _set(self, layers: list[Layer], unit: str) -> None:
        self._setting = True
        try:
            for layer in layers:
                layer.units = (unit,) * layer.ndim
        finally:
            self._setting = False

    def stop(self) -> None:
        """Follow no longer. Beside a layer that stays and has a size, the others stay as they are."""
        self._layers.events.inserted.disconnect(self._inserted)
        self._layers.events.removed.disconnect(self._removed)
        self._dims.events.units.disconnect(self._differ)
        for layer in self._layers:
            layer.events.units.disconnect(self._unit_set)

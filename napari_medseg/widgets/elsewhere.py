"""Which layer a person looks at: a copy, a mask of their own or another image is not the open case."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from napari.layers import Image, Labels, Layer

from napari_medseg.app.layer_keys import HISTORY_KEY
from napari_medseg.app.places import image_under
from napari_medseg.errors import InputError
from napari_medseg.widgets.layers import OF_KEY, grid_facts, images_in, is_mask, layers_of
from napari_medseg.widgets.open_case import OpenCase


def looks_elsewhere(viewer: Any, opened: OpenCase) -> str | None:
    """Why keys and buttons had better not act on a case: another image or mask is selected; None: they may."""
    active = viewer.layers.selection.active
    if not isinstance(active, (Image, Labels)) or active in (opened.labels, opened.image):
        return None
    mine, mask = active in layers_of(viewer, opened.image), opened.labels.name
    if mine and not is_mask(active):
        return None
    if mine:
        return f"'{active.name}' is a copy of the mask '{mask}' and is not stored; expected '{mask}'. Select that."
    return f"'{active.name}' is not what '{mask}' belongs to; expected that mask or its image. Select one of them."


def note_new(viewer: Any, layer: Layer) -> str | None:
    """Look at a layer that came into the viewer.

    What napari copies takes our notes along, and is no case; a mask of a person's own gets the notes of the image that
    it lies on, for whoever writes it.

    Returns
    -------
    str or None
        What to tell the person.
    """
    layer.metadata.pop(HISTORY_KEY, None)
    if layer.metadata.pop("medseg_case", None) is not None:
        told = f"'{layer.name}' is a copy: what is drawn in it is not stored. Draw in the mask itself."
        return told if isinstance(layer, Labels) else None
    if isinstance(layer, Labels) and OF_KEY not in layer.metadata:
        with suppress(InputError):
            under = image_under(images_in(viewer), layer)
            layer.metadata.update({} if under is None else grid_facts(under))
    return None

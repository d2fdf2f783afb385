"""Which layer a person looks at: a copy, a mask of their own or another image is not the open case."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.app.layer_keys import HISTORY_KEY, SLIDE_KEY
from napari_medseg.app.places import apart, image_under
from napari_medseg.app.tracker import MOST
from napari_medseg.errors import InputError
from napari_medseg.widgets.layers import OF_KEY, grid_facts, images_in, is_mask, layers_of
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.words import mark, tr

TAKE_OVER = mark("Take over the copy")


def looks_elsewhere(viewer: Any, opened: OpenCase) -> str | None:
    """Why keys and buttons had better not act on a case: another image or mask is selected; None: they may."""
    active = viewer.layers.selection.active
    if not isinstance(active, (Image, Labels)) or active in (opened.labels, opened.image):
        return None
    if opened.window is not None and SLIDE_KEY in active.metadata:
        # the slide itself, or its mask as a whole: the window lies on both
        return None
    mine, mask = active in layers_of(viewer, opened.image), opened.labels.name
    if mine and not isinstance(active, Labels):
        return None
    if mine and not is_mask(active):
        return tr(
            "'{layer}' only shows objects, what is drawn in it is not stored; expected '{mask}'. Select that.",
            layer=active.name,
            mask=mask,
        )
    if mine:
        return tr(
            "'{layer}' is a copy of the mask '{mask}' and is not stored; expected '{mask}'. Select that, "
            "or press '{button}': what was drawn in the copy is then the mask, as one stroke.",
            layer=active.name,
            mask=mask,
            button=tr(TAKE_OVER),
        )
    return tr(
        "'{layer}' is not what '{mask}' belongs to; expected that mask or its image. Select one of them.",
        layer=active.name,
        mask=mask,
    )


def copy_of(viewer: Any, opened: OpenCase | None) -> Labels | None:
    """The selected layer, if it is a copy of a case's mask."""
    active = viewer.layers.selection.active
    if opened is None or not isinstance(active, Labels) or active == opened.labels or not is_mask(active):
        return None
    return active if active in layers_of(viewer, opened.image) else None


def take_over(viewer: Any, opened: OpenCase, copy: Labels) -> str | None:
    """Make what was drawn in a copy of a case's mask the mask, as one stroke; why it cannot be, None where it was."""
    drawn = np.array(copy.data)
    why = opened.problem() or apart(copy, opened.image)
    if why is None and drawn.shape != opened.labels.data.shape:
        why = tr(
            "'{copy}' has shape {shape}; expected {wanted}. Draw in the mask.",
            copy=copy.name,
            shape=drawn.shape,
            wanted=opened.labels.data.shape,
        )
    if why is None and drawn.size and not 0 <= drawn.min() <= drawn.max() <= MOST:
        why = tr(
            "'{copy}' has labels {min} to {max}; expected 0 to {most}. Change them first.",
            copy=copy.name,
            min=drawn.min(),
            max=drawn.max(),
            most=MOST,
        )
    if why is not None:
        return why

    def take() -> None:
        if not opened.closed:
            opened.apply(drawn.astype(opened.labels.data.dtype), "copy")

    opened.then(take)
    copy.visible = False
    opened.labels.visible = True
    viewer.layers.selection.active = opened.labels
    return None


def without_image(opened: OpenCase) -> str:
    """What to tell whoever removed the image of a case: nobody sees any more of what its mask is one."""
    return tr(
        "'{image}' was removed. What was drawn on it is stored; what is drawn in '{labels}' from here "
        "on is not. Open the image again and propose to go on.",
        image=opened.image.name,
        labels=opened.labels.name,
    )


def unseen(mask: Labels) -> str | None:
    """Why not all of a mask is on the screen; None where it is. Whoever accepts or exports has seen it."""
    if not mask.visible or not mask.opacity:
        return tr("'{mask}' is out of sight; expected it on the screen. Show it and look at it first.", mask=mask.name)
    if not mask.show_selected_label and _all_coloured(mask.colormap):
        return None
    found = np.unique(np.asarray(mask.data))
    hidden = [int(label) for label in found if label != mask.colormap.background_value and not mask.get_color(label)[3]]
    if not hidden:
        return None
    what = tr("Untick 'show selected'") if mask.show_selected_label else tr("Give it a colour")
    return tr(
        "'{mask}' has label {label}, which is not shown; expected all of the mask on the screen. {what}.",
        mask=mask.name,
        label=hidden[0],
        what=what,
    )


def _all_coloured(colormap: Any) -> bool:
    """Whether a label of any number has a colour; the first of a cycle is the background's."""
    return not hasattr(colormap, "color_dict") and bool(np.asarray(colormap.colors)[1:, 3].all())


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
        told = tr("'{layer}' is a copy: what is drawn in it is not stored. Draw in the mask itself.", layer=layer.name)
        return told if isinstance(layer, Labels) else None
    if isinstance(layer, Labels) and OF_KEY not in layer.metadata:
        with suppress(InputError):
            under = image_under(images_in(viewer), layer)
            layer.metadata.update({} if under is None else grid_facts(under))
    return None

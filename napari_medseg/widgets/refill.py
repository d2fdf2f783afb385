"""The next image of the list in the layers of the last one: napari need not build them anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.app.layer_keys import FILLED_KEY, UNSIZED_KEY, WINDOWS_KEY, facts_of
from napari_medseg.app.places import name_of_unit
from napari_medseg.io.image import Image as ReadImage
from napari_medseg.widgets.layers import MASK_SUFFIX, is_mask, layers_of, made_for
from napari_medseg.widgets.open_case import OpenCase

# whoever set one of these sees it go with its image, as ever; what goes from mask to mask, see habits.py, is not here
_BOTH = ("blending", "translate", "rotate", "shear", "affine", "scale", "units", "projection_mode", "editable")
_IMAGES = (*_BOTH, "opacity", "colormap", "gamma", "interpolation2d", "interpolation3d", "rendering", "auto_contrast")
_MASKS = (*_BOTH, "n_edit_dimensions", "contiguous", "show_selected_label", "rendering", "features")


class Refill:
    """Only of images, and only where nothing is out of the ordinary: else layers are built, which is always right.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._built: tuple[Image, Labels, tuple[str, ...]] | None = None

    def built(self, image: Image, mask: Labels) -> None:
        """These two were made for an image of the list just now."""
        self._built = image, mask, _looks(image, mask)

    def fits(self, case: OpenCase, image: ReadImage, labels: np.ndarray) -> bool:
        """Whether a case's layers may show this image and these labels once the case is closed."""
        if self._built is None or not case.listed or case.window is not None or image.volume:
            return False
        shown, mask, looks = self._built
        if (case.image, case.labels) != (shown, mask):
            return False
        was = np.asarray(shown.data)
        same = was.ndim == image.data.ndim and was.shape[2:] == image.data.shape[2:]
        types = was.dtype == image.data.dtype and np.asarray(mask.data).dtype == labels.dtype
        return (
            same
            and types
            and shown.ndim == 2
            and _lies_as(shown, image)
            and looks == _looks(shown, mask)
            and not any(key in shown.metadata for key in (UNSIZED_KEY, WINDOWS_KEY))
            and image.window is None
            and WINDOWS_KEY not in facts_of(image)
            and not _in_use(shown, mask)
            and self._on_top(shown, mask)
        )

    def _on_top(self, image: Image, mask: Labels) -> bool:
        """Whether they lie where new ones would, in a view as a new one, and the person made no copy of the mask."""
        dims, made = self._viewer.dims, layers_of(self._viewer, image)
        if any(is_mask(layer) and layer != mask for layer in made) or mask not in made:
            return False
        staying = [layer for layer in self._viewer.layers if layer == mask or layer not in made]
        return staying[-2:] == [image, mask] and dims.ndim == dims.ndisplay == 2 and tuple(dims.order) == (0, 1)

    def fill(self, image: Image, mask: Labels, read: ReadImage, labels: np.ndarray, *, name: str) -> None:
        """Show another image, and its mask, in two layers that nobody follows.

        From here on :func:`napari_medseg.app.layer_keys.number_of` tells another number of both.
        """
        filled = {FILLED_KEY: int(image.metadata.get(FILLED_KEY, 0)) + 1}
        # what napari would take back was drawn on the last image
        mask._reset_history()
        image.name, image.metadata = name, {**facts_of(read), **filled}
        image.data = read.data
        if not image.rgb:
            image.reset_contrast_limits("data")
            image.contrast_limits_range = image.contrast_limits
        mask.name, mask.metadata = name + MASK_SUFFIX, {**made_for(image, MASK_SUFFIX), **filled}
        mask.data = labels.copy()
        for layer in (image, mask):
            # napari draws anew, also where nothing is another
            if not layer.visible:
                layer.visible = True


def _in_use(image: Image, mask: Labels) -> bool:
    """Whether somebody is in the middle of a stroke, a drag or a polygon."""
    # napari has no public names for these
    polygon: Any = mask._overlays["polygon"]
    return bool(mask._block_history or polygon.points or image._mouse_drag_gen or mask._mouse_drag_gen)


def _lies_as(layer: Image, image: ReadImage) -> bool:
    """Whether an image would lie as a layer does."""
    scale = image.spacing or (1.0,) * len(image.shape)
    unit = name_of_unit(image.unit)
    return tuple(layer.scale) == tuple(scale) and tuple(map(str, layer.units)) == (unit,) * len(image.shape)


def _looks(image: Image, mask: Labels) -> tuple[str, ...]:
    """How two layers look, as far as a person may have set that for one image."""
    looks = ((image, _IMAGES), (mask, _MASKS))
    return tuple(_plain(layer, name) for layer, names in looks for name in names)


def _plain(layer: Layer, name: str) -> str:
    value = getattr(layer, name)
    if name == "affine":
        value = np.asarray(value)
    return str(getattr(value, "name", value))

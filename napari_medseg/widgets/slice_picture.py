"""A slice of a volume and its mask as one picture, in the colours of their layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtGui import QImage

from napari_medseg.app.planes import Plane


def slice_colours(image: Any, plane: Plane, index: int) -> np.ndarray:
    """A slice of an image layer in its colours.

    Returns
    -------
    np.ndarray
        (rows, columns, 3), float32, 0 to 255; black where the layer is out of sight.
    """
    cut = plane.cut(np.asarray(image.data), index)
    if not image.visible:
        return np.zeros((*cut.shape, 3), np.float32)
    low, high = image.contrast_limits
    share = (np.nan_to_num(cut.astype(np.float32)) - low) / max(high - low, np.finfo(np.float32).tiny)
    share = np.clip(share, 0, 1) ** image.gamma
    table = np.asarray(image.colormap.map(np.linspace(0, 1, 256)), np.float32)[:, :3] * 255
    return table[np.rint(share * 255).astype(np.uint8)]


def with_mask(colours: np.ndarray, mask: Any, plane: Plane, index: int) -> np.ndarray:
    """A picture of :func:`slice_colours` with the same slice of a mask layer over it, as the layer is looked at."""
    if mask is None or not mask.visible:
        return colours
    labels = plane.cut(np.asarray(mask.data), index)
    if mask.show_selected_label:
        labels = np.where(labels == mask.selected_label, labels, 0)
    drawn = labels != 0
    if not drawn.any():
        return colours
    over = np.asarray(mask.colormap.map(labels[drawn]), np.float32)
    share = over[:, 3:] * mask.opacity
    colours = colours.copy()
    colours[drawn] = colours[drawn] * (1 - share) + over[:, :3] * 255 * share
    return colours


def as_picture(colours: np.ndarray) -> QImage:
    """A picture for Qt, of an array (rows, columns, 3), 0 to 255."""
    data = np.ascontiguousarray(np.clip(colours, 0, 255).astype(np.uint8))
    rows, columns = data.shape[:2]
    # Qt reads the array as long as it lives: a copy is Qt's own
    return QImage(data.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()

"""Layers made from images and predictions, in the image's own place."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.inference import Prediction

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units")


def place_of(image: Layer) -> dict[str, Any]:
    """Where a layer lies: for a new layer to lie in the same place."""
    return {name: getattr(image, name) for name in PLACE}


def plain_image(layer: Image) -> np.ndarray | None:
    """The 2D array of an image layer, (Y, X) or (Y, X, C); None where it has other axes or several scales."""
    if layer.multiscale or layer.ndim != 2:
        return None
    return np.asarray(layer.data)


def show_labels(viewer: Any, image: Image, labels: np.ndarray, *, name: str, metadata: dict[str, Any]) -> Labels:
    """Add a Labels layer on an image, or replace the data of the one that is there."""
    layer = find(viewer, Labels, name)
    if layer is None:
        layer = Labels(labels, name=name, opacity=0.5, metadata=metadata, **place_of(image))
        viewer.add_layer(layer)
    else:
        layer.data = labels
        layer.metadata = metadata
        for key, value in place_of(image).items():
            setattr(layer, key, value)
    viewer.layers.selection.active = layer
    return layer


def show_probability(viewer: Any, image: Image, prediction: Prediction, *, name: str) -> None:
    """Add the probability map of the first class below the labels, or replace the one that is there."""
    data = prediction.probabilities[0]
    layer = find(viewer, Image, name)
    if layer is None:
        layer = Image(
            data,
            name=name,
            colormap="magma",
            blending="additive",
            opacity=0.6,
            contrast_limits=(0, 1),
            **place_of(image),
        )
        viewer.layers.insert(viewer.layers.index(image) + 1, layer)
    else:
        layer.data = data


def find(viewer: Any, kind: type[Layer], name: str) -> Any:
    """The layer of this kind and name, or None."""
    for layer in viewer.layers:
        if isinstance(layer, kind) and layer.name == name:
            return layer
    return None

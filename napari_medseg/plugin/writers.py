"""napari's Save dialog to the export that everything else takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.app.coding import Coded, coded_facts
from napari_medseg.app.export import export_labels
from napari_medseg.app.formats import DEFAULT, suffix_for
from napari_medseg.app.layer_keys import HISTORY_KEY, MAP_SUFFIXES, shows
from napari_medseg.app.places import file_under, grid_under
from napari_medseg.io.sidecar import written
from napari_medseg.io.table import format_of


def write_labels(path: str, data: np.ndarray, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer onto the pixels of the image that it lies on, in the format that the file's name says.

    A name that says none (napari proposes the layer's) gets the suffix of the format that is written by default.

    Raises
    ------
    MedsegError
        If the layer is no mask of an image or a volume, does not lie on its image, or the file cannot be written.
    """
    viewer = napari.current_viewer()
    layers: list[Any] = [] if viewer is None else list(viewer.layers)
    images = [layer for layer in layers if isinstance(layer, Image) and shows(layer) not in MAP_SUFFIXES]
    # napari hands over what the layer holds, not the layer
    shown = (layer for layer in layers if isinstance(layer, Labels) and layer.data is data)
    layer = next(shown, None) or Layer.create(data, attributes, "labels")
    ask = layer.metadata.get(HISTORY_KEY)
    labels = np.asarray(data)
    if format_of(path) is None and not Path(path).suffix[1:].isalnum():
        path += suffix_for(DEFAULT, volume=labels.ndim == 3)
    facts = ask(labels) if ask is not None else dict(layer.metadata.get("medseg", {}))
    format = format_of(path)
    if format is not None and format.takes.of_format:
        # nobody asked to have anybody named
        facts |= coded_facts(format, Coded(), facts, None)
    source = file_under(images, layer)
    mask = export_labels(path, labels, grid=grid_under(images, layer), provenance=facts, source=source)
    return [str(file) for file in written(mask)]

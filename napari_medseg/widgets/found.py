"""What a network says beside its mask: maps and boxes on the image, and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image

from napari_medseg.inference import Prediction
from napari_medseg.widgets.layers import (
    DISAGREEMENT_SUFFIX,
    EDGES_SUFFIX,
    PROBABILITY_SUFFIX,
    plain_image,
    show_map,
)


def lost(viewer: Any, layer: Image, data: np.ndarray) -> str | None:
    """Why a mask of these pixels cannot be shown on an image any more; None: it can."""
    if layer not in viewer.layers:
        return "The image was closed meanwhile; its mask was dropped."
    now = plain_image(layer)
    if now is None or (now is not data and not np.array_equal(now, data)):
        return "The image was changed meanwhile; its mask was dropped. Propose again."
    return None


def show_maps(viewer: Any, layer: Image, prediction: Prediction, wanted: Mapping[str, bool]) -> None:
    """Show those of a prediction's maps that are wanted and there."""
    maps = (
        ("probability", prediction.probabilities.sum(axis=0).clip(0, 1), PROBABILITY_SUFFIX),
        ("edges", prediction.edges, EDGES_SUFFIX),
        ("disagreement", prediction.disagreement, DISAGREEMENT_SUFFIX),
    )
    for name, shown, suffix in maps:
        if wanted[name] and shown is not None:
            show_map(viewer, layer, shown, suffix=suffix)


def found_text(prediction: Prediction) -> str:
    """How much was found, and how long it took."""
    share = float((prediction.labels > 0).mean())
    seconds = prediction.origin["seconds"]
    found = f"{share:.1%} of the image" if share else "nothing"
    return f"Found {found} in {seconds:.2f} s on the {prediction.origin['device'].upper()}."

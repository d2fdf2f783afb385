"""What a network says beside its mask: maps and boxes on the image, and a sentence before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image

from napari_medseg.app.layer_keys import number_of
from napari_medseg.inference import Prediction, PredictionPlan
from napari_medseg.inference.plan import VIEWS
from napari_medseg.widgets.layers import (
    DISAGREEMENT_SUFFIX,
    EDGES_SUFFIX,
    PROBABILITY_SUFFIX,
    plain_image,
    show_map,
)
from napari_medseg.words import tr, trn


def lost(viewer: Any, layer: Image, data: np.ndarray, number: str) -> str | None:
    """Why a mask of these pixels cannot be shown on an image, of this number then, any more; None: it can."""
    if layer not in viewer.layers or number_of(layer) != number:
        return tr("The image was closed meanwhile; its mask was dropped.")
    now = plain_image(layer)
    if now is None or (now is not data and not np.array_equal(now, data)):
        return tr("The image was changed meanwhile; its mask was dropped. Propose again.")
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


def found_text(prediction: Prediction, boxes: np.ndarray | None = None) -> str:
    """How much was found, and how long it took; ``boxes`` (N, 4: y0, x0, y1, x1), px: in which alone it was looked."""
    inside = np.ones(prediction.labels.shape, bool)
    if boxes is not None:
        inside[:] = False
        for y0, x0, y1, x1 in np.asarray(boxes).round().astype(int).clip(0):
            inside[y0:y1, x0:x1] = True
    share = float((prediction.labels > 0)[inside].mean()) if inside.any() else 0.0
    seconds = prediction.origin["seconds"]
    fields = {"seconds": seconds, "device": prediction.origin["device"].upper()}
    if boxes is not None and not share:
        return trn(
            "Found nothing in the box in {seconds:.2f} s on the {device}.",
            "Found nothing in {n} boxes in {seconds:.2f} s on the {device}.",
            len(boxes),
            **fields,
        )
    if boxes is not None:
        return trn(
            "Found in the box: {share:.1%} of it, in {seconds:.2f} s on the {device}.",
            "Found in {n} boxes: {share:.1%} of them, in {seconds:.2f} s on the {device}.",
            len(boxes),
            share=share,
            **fields,
        )
    if not share:
        return tr("Found nothing in {seconds:.2f} s on the {device}.", **fields)
    return tr("Found {share:.1%} of the image in {seconds:.2f} s on the {device}.", share=share, **fields)


def plan_text(plan: PredictionPlan) -> str:
    """What will be done with an image; files keep :meth:`PredictionPlan.describe`, the same in every language."""

    def sides(size: tuple[int, ...]) -> str:
        return " x ".join(map(str, size))

    if plan.slice_size == plan.network_size:
        parts = [tr("{size} px as it is", size=sides(plan.network_size))]
    else:
        parts = [tr("resize {size} to {to} px", size=sides(plan.slice_size), to=sides(plan.network_size))]
    if plan.window is not None:
        parts.append(tr("windows of {size} px", size=sides(plan.window)))
    if plan.mirrored:
        parts.append(tr("mirrored {n} ways", n=len(VIEWS[len(plan.network_size)])))
    parts.append(trn("{n} pass", "{n} passes", plan.passes))
    told = tr("Plan: {steps}.", steps=", ".join(parts))
    if plan.axis is None:
        return told
    axis, count = "zyx"[plan.axis], plan.original_size[plan.axis]
    return f"{told} " + tr(
        "Slice by slice: this network is made for images. It looks at each of the {n} slices across {axis} by itself, "
        "and knows nothing of those beside it.",
        n=count,
        axis=axis,
    )

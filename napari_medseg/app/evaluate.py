"""How good are these weights on these masks?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_medseg.app.predict import PredictRequest, check_kind, load_predictor, predict_array
from napari_medseg.editing.instances import number_objects
from napari_medseg.io import fit_mask, read_image, read_mask, stem_of
from napari_medseg.metrics import score_case, summarise


def evaluate(
    pairs: Sequence[tuple[Path, Path]],
    request: PredictRequest,
    *,
    objects: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> dict[str, Any]:
    """Segment images and score them against their masks.

    Parameters
    ----------
    pairs : sequence of (image path, mask path)
        At least one.
    request : PredictRequest
    objects : bool
        The masks number the objects: score these too (panoptic quality).

    Returns
    -------
    dict
        ``network``, ``weights``, ``n``, ``mean``, ``interval95``, ``cases``, and ``told``: a sentence for each mask
        that was turned onto its image. HD95 is in px: sets of different pixel sizes could not be averaged.

    Raises
    ------
    InputError, OperationError
        If a file cannot be read, or a mask does not lie on its image.
    """
    check_kind(request.network, [image for image, _ in pairs])
    classes = len(load_predictor(request).entry.classes)
    cases, told = [], list[str]()
    for number, (image_path, mask_path) in enumerate(pairs):
        if progress is not None:
            progress(number / len(pairs), image_path.name)
        image, mask = read_image(image_path), read_mask(mask_path)
        mask, turned = fit_mask(image, mask, image_path=image_path, mask_path=mask_path)
        told += [turned] if turned else []
        started = time.perf_counter()
        labels = predict_array(image.data, request, spacing=image.spacing).labels
        seconds = time.perf_counter() - started
        numbered = (number_objects(labels), mask) if objects else None
        cases.append(score_case(stem_of(image_path), labels, mask, seconds=seconds, classes=classes, objects=numbered))
    entry = load_predictor(request).entry
    return {"network": request.network, "weights": entry.id, **summarise(cases), "cases": cases, "told": told}

"""How good are these weights on these masks?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_medseg.app.kinds import check_kind, lie_of
from napari_medseg.app.predict import PredictRequest, load_predictor, predict_array
from napari_medseg.editing.instances import number_objects
from napari_medseg.errors import InputError
from napari_medseg.fields import parse_json
from napari_medseg.io import PLAIN, LabelRule, check_numbers, fit_mask, read_image, read_numbers, stem_of, survey
from napari_medseg.metrics import score_case, summarise


def evaluate(
    pairs: Sequence[tuple[Path, Path]],
    request: PredictRequest,
    *,
    objects: bool = False,
    rule: LabelRule = PLAIN,
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
    rule : LabelRule
        What numbers in the masks stand for, and which do not count.

    Returns
    -------
    dict
        ``network``, ``weights``, ``n``, ``mean``, ``interval95``, ``cases``, and ``told``: a sentence for each mask
        that was turned onto its image. HD95 is in px: sets of different pixel sizes could not be averaged.

    Raises
    ------
    InputError, OperationError
        If a file cannot be read, a mask does not lie on its image, or holds a number that is no class of the weights.
    """
    check_kind(request.network, [image for image, _ in pairs])
    entry = load_predictor(request).entry
    # objects may have any numbers
    classes = None if objects else dict(zip(entry.labels, entry.classes, strict=True))
    if objects and len(entry.classes) > 1:
        raise InputError(
            f"the masks number objects, and {entry.id} tells {len(entry.classes)} classes apart; expected one. "
            "Leave the objects out, or choose other weights."
        )
    # all at once, not after an hour of scoring
    found = survey([mask for _, mask in pairs], rule)
    check_numbers(found, classes)
    white = [path for path, one in found.items() if objects and one.white]
    if white:
        raise InputError(
            f"mask {white[0]} is black and white only; expected a number for each object, as objects are scored. Give "
            "masks that number them, or leave the objects out."
        )
    cases, told = [], list[str]()
    for number, (image_path, mask_path) in enumerate(pairs):
        if progress is not None:
            progress(number / len(pairs), image_path.name)
        image, mask = read_image(image_path), read_numbers(mask_path)
        mask, turned = fit_mask(image, mask, image_path=image_path, mask_path=mask_path)
        told += [turned] if turned else []
        truth = rule.apply(mask, classes=classes, path=mask_path)
        started = time.perf_counter()
        labels = predict_array(image.data, request, **lie_of(image)).labels
        seconds = time.perf_counter() - started
        numbered = (number_objects(labels), truth.numbers) if objects else None
        cases.append(
            score_case(
                stem_of(image_path),
                labels,
                truth.numbers,
                seconds=seconds,
                classes=1 if classes is None else tuple(classes),
                ignored=truth.ignored,
                objects=numbered,
            )
        )
    entry = load_predictor(request).entry
    return {"network": request.network, "weights": entry.id, **summarise(cases), "cases": cases, "told": told}


def is_report(path: Path) -> bool:
    """Whether a file holds figures that :func:`evaluate` wrote, or nothing: such a one may be written anew."""
    try:
        found = path.is_file() and (not path.stat().st_size or parse_json(path.read_bytes()))
    except (OSError, ValueError):
        return False
    return found is True or (isinstance(found, dict) and {"network", "weights", "n", "cases"} <= set(found))

"""How good are these weights on these masks?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from napari_medseg.app.evaluate_large import check_pairs, score_large, step_of
from napari_medseg.app.kinds import check_kind, lie_of
from napari_medseg.app.predict import PredictRequest, load_predictor, predict_array
from napari_medseg.editing.instances import number_objects
from napari_medseg.errors import InputError
from napari_medseg.fields import parse_json
from napari_medseg.io import PLAIN, LabelRule, check_numbers, fit_mask, read_image, read_numbers, stem_of, survey
from napari_medseg.io.large_numbers import LargeNumbers
from napari_medseg.io.large_open import is_large
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
        that was turned onto its image, and on what is left out. HD95 is in px: sets of different pixel sizes could not
        be averaged. Images larger than memory are compared part by part, and have none.

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
    large = [pair for pair in pairs if is_large(pair[0])]
    told = check_pairs(large, objects=objects)
    with ExitStack() as stack:
        # read in parts: they stay open
        parts = {mask: stack.enter_context(closing(LargeNumbers(mask))) for _, mask in large}
        # all at once, not after an hour of scoring
        found = survey([mask for _, mask in pairs if mask not in parts], rule)
        found |= {path: one.find(rule) for path, one in parts.items()}
        check_numbers(found, classes)
        white = [path for path, one in found.items() if objects and one.white]
        if white:
            raise InputError(
                f"mask {white[0]} is black and white only; expected a number for each object, as objects are scored. "
                "Give masks that number them, or leave the objects out."
            )
        cases = []
        for number, (image_path, mask_path) in enumerate(pairs):
            if mask_path in parts and classes is not None:
                step = step_of(progress, number, len(pairs), image_path.name)
                case = score_large(image_path, parts[mask_path], request, classes=classes, rule=rule, progress=step)
            else:
                if progress is not None:
                    progress(number / len(pairs), image_path.name)
                case, turned = _score(image_path, mask_path, request, objects=objects, rule=rule, classes=classes)
                told += [turned] if turned else []
            cases.append(case)
    entry = load_predictor(request).entry
    return {"network": request.network, "weights": entry.id, **summarise(cases), "cases": cases, "told": told}


def _score(
    image_path: Path,
    mask_path: Path,
    request: PredictRequest,
    *,
    objects: bool,
    rule: LabelRule,
    classes: dict[int, str] | None,
) -> tuple[dict[str, Any], str | None]:
    """Scores of an image that is held whole, and what to tell."""
    image, mask = read_image(image_path), read_numbers(mask_path)
    mask, turned = fit_mask(image, mask, image_path=image_path, mask_path=mask_path)
    truth = rule.apply(mask, classes=classes, path=mask_path)
    started = time.perf_counter()
    labels = predict_array(image.data, request, **lie_of(image)).labels
    seconds = time.perf_counter() - started
    case = score_case(
        stem_of(image_path),
        labels,
        truth.numbers,
        seconds=seconds,
        classes=1 if classes is None else tuple(classes),
        ignored=truth.ignored,
        objects=(number_objects(labels), truth.numbers) if objects else None,
    )
    return case, turned


def is_report(path: Path) -> bool:
    """Whether a file holds figures that :func:`evaluate` wrote, or nothing: such a one may be written anew."""
    try:
        found = path.is_file() and (not path.stat().st_size or parse_json(path.read_bytes()))
    except (OSError, ValueError):
        return False
    return found is True or (isinstance(found, dict) and {"network", "weights", "n", "cases"} <= set(found))

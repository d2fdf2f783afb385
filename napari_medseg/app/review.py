"""What a run has come to: old weights against new on the held-out cases, and the gate's verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_medseg.app.anchors import anchors_of
from napari_medseg.app.gate import Suspect, Verdict, judge, verdict_json
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.errors import MedsegError
from napari_medseg.io import PLAIN, Image, MaskLabels, fit_mask, read_image, read_numbers
from napari_medseg.metrics import dice, hd95
from napari_medseg.metrics.alignment import FITS_BETTER, USUAL, Fit, fit, moved, outliers, rim_contrast, rim_likeness
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.project.run_spec import Pair, RunSpec
from napari_medseg.project.runs import EVENTS_FILE, WEIGHTS_FILE, read_events
from napari_medseg.weights.store import find_weights, read_facts
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Old against new weights on one case; scores are means over classes, pictures (Y, X): of a volume, one slice.

    ``as_proposed``: the truth is what a network proposed, accepted without a change.
    """

    name: str
    dice_before: float
    dice_after: float
    hd95_before: float
    hd95_after: float
    image: np.ndarray
    truth: np.ndarray
    before: np.ndarray
    after: np.ndarray
    as_proposed: bool = False


Wanted = Callable[[], bool] | None


def compare(
    spec: RunSpec,
    folder: Path,
    *,
    in_use: PredictRequest | None = None,
    device: str = "auto",
    cancelled: Wanted = None,
) -> list[Comparison]:
    """Score the weights a run started from and those it made, on its validation pairs.

    Parameters
    ----------
    spec : RunSpec
    folder : Path
    in_use : PredictRequest, optional
        Other weights, which would be given up for the new ones: where they are better than those of the start, they are
        what is compared with.
    device : str
    cancelled : callable, optional
        Asked between the steps of each prediction.

    Returns
    -------
    list of Comparison
        Empty where the run had no validation pairs.

    Raises
    ------
    InputError
        If a file of the run cannot be read.
    Cancelled
    """
    if spec.start.start_from is None:
        return []
    start = PredictRequest(network=spec.network, weights=spec.start.start_from, device=device)
    rows = _against(start, spec, folder, device, cancelled)
    if in_use is None:
        return rows
    others = _against(in_use, spec, folder, device, cancelled)
    return max(rows, others, key=_worth)


def _worth(rows: list[Comparison]) -> tuple[float, float]:
    """Of old weights: by what a person corrected, and then by all."""
    return sum(row.dice_before for row in rows if not row.as_proposed), sum(row.dice_before for row in rows)


def _against(old: PredictRequest, spec: RunSpec, folder: Path, device: str, cancelled: Wanted) -> list[Comparison]:
    # one look each: what is compared is alike
    old = replace(old, mirrored=False)
    new = PredictRequest(network=spec.network, weights=str(folder / WEIGHTS_FILE), device=device, mirrored=False)
    rows = []
    for pair in spec.data.val:
        read, mask = _read(pair, spec, folder)
        image, truth = read.data, mask.numbers
        before, after = (
            _labels_of(image, weights, spec, read.spacing, cancelled, pair.window) for weights in (old, new)
        )
        if mask.ignored is not None:
            before, after = (np.where(mask.ignored, 0, labels) for labels in (before, after))
        classes = spec.data.labels
        shown = np.s_[:] if truth.ndim == 2 else int((truth > 0).sum(axis=(1, 2)).argmax())
        rows.append(
            Comparison(
                name=pair.name,
                dice_before=float(np.mean([dice(before == k, truth == k) for k in classes])),
                dice_after=float(np.mean([dice(after == k, truth == k) for k in classes])),
                hd95_before=float(np.mean([hd95(before == k, truth == k) for k in classes])),
                hd95_after=float(np.mean([hd95(after == k, truth == k) for k in classes])),
                image=image[shown],
                truth=truth[shown],
                before=before[shown],
                after=after[shown],
                as_proposed=pair.as_proposed,
            )
        )
    return rows


def _read(pair: Pair, spec: RunSpec, folder: Path) -> tuple[Image, MaskLabels]:
    """A pair's image, and its mask as the run reads it."""
    image, path = read_image(folder / pair.image, part=pair.window is not None), folder / pair.mask
    mask, _ = fit_mask(image, read_numbers(path), image_path=folder / pair.image, mask_path=path)
    return image, (PLAIN if pair.white else spec.data.rule).apply(mask, classes=spec.data.named, path=path)


def _labels_of(
    image: np.ndarray,
    request: PredictRequest,
    spec: RunSpec,
    spacing: tuple[float, ...] | None,
    cancelled: Wanted,
    window: tuple[float, float] | None = None,
) -> np.ndarray:
    """What weights say of an image, in the run's numbers: the one class of the old weights may have another number."""
    found = predict_array(image, request, spacing=spacing, window=window, cancelled=cancelled)
    if len(found.classes) == len(spec.data.labels) == 1:
        return (found.labels > 0).astype(np.uint8) * np.uint8(spec.data.labels[0])
    return found.labels


def find_suspects(spec: RunSpec, folder: Path, *, device: str = "auto", cancelled: Wanted = None) -> list[Suspect]:
    """Training masks that fit their images only when turned inside out or moved.

    Two witnesses are needed: the networks, old and new, which would have the mask elsewhere, and the image, where the
    contrast at the rim of a mask that lay there would be more like that of the others. A network alone says so too
    where it is wrong and a person put it right.

    Returns
    -------
    list of Suspect
        Volumes are not looked at.
    """
    files = [str(folder / WEIGHTS_FILE), *([] if spec.start.start_from is None else [spec.start.start_from])]
    requests = [PredictRequest(network=spec.network, weights=file, device=device, mirrored=False) for file in files]
    anchors = {str(path) for _, path, _ in anchors_of(spec.provenance.trained_on)}
    pairs, fits, contrasts = [], [], []
    for pair in spec.data.train:
        if pair.image in anchors:
            continue
        read, labels = _read(pair, spec, folder)
        image, mask = read.data, labels.numbers > 0
        if mask.ndim == 2:
            pairs.append(pair)
            contrasts.append(rim_contrast(image, mask))
            found = [predict_array(image, one, window=pair.window, cancelled=cancelled) for one in requests]
            fits.append([fit(mask, one.labels > 0) for one in found])
    odd = set(outliers([of_one[0] for of_one in fits]))
    suspects = []
    for number, (pair, of_one) in enumerate(zip(pairs, fits, strict=True)):
        if number in odd or _looks_wrong(of_one):
            read, labels = _read(pair, spec, folder)
            image, mask = read.data, labels.numbers > 0
            new, own = of_one[0], rim_likeness(contrasts[number], contrasts)
            move = next((found.move for found in of_one if found.looks_moved), new.move)
            inverted = new.inverted > new.moved if own is None else own < -USUAL
            instead = ~mask if inverted else moved(mask, move)
            would_be = rim_likeness(rim_contrast(image, instead), contrasts)
            if own is None or would_be is None or (own < USUAL and would_be > own + FITS_BETTER):
                what = tr("looks inverted") if inverted else tr("looks moved by ({y}, {x}) px", y=-move[0], x=-move[1])
                suspects.append(Suspect(name=pair.name, what=what, mask=Path(pair.mask).stem))
    return suspects


def _looks_wrong(fits: list[Fit]) -> bool:
    """Whether the new and the old network would have a mask otherwise, whatever they say of others."""
    if any(found.looks_inverted for found in fits):
        return True
    # moved: both must say so; a network that does not know this kind of image finds things in odd places
    some = any(found.looks_moved for found in fits)
    return some and all(found.looks_moved or found.moved - found.dice > 0.1 for found in fits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a run has come to: the held-out cases, old against new, the gate's verdict, and masks that do not fit.

    ``epochs``: how many were trained, where a time limit left no room for all of them; else None.
    """

    rows: list[Comparison]
    verdict: Verdict
    suspects: list[Suspect]
    epochs: int | None = None


def review_run(
    project: Project, spec: RunSpec, folder: Path, *, device: str = "auto", cancelled: Wanted = None
) -> Review:
    """Score a run and let the gate judge.

    Raises
    ------
    InputError
        If a file of the run cannot be read.
    Cancelled
        If ``cancelled`` said so.
    """
    rows = compare(spec, folder, in_use=_in_use(project, spec, device), device=device, cancelled=cancelled)
    asked = _asked_before(project)
    # a person looked again and accepted it once more: that settles it
    suspects = [
        suspect
        for suspect in find_suspects(spec, folder, device=device, cancelled=cancelled)
        if not any(_same_case(suspect.mask, other) and suspect.mask != other for other in asked)
    ]
    return Review(rows=rows, verdict=judge(rows, suspects), suspects=suspects, epochs=_cut_short(spec, folder))


def note_review(project: Project, run_id: int, folder: Path, review: Review) -> None:
    """Write down what was found. Until someone adopts the new weights, the old ones are kept.

    Raises
    ------
    OutputError
        If the project cannot be written.
    """
    result = verdict_json(review.rows, review.verdict, review.suspects)
    project.set_run(run_id, "kept", weights=folder / WEIGHTS_FILE, result=result)


def _cut_short(spec: RunSpec, folder: Path) -> int | None:
    """Epochs that a time limit left room for; None where there was room for all of them."""
    ends = [event for event in read_events(folder / EVENTS_FILE)[0] if event["event"] == "done"]
    done = ends[-1].get("epochs") if ends else None
    limited = spec.budget.time_budget_minutes is not None
    return done if limited and isinstance(done, int) and done < spec.schedule.epochs else None


def _in_use(project: Project, spec: RunSpec, device: str) -> PredictRequest | None:
    """The project's adopted weights, where they are others than the run's start and can be asked in its place."""
    adopted = project.adopted()
    if adopted is None or spec.start.start_from in (None, adopted):
        return None
    try:
        of_file = adopted.endswith(".safetensors")
        network = read_facts(adopted).network if of_file else adopted.partition("/")[0]
        entry, _ = find_weights(network, adopted)
    except MedsegError:
        # they are gone: nothing is given up
        return None
    same_kind = get_spec(network).input.ndim == get_spec(spec.network).input.ndim
    same_classes = entry.labels == spec.data.labels or len(entry.labels) == len(spec.data.labels) == 1
    if not same_kind or not same_classes:
        return None
    return PredictRequest(network=network, weights=adopted, device=device)


def _asked_before(project: Project) -> set[str]:
    """Masks that earlier runs suspected: ``<case>-r<revision>``."""
    results = [json.loads(run.result) for run in project.runs() if run.result]
    return {one["mask"] for result in results for one in result.get("suspects", [])}


def _same_case(one: str, other: str) -> bool:
    return one.rpartition("-r")[0] == other.rpartition("-r")[0]

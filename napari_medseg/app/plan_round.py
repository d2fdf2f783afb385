"""The plan of a round of retraining: accepted corrections to a run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from napari_medseg.app.accepted import masks_of
from napari_medseg.app.anchors import anchors_of
from napari_medseg.app.classes import names_to_learn, rule_of
from napari_medseg.app.export import check_folder
from napari_medseg.app.judges import accepted, to_set_aside
from napari_medseg.app.kinds import takes
from napari_medseg.app.round_pairs import PairWriter
from napari_medseg.app.round_stages import stages_of
from napari_medseg.errors import InputError
from napari_medseg.io import PLAIN, LabelRule, all_numbers, check_numbers, write_text
from napari_medseg.io.labels import Found
from napari_medseg.project import Case, Project
from napari_medseg.project.run_spec import Budget, Data, Pair, Provenance, RunSpec, Schedule, Start
from napari_medseg.project.runs import SPEC_FILE
from napari_medseg.weights import WeightsEntry, resolve_weights
from napari_medseg.weights.trainable import check_classes
from napari_medseg.words import tr, trn

# of all images that are drawn, so many are anchors, and so many an epoch at least: with few corrections, a quarter is
# too little to keep what the network knew
ANCHOR_SHARE, LEAST_ANCHORS = 0.25, 8
# so many corrections an epoch are drawn at least, each several times where there are fewer
LEAST_DRAWN = 32
# where no anchors stand for most of the sets that weights know: share of what a project began with, in all that follow
KEPT_SHARE = 0.5
# in the list of sets that weights were trained on
CORRECTIONS = "corrections of this project"
# of 3e-4 and 1e-3 the better one on the val images of two sets: benchmarks/finetune.py
FINE_TUNE_RATE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainOptions:
    """What the user chooses for a round.

    Parameters
    ----------
    network, weights : str
        To start from.
    task : str
        What is on the images; empty: the task of those weights.
    epochs : int
    minutes : float or None
        No more epochs than fit into this; one at least.
    device : str
    seed : int
    rule : LabelRule
        What drawn labels stand for, and which does not count, beside the one that the project says so of.
    """

    network: str
    weights: str
    epochs: int = 30
    minutes: float | None = None
    device: str = "auto"
    seed: int = 0
    rule: LabelRule = PLAIN
    task: str = ""


def plan_retrain(project: Project, options: RetrainOptions) -> tuple[RunSpec, Path]:
    """Write a run's folder: accepted corrections as masks, and the spec.

    New corrections are drawn more often than those that adopted weights were trained on, rims that a person corrected
    count for more, and with few corrections each is drawn several times an epoch. A quarter of what is drawn, or eight
    an epoch, are anchors, images of the bundled weights' own training sets, where there are some (replay). Where these
    stand for less than half of the sets, the result is the mean with the weights that the project began with.

    Where several labels were drawn and the weights tell fewer apart, the network learns as many classes as there are.
    Each class keeps the number it was drawn with.

    Of a large case each accepted box counts, see :func:`~napari_medseg.app.accepted.masks_of`. It is cut into pieces as
    large as what the network sees of such an image at once, so that it learns at the size at which it proposes.

    Most epochs see images at half their sides, or parts of them, see :func:`stages_of`.

    Held-out cases are scored, never trained on. Where there are four accepted groups or more and fewer than two
    corrected cases are held out, a fifth of the groups is set aside, for good, see :func:`to_set_aside`. With fewer,
    there is no validation.

    Returns
    -------
    spec : RunSpec
    folder : Path
        Inside the project's ``runs``.

    Raises
    ------
    InputError
        If fewer than two corrections are accepted, one of their images was changed since, the weights cannot be used, a
        label was drawn that is none of the project's classes, or the network tells one class only and several were
        drawn.
    OutputError
        If the folder cannot be written.
    """
    if not options.weights:
        raise InputError(tr("No network is chosen to start from. Choose what is on your images, in the tab Propose."))
    entry, path = resolve_weights(options.network, options.weights)
    rule = rule_of(project, options.rule)
    for group in to_set_aside(project):
        project.hold_out(group)
    train, held_out = accepted(project, "train"), accepted(project, "heldout")
    masks, boxes = ([one for case in side for one in masks_of(project, case)] for side in (train, held_out))
    check_enough(len(masks), len(boxes))
    _check_unchanged(project, [*train, *held_out])
    check_axes(entry.network, [*train, *held_out])
    number = len(project.runs()) + 1
    while (project.path / "runs" / f"{number:04d}").exists():
        number += 1
    folder = check_folder(project.path / "runs" / f"{number:04d}")
    writer = PairWriter(project, folder, rule, entry, options.task)
    start = str(path) if str(options.weights).endswith(".safetensors") else entry.id
    pairs, judges = (tuple(one for mask in side for one in writer.pairs(mask)) for side in (masks, boxes))
    classes = _classes(project, entry, writer.drawn, rule)
    ignore = rule.ignore if writer.ignoring else None
    check_classes(entry.network, classes, ignore=ignore)
    drawn, replayed = drawn_an_epoch(len(pairs))
    # anchors know of one class only
    known_sets = entry.trained_on if len(classes) == 1 else ()
    anchors = _anchors(known_sets, sum(p.weight for p in pairs) * replayed / drawn)
    spec = RunSpec(
        network=options.network,
        task=options.task or entry.task,
        data=Data(
            train=(*pairs, *anchors),
            val=judges,
            classes=tuple(classes.values()),
            labels=tuple(classes),
            # the masks of the run are mapped already
            ignore=ignore,
            augmentation="full" if len(entry.input_size) == 2 else "volume",
            spacing=entry.spacing,
            window=entry.window,
        ),
        start=Start(
            start_from=start,
            keep_from=None if len(classes) == 1 and _anchored(entry.trained_on) else _first_start(project, start),
            keep_share=KEPT_SHARE,
            freeze_norm=True,
        ),
        schedule=Schedule(
            stages=stages_of(entry, options.epochs, median(writer.extents) if writer.extents else 1.0),
            learning_rate=FINE_TUNE_RATE,
            # a handful of images: small batches give more steps an epoch
            batch_size=min(4, len(pairs)),
            epoch_images=drawn + (replayed if anchors else 0),
            seed=options.seed,
            validate_every=max(1, options.epochs // 10),
            choose_best=False,
        ),
        budget=Budget(time_budget_minutes=options.minutes, fit_budget=True, device=options.device, nice=5),
        provenance=Provenance(
            licence=entry.licence if entry.licence == "research-only" else "local",
            trained_on=(*entry.trained_on, f"{len(masks)} {CORRECTIONS}"),
            version=entry.version + 1,
        ),
    )
    write_text(folder / SPEC_FILE, spec.to_json())
    return spec, folder


def accepted_in(spec: RunSpec) -> int | None:
    """From how many accepted masks a run of a project learns; a mask of a large image is several pairs."""
    count, _, what = (spec.provenance.trained_on or ("",))[-1].partition(" ")
    return int(count) if what == CORRECTIONS and count.isdigit() else None


def check_axes(network: str, cases: Sequence[Case]) -> None:
    """A network for images proposes on volumes slice by slice; it learns from images.

    Raises
    ------
    InputError
    """
    for case in cases:
        if not takes(network, volume=len(case.shape) == 3):
            kind = tr("a volume") if len(case.shape) == 3 else tr("an image")
            raise InputError(
                tr(
                    "'{name}' is {kind}, from which {network} cannot learn. Choose a network made for it to start from "
                    "(lgms-net-3d learns from volumes), or keep images and volumes in projects of their own.",
                    name=case.name,
                    kind=kind,
                    network=network,
                )
            )


def check_enough(learned: int, judging: int) -> None:
    """Two images to learn from are the least.

    Raises
    ------
    InputError
    """
    if learned < 2:
        raise InputError(too_few(learned, judging))


def too_few(learned: int, judging: int) -> str:
    """That there is not enough to learn from."""
    if judging:
        return tr(
            "Accept at least 2 images first ({n} so far, and {judging} kept for testing).", n=learned, judging=judging
        )
    return tr("Accept at least 2 images first ({n} so far).", n=learned)


def drawn_an_epoch(pairs: int) -> tuple[int, int]:
    """Of so many corrections: how many are drawn an epoch, and how many anchors beside them, where there are some."""
    drawn = max(LEAST_DRAWN, pairs)
    return drawn, max(LEAST_ANCHORS, round(drawn * ANCHOR_SHARE / (1 - ANCHOR_SHARE)))


def _check_unchanged(project: Project, cases: Sequence[Case]) -> None:
    """A mask need not fit an image that is no longer the one it was drawn on."""
    changed = [case for case in cases if (now := project.find_image(case.image)) is None or now.id != case.id]
    if changed:
        raise InputError(
            trn(
                "{first}: the image was changed since it was added, and its mask may not fit any more. Bring the first "
                "one back, or add the changed one under another name and correct it.",
                "{n} images, first {first}, were changed since they were added, and their masks may not fit any more. "
                "Bring the first ones back, or add the changed ones under other names and correct them.",
                len(changed),
                first=changed[0].image,
            )
        )


def _classes(project: Project, entry: WeightsEntry, found: Mapping[str, Found], rule: LabelRule) -> dict[int, str]:
    """The classes to learn, by their numbers: those of the weights, and those that were drawn beyond them."""
    of_weights = dict(zip(entry.labels, entry.classes, strict=True))
    names, drawn = names_to_learn(project, of_weights), all_numbers(found)
    # where the project has a table of classes, what is drawn is one of them, or was mapped by who starts the round
    mapped = {number: f"label {number}" for _, _, number in rule.mapping}
    check_numbers(found, {**mapped, **names} if names else None)
    if len(entry.classes) == 1 and len(drawn) < 2:
        # one label, whichever it is, is the foreground
        label = next(iter(drawn or entry.labels))
        return {label: names.get(label, entry.classes[0])}
    # a single class may be any of those that were drawn; several are what they are
    kept = of_weights if len(of_weights) > 1 else {}
    names = {**kept, **names}
    return {label: names.get(label, f"label {label}") for label in sorted(drawn | set(kept))}


def _anchors(sets: Sequence[str], weight: float) -> list[Pair]:
    """Images of the original training sets, which together weigh so much."""
    found = anchors_of(sets)
    each = weight / max(1, len(found))
    return [
        Pair(name=f"anchor {name}", image=str(image), mask=str(mask), weight=each, white=True)
        for name, image, mask in found
    ]


def _anchored(trained_on: Sequence[str]) -> bool:
    """Whether anchors stand for at least half of the sets that weights were trained on."""
    sets = [name for name in trained_on if not name.endswith(CORRECTIONS)]
    return 2 * sum(bool(anchors_of([name])) for name in sets) >= max(1, len(sets))


def _first_start(project: Project, start: str) -> str:
    """What the first of the rounds that led to some weights started from."""
    made = {run.weights.name: RunSpec.from_json(run.spec).start.start_from for run in project.runs() if run.weights}
    first: str | None = start
    if Path(start).resolve().parent != (project.path / "weights").resolve():
        # of another project, whose files have the same names
        return start
    while first is not None and Path(first).name in made:
        first = made.pop(Path(first).name)
    gone = first is None or (first.endswith(".safetensors") and not Path(first).is_file())
    return start if gone or first is None else first

"""Training from scratch, or from other weights, on folders of images and masks: for scripts and notebooks, and for
``medseg train``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from napari_medseg.app.batch import check_free
from napari_medseg.app.classes import classes_to_learn
from napari_medseg.app.export import check_folder
from napari_medseg.app.kinds import check_kind, size_told
from napari_medseg.app.predict import Progress
from napari_medseg.app.train_options import GENTLE, TrainOptions, check_train_options
from napari_medseg.app.trainer_process import run_to_end, show_epochs
from napari_medseg.errors import InputError, ProjectError
from napari_medseg.io import (
    atomic_path,
    check_sizes,
    check_writable,
    find_pairs,
    stem_of,
    write_text,
)
from napari_medseg.networks import InputSpec, check_options, get_spec
from napari_medseg.plain import real_path
from napari_medseg.project.lock import FileLock, training_in
from napari_medseg.project.run_groups import MOST_EPOCHS
from napari_medseg.project.run_spec import Budget, Data, Pair, Provenance, RunSpec, Schedule, Stage, Start
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, SPEC_FILE, WEIGHTS_FILE, read_events
from napari_medseg.weights import resolve_weights
from napari_medseg.weights.hub import find_pretrained
from napari_medseg.weights.trainable import check_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom to tell what, while it trains.

    Parameters
    ----------
    progress : callable
        Called with a fraction in [0, 1] and what is being done.
    remark : callable
        Called with a sentence, such as that a mask will be turned.
    flag : callable
        How an option is called where it was given: on the command line ``--batch-size``.
    """

    progress: Progress = lambda fraction, text: None
    remark: Callable[[str], None] = lambda text: None
    flag: Callable[[str], str] = str


def train(
    images: str | Path,
    masks: str | Path,
    out: str | Path,
    options: TrainOptions | None = None,
    *,
    val_images: str | Path | None = None,
    val_masks: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    told: Told | None = None,
) -> Path:
    """Train a network in a process of its own; the run is kept beside ``out`` as ``<stem>.run``.

    Interrupted (Ctrl-C, or "Interrupt" in a notebook), it ends within a second, and goes on with ``resume=True``.

    Parameters
    ----------
    images, masks : path
        Folders, paired by stem.
    out : path
        The ``.safetensors`` file to write.
    options : TrainOptions, optional
    val_images, val_masks : path, optional
        Folders of what is scored after each epoch; the weights that score best are kept. Without, the last are.
    resume : bool
        Go on from the last whole epoch of the run beside ``out``, which must have the same options.
    overwrite : bool
        ``out`` may be replaced.
    told : Told, optional

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    InputError
        If an option, an image or a mask cannot be used, or there is a run and ``resume`` was not asked for.
    ProjectError
        If a trainer is at work on that run.
    OutputError
        If ``out`` cannot be written.
    TrainingError
        If training died; the message says why.

    Examples
    --------
    >>> from napari_medseg.app.training import TrainOptions, train
    >>> train("train/images", "train/masks", "mine.safetensors", TrainOptions(epochs=20))  # doctest: +SKIP
    """
    options, told, out = options or TrainOptions(), told or Told(), Path(out)
    flag = told.flag
    if out.suffix != ".safetensors":
        raise InputError(f"{flag('out')} is {out}; expected a name that ends in .safetensors. Add the suffix.")
    if (val_images is None) != (val_masks is None):
        both = f"{flag('val_images')} and {flag('val_masks')}"
        raise InputError(f"one of {both} is given; expected both or none. Add the other.")
    spec = plan_training(images, masks, options, val_images=val_images, val_masks=val_masks, told=told)
    folder = out.with_suffix(".run")
    if (folder / CHECKPOINT_FILE).exists() and not resume:
        raise InputError(
            f"{folder} holds a run already; expected none. Go on from it with {flag('resume')}, or delete the folder."
        )
    # a run that goes on ends in its own file; of a folder of that name the next check tells
    check_free([out], overwrite=overwrite or resume or out.is_dir())
    check_folder(folder)
    check_writable(out)
    # nothing of a run is changed while another command has it
    held = FileLock(folder / "command.lock", f"run {folder}", f"Wait for it, or name another {flag('out')}.")
    try:
        _check_same(folder, spec, flag)
        write_text(folder / SPEC_FILE, spec.to_json())
        told.progress(0.0, "starting")
        go_on = f"Go on from the last epoch with {flag('resume')}."
        run_to_end(folder, on_event=show_epochs(told.progress), go_on=go_on)
    finally:
        held.release()
    if (ended := _ended_early(folder)) is not None:
        told.remark(
            f"Stopped after {ended} of {spec.schedule.epochs} epochs, as {flag('minutes')} was up; what is written is "
            f"the best so far. Go on with {flag('resume')}."
        )
    with atomic_path(out) as temporary:
        shutil.copyfile(folder / WEIGHTS_FILE, temporary)
    return out


def _ended_early(folder: Path) -> int | None:
    """Epochs of a run whose time was up before it was whole; None of one that is."""
    ends = [event for event in read_events(folder / EVENTS_FILE)[0] if event["event"] == "done"]
    return None if not ends or ends[-1].get("finished", True) else int(ends[-1]["epochs"])


def plan_training(
    images: str | Path,
    masks: str | Path,
    options: TrainOptions,
    *,
    val_images: str | Path | None = None,
    val_masks: str | Path | None = None,
    told: Told | None = None,
) -> RunSpec:
    """What a trainer is to do; writes nothing. See :func:`train`, which carries it out.

    Raises
    ------
    InputError
        If an option, an image or a mask cannot be used.
    """
    told = told or Told()
    network = get_spec(options.network)
    check_train_options(options, network, told.flag)
    if options.options:
        check_options(options.network, options.options)
    start = options.start
    entry = None if start is None else resolve_weights(options.network, start)[0]

    def pairs(folders: tuple[str | Path | None, str | Path | None]) -> tuple[Pair, ...]:
        if folders[0] is None or folders[1] is None:
            return ()
        found = find_pairs(Path(folders[0]), Path(folders[1]))
        check_kind(options.network, [image for image, _ in found], learns=True)
        for turned in check_sizes(found):
            told.remark(turned)
        return tuple(Pair(name=stem_of(i), image=str(real_path(i)), mask=str(real_path(m))) for i, m in found)

    pairs_to_train, val = pairs((images, masks)), pairs((val_images, val_masks))
    rule, recipe = options.rule, network.recipe
    # by the clock alone, there are as many epochs as there is time for
    most = MOST_EPOCHS if options.by_clock else recipe.epochs
    gentle = 1.0 if options.pretrained is None else GENTLE
    known = options.classes or (None if entry is None else dict(zip(entry.labels, entry.classes, strict=True)))
    all_masks = [Path(pair.mask) for pair in (*pairs_to_train, *val)]
    learned = classes_to_learn(all_masks, rule, known, progress=told.progress)
    check_classes(options.network, learned, ignore=rule.ignore)
    for rounded in size_told(options.network, options.size):
        told.remark(rounded)
    spec = RunSpec(
        network=options.network,
        task=options.task if entry is None or options.task != "custom" else entry.task,
        data=Data(
            train=pairs_to_train,
            val=val,
            classes=tuple(learned.values()),
            labels=tuple(learned),
            mapping=rule.mapping,
            ignore=rule.ignore,
            augmentation=options.augmentation or recipe.augmentation,
            spacing=options.spacing or (None if entry is None else entry.spacing),
            window=options.window or (None if entry is None else entry.window),
        ),
        start=Start(
            start_from=str(real_path(start)) if start and start.endswith(".safetensors") else start,
            pipeline=options.pipeline,
            options=dict(options.options),
        ),
        schedule=Schedule(
            stages=(Stage(size=_sides(options.size, network.input), epochs=options.epochs or most),),
            batch_size=options.batch_size or recipe.batch_size,
            learning_rate=options.learning_rate,
            curve=options.schedule,
            encoder_rate=gentle if options.encoder_rate is None else options.encoder_rate,
            average=options.average,
            # the time that was given is used
            patience=None if options.by_clock else recipe.patience,
            seed=options.seed,
        ),
        budget=Budget(
            time_budget_minutes=options.minutes,
            clock=options.by_clock,
            device=options.device,
            precision=options.precision,
            accumulate=options.accumulate,
        ),
        provenance=Provenance(
            licence="local" if entry is None or entry.licence != "research-only" else entry.licence,
            trained_on=(*(entry.trained_on if entry else ()), real_path(images).name),
            version=1 if entry is None else entry.version + 1,
        ),
    )
    if options.pretrained is not None:
        path = find_pretrained(options.pretrained, download=options.download, progress=told.progress)
        spec = replace(spec, start=replace(spec.start, pretrained=str(real_path(path))))
    return spec


def _sides(size: int | None, paper: InputSpec) -> int | tuple[int, ...]:
    """One side for images, a window for volumes; such as the network takes."""
    size = None if size is None else paper.whole(size)
    if paper.ndim == 2:
        return size or int(paper.size[0])
    return tuple(paper.size) if size is None else (size,) * 3


def _check_same(folder: Path, spec: RunSpec, flag: Callable[[str], str]) -> None:
    """Refuse to go on from a run of other settings, or one that a trainer is at work on."""
    if training_in(folder) is not None:
        raise ProjectError(
            f"run {folder} has a trainer at work; expected none. Wait for it, or name another {flag('out')}."
        )
    path = folder / SPEC_FILE
    if not path.is_file() or not (folder / CHECKPOINT_FILE).exists():
        return
    if RunSpec.read(path).fingerprint() != spec.fingerprint():
        raise InputError(
            f"{folder} holds a run with other settings than these; expected the same. "
            f"Give those it was started with, or name another {flag('out')}."
        )

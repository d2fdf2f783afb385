"""``medseg train``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from napari_medseg.cli.output import IGNORE_HELP, MAP_HELP, Overwrite, progress_bar

if TYPE_CHECKING:
    from napari_medseg.networks import NetworkSpec
    from napari_medseg.project.run_spec import RunSpec

PRECISIONS = ("auto", "no", "bf16", "fp16")
# a run's epochs multiply it, and PyTorch takes no seed above 64 bits
MOST_SEED = 2**31 - 1


def _sides(size: Optional[int], paper: Any) -> "int | tuple[int, ...]":
    """One side for images, a window for volumes."""
    if paper.ndim == 2:
        return size or int(paper.size[0])
    return tuple(paper.size) if size is None else (size,) * 3


def _check_same(folder: Path, spec: "RunSpec") -> None:
    """Refuse to go on from a run of other settings, or one that a trainer is at work on."""
    from napari_medseg.errors import InputError, ProjectError
    from napari_medseg.project.lock import training_in
    from napari_medseg.project.run_spec import RunSpec
    from napari_medseg.project.runs import CHECKPOINT_FILE, SPEC_FILE

    if training_in(folder) is not None:
        raise ProjectError(f"run {folder} has a trainer at work; expected none. Wait for it, or name another --out.")
    path = folder / SPEC_FILE
    if not path.is_file() or not (folder / CHECKPOINT_FILE).exists():
        return
    if RunSpec.read(path).fingerprint() != spec.fingerprint():
        raise InputError(
            f"{folder} holds a run with other settings than these; expected the same. "
            "Give those it was started with, or name another --out."
        )


def _follow(folder: Path) -> None:
    """Run the trainer to its end and show how far it is."""
    from napari_medseg.app.process import run_to_end

    with progress_bar() as progress:
        progress(0.0, "starting")

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "epoch":
                text = f"epoch {event['epoch']}/{event['epochs']}"
                for key in ("loss", "val_dice"):
                    if event.get(key) is not None:
                        text += f"  {key} {event[key]:.3f}"
                progress(event["epoch"] / event["epochs"], text)

        run_to_end(folder, on_event=on_event, go_on="Go on from the last epoch with --resume.")


def _check_options(
    spec: "NetworkSpec",
    *,
    learning_rate: Optional[float],
    by_clock: bool,
    minutes: Optional[float],
    window: Optional[tuple[float, float]],
    spacing: Optional[tuple[float, float, float]],
) -> None:
    """What the parser cannot tell."""
    from napari_medseg.errors import InputError

    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise InputError(f"--learning-rate is {learning_rate}; expected a number above 0. Correct it.")
    if by_clock and not minutes:
        raise InputError("--by-clock is given without --time-budget; expected minutes that it can follow. Add them.")
    for name, value in (("--window", window), ("--spacing", spacing)):
        if value is not None and spec.input.ndim == 2:
            raise InputError(f"{name} is for volumes; {spec.name} takes images. Leave it out, or choose lgms-net-3d.")
    if window is not None and not (math.isfinite(sum(window)) and window[0] < window[1]):
        raise InputError(f"--window is {window[0]:g} {window[1]:g}; expected the lower intensity first. Correct it.")
    if spacing is not None and not (math.isfinite(sum(spacing)) and min(spacing) > 0):
        raise InputError(f"--spacing is {' '.join(f'{v:g}' for v in spacing)}; expected three sizes above 0 mm.")


def train(
    images: Annotated[Path, typer.Option(help="Folder of training images.")],
    masks: Annotated[Path, typer.Option(help="Folder of their masks, paired by stem.")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    network: Annotated[str, typer.Option(help="Name of the network.")] = "cmunext-xxs",
    start: Annotated[Optional[str], typer.Option("--from", help="Weights to start from.")] = None,
    pretrained: Annotated[
        Optional[str],
        typer.Option(
            help="Backbone's published weights: a file, efficientnet-lite0, res2net50-v1b, resnet50 or "
            "fasterrcnn-resnet50."
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the pretrained file where it is not in the cache.")
    ] = False,
    val_images: Annotated[Optional[Path], typer.Option(help="Folder of validation images.")] = None,
    val_masks: Annotated[Optional[Path], typer.Option(help="Folder of their masks.")] = None,
    task: Annotated[str, typer.Option(help="Name of the task.")] = "custom",
    epochs: Annotated[Optional[int], typer.Option(min=1, help="Default: the paper's.")] = None,
    size: Annotated[Optional[int], typer.Option(min=16, help="Side of the network's input, px.")] = None,
    batch_size: Annotated[Optional[int], typer.Option(min=1, help="Default: the paper's.")] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Send a batch through in so many parts, for less memory.")] = 1,
    precision: Annotated[str, typer.Option(help="auto, no, bf16 or fp16.")] = "auto",
    learning_rate: Annotated[Optional[float], typer.Option(help="Default: the paper's.")] = None,
    augmentation: Annotated[
        Optional[str],
        typer.Option(
            help="full and strong (ours), turned (CMUNeXt, LGMSNet), tilted, detected, volume. Default: the paper's."
        ),
    ] = None,
    pipeline: Annotated[
        Optional[str],
        typer.Option(help="How intensities go in: declared, imagenet, or bgr255 as published loaders do."),
    ] = None,
    by_clock: Annotated[
        bool, typer.Option("--by-clock", help="The learning rate comes down with --time-budget, not with the epochs.")
    ] = False,
    window: Annotated[
        Optional[tuple[float, float]],
        typer.Option(help="Intensities of a volume that count as 0 and 1, such as -175 250. Default: its percentiles."),
    ] = None,
    spacing: Annotated[
        Optional[tuple[float, float, float]],
        typer.Option(help="Voxels (z y x), mm, that volumes are resampled to. Default: as they are."),
    ] = None,
    classes: Annotated[
        Optional[list[str]],
        typer.Option(help="Name of a class, in the order of their numbers from 1, or NUMBER=NAME. Repeatable."),
    ] = None,
    mapping: Annotated[Optional[str], typer.Option("--map", help=MAP_HELP)] = None,
    ignore: Annotated[Optional[int], typer.Option(help=IGNORE_HELP)] = None,
    time_budget: Annotated[Optional[float], typer.Option(min=0, help="Minutes.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Decides everything on the CPU.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run beside --out.")] = False,
    overwrite: Overwrite = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Train a network by its paper's recipe; the run is kept beside OUT as '<stem>.run'."""
    import shutil
    from dataclasses import replace

    from napari_medseg.app.batch import check_free
    from napari_medseg.app.classes import classes_to_learn
    from napari_medseg.app.export import check_folder
    from napari_medseg.app.predict import check_kind
    from napari_medseg.classes import parse_classes
    from napari_medseg.errors import InputError, UnknownNameError
    from napari_medseg.inference.device import resolve_device
    from napari_medseg.io import atomic_path, check_sizes, check_writable, find_pairs, parse_rule, stem_of, write_text
    from napari_medseg.networks import get_spec
    from napari_medseg.project.lock import FileLock
    from napari_medseg.project.run_spec import Budget, Data, Pair, Provenance, RunSpec, Schedule, Stage, Start
    from napari_medseg.project.runs import CHECKPOINT_FILE, SPEC_FILE, WEIGHTS_FILE
    from napari_medseg.weights import resolve_weights
    from napari_medseg.weights.hub import find_pretrained
    from napari_medseg.weights.pipeline import pipeline_of
    from napari_medseg.weights.trainable import check_classes

    rule, asked = parse_rule(mapping, ignore), parse_classes(classes or [])
    if out.suffix != ".safetensors":
        raise InputError(f"--out is {out}; expected a name that ends in .safetensors. Add the suffix.")
    if (val_images is None) != (val_masks is None):
        raise InputError("one of --val-images and --val-masks is given; expected both or none. Add the other.")
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    resolve_device(device)
    recipe_spec = get_spec(network)
    if pipeline is not None:
        pipeline_of(network, pipeline)
    _check_options(
        recipe_spec,
        learning_rate=learning_rate,
        by_clock=by_clock,
        minutes=time_budget,
        window=window,
        spacing=spacing,
    )
    entry = None if start is None else resolve_weights(network, start)[0]

    def pairs(a: Optional[Path], b: Optional[Path]) -> tuple[Pair, ...]:
        if a is None or b is None:
            return ()
        found = find_pairs(a, b)
        check_kind(network, [image for image, _ in found])
        for turned in check_sizes(found):
            typer.echo(turned, err=True)
        return tuple(Pair(name=stem_of(i), image=str(i.resolve()), mask=str(m.resolve())) for i, m in found)

    train, val = pairs(images, masks), pairs(val_images, val_masks)
    known = asked or (None if entry is None else dict(zip(entry.labels, entry.classes, strict=True)))
    with progress_bar() as progress:
        learned = classes_to_learn([Path(pair.mask) for pair in (*train, *val)], rule, known, progress=progress)
    check_classes(network, learned, ignore=ignore)
    spec = RunSpec(
        network=network,
        task=task if entry is None or task != "custom" else entry.task,
        data=Data(
            train=train,
            val=val,
            classes=tuple(learned.values()),
            labels=tuple(learned),
            mapping=rule.mapping,
            ignore=rule.ignore,
            augmentation=augmentation or recipe_spec.recipe.augmentation,
            spacing=spacing or (None if entry is None else entry.spacing),
            window=window or (None if entry is None else entry.window),
        ),
        start=Start(
            start_from=str(Path(start).resolve()) if start and start.endswith(".safetensors") else start,
            pipeline=pipeline,
        ),
        schedule=Schedule(
            stages=(Stage(size=_sides(size, recipe_spec.input), epochs=epochs or recipe_spec.recipe.epochs),),
            batch_size=batch_size or recipe_spec.recipe.batch_size,
            learning_rate=learning_rate,
            patience=recipe_spec.recipe.patience,
            seed=seed,
        ),
        budget=Budget(
            time_budget_minutes=time_budget,
            clock=by_clock,
            device=device,
            precision=precision,
            accumulate=accumulate,
        ),
        provenance=Provenance(
            licence="local" if entry is None or entry.licence != "research-only" else entry.licence,
            trained_on=(*(entry.trained_on if entry else ()), images.resolve().name),
            version=1 if entry is None else entry.version + 1,
        ),
    )
    for name, given in (("--pretrained", pretrained), ("--pipeline", pipeline)):
        if start is not None and given is not None:
            raise InputError(f"--from and {name} are given; expected one of them. Leave one out.")
    if pretrained is not None:
        with progress_bar() as progress:
            path = find_pretrained(pretrained, download=download, progress=progress)
        spec = replace(spec, start=replace(spec.start, pretrained=str(path.resolve())))
    folder = out.with_suffix(".run")
    if (folder / CHECKPOINT_FILE).exists() and not resume:
        raise InputError(
            f"{folder} holds a run already; expected none. Go on from it with --resume, or delete the folder."
        )
    # a run that goes on ends in its own file; of a folder of that name the next check tells
    check_free([out], overwrite=overwrite or resume or out.is_dir())
    check_folder(folder)
    check_writable(out)
    # nothing of a run is changed while another command has it
    held = FileLock(folder / "command.lock", f"run {folder}", "Wait for it, or name another --out.")
    try:
        _check_same(folder, spec)
        write_text(folder / SPEC_FILE, spec.to_json())
        _follow(folder)
    finally:
        held.release()
    with atomic_path(out) as temporary:
        shutil.copyfile(folder / WEIGHTS_FILE, temporary)
    typer.echo(out)

"""``medseg train``."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from napari_medseg.cli.output import IGNORE_HELP, MAP_HELP, Overwrite, progress_bar, tell_passed_over

# a run's epochs multiply it, and PyTorch takes no seed above 64 bits
MOST_SEED = 2**31 - 1
# what is called otherwise here than in Python
FLAGS = {"start": "--from", "minutes": "--time-budget", "options": "--option"}


def _flag(name: str) -> str:
    return FLAGS.get(name, "--" + name.replace("_", "-"))


def _options(texts: list[str]) -> dict[str, Any]:
    """Values as JSON has them; what is none is a word."""
    import json

    from napari_medseg.errors import InputError

    found: dict[str, Any] = {}
    for text in texts:
        name, between, value = text.partition("=")
        if not name or not between:
            raise InputError(f"--option is '{text}'; expected NAME=VALUE, such as gate=channel. Correct it.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


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
            help="full and strong (ours), turned (CMUNeXt, LGMSNet), tilted, detected, volume. Default: the network's."
        ),
    ] = None,
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            help="How intensities go in: declared, imagenet, or as published loaders do bgr255 and, of volumes, btcv."
        ),
    ] = None,
    option: Annotated[
        Optional[list[str]],
        typer.Option(
            help="NAME=VALUE of the network, such as gate=channel, near=0.5 or kernels=[3,3,3,3]: ablations, and what "
            "papers leave open. Repeatable."
        ),
    ] = None,
    schedule: Annotated[
        Optional[str],
        typer.Option(
            help="How the learning rate goes on: cosine, poly, onecycle, plateau, constant. Default: the paper's."
        ),
    ] = None,
    encoder_rate: Annotated[
        Optional[float],
        typer.Option(
            help="Learning rate of the encoder, as a share of the others'. Default: 0.3 with --pretrained, or 1."
        ),
    ] = None,
    average: Annotated[
        Optional[float],
        typer.Option(help="Score averaged weights too, and keep the better: decay a step, such as 0.998."),
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
    from napari_medseg.app.training import Told, TrainOptions
    from napari_medseg.app.training import train as train_network
    from napari_medseg.classes import parse_classes
    from napari_medseg.io import parse_rule

    options = TrainOptions(
        network=network,
        start=start,
        pretrained=pretrained,
        download=download,
        task=task,
        epochs=epochs,
        size=size,
        batch_size=batch_size,
        accumulate=accumulate,
        precision=precision,
        learning_rate=learning_rate,
        augmentation=augmentation,
        pipeline=pipeline,
        schedule=schedule,
        encoder_rate=encoder_rate,
        average=average,
        by_clock=by_clock,
        minutes=time_budget,
        window=window,
        spacing=spacing,
        classes=parse_classes(classes or []),
        rule=parse_rule(mapping, ignore),
        options=_options(option or []),
        seed=seed,
        device=device,
    )
    tell_passed_over([images], masks)
    with progress_bar() as progress:
        told = Told(progress=progress, remark=lambda text: typer.echo(text, err=True), flag=_flag)
        train_network(
            images,
            masks,
            out,
            options,
            val_images=val_images,
            val_masks=val_masks,
            resume=resume,
            overwrite=overwrite,
            told=told,
        )
    typer.echo(out)

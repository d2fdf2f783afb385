"""``medseg weights``."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from napari_medseg.cli.output import Json, Network, Overwrite, print_json, print_table

weights_app = typer.Typer(help="Weights files: list, import, pack and install.", no_args_is_help=True)


@weights_app.command("list")
def weights_list(json: Json = False) -> None:
    """List the weights that come with the package or were installed."""
    from napari_medseg.errors import WeightsError
    from napari_medseg.weights import list_weights
    from napari_medseg.weights.home import installed

    try:
        installed()
    except WeightsError as error:
        typer.echo(error, err=True)
    entries = list_weights()
    if json:
        keys = ("id", "network", "task", "licence", "trained_on", "size_bytes", "sha256", "metrics")
        print_json([{key: getattr(entry, key) for key in keys} for entry in entries])
        return
    cells = [
        (
            e.id,
            e.licence,
            ", ".join(e.trained_on),
            f"{e.size_bytes / 1000:.0f} kB",
            "" if e.dice is None else f"{e.dice:.3f} (n={e.metrics.get('n', '?')})",
        )
        for e in entries
    ]
    print_table("Weights", ("id", "licence", "trained on", "size", "Dice on val"), cells)


@weights_app.command("import")
def weights_import(
    file: Path,
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    network: Network,
    layout: Annotated[str, typer.Option(help="Layout of the file: published.")] = "published",
    task: Annotated[str, typer.Option(help="Task to name in the file.")] = "imported",
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            help="How intensities went in: bgr255 (the published loaders of CMUNeXt and LGMSNet), imagenet (LGMSNet's "
            "for Kvasir), btcv (LGMSNet's for volumes) or declared. Default: the published loader's."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Convert a state dict saved by published code."""
    from napari_medseg.app.batch import check_free
    from napari_medseg.errors import UnknownNameError
    from napari_medseg.weights import import_published
    from napari_medseg.weights.pipeline import ABOUT

    if layout != "published":
        raise UnknownNameError("layout", layout, ("published",))
    check_free([out], overwrite=overwrite)
    entry = import_published(file, network, out, task=task, pipeline=pipeline)
    if used := entry.training.get("pipeline"):
        typer.echo(f"Intensities go in {ABOUT[used]}.", err=True)
    typer.echo(entry.id)
    typer.echo(out)


@weights_app.command("pack")
def weights_pack(
    weights: Annotated[list[str], typer.Argument(help="Ids, see 'medseg weights list', or .safetensors files.")],
    out: Annotated[Path, typer.Option(help="A .zip file, or a folder, to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Put weights with their checksums into a zip or a folder, for a computer without a network."""
    from napari_medseg.weights.pack import pack_weights

    for entry in pack_weights(weights, out, overwrite=overwrite):
        typer.echo(f"{entry.id}  {entry.size_bytes / 1e6:.1f} MB  {entry.licence}")
    typer.echo(out)


@weights_app.command("install")
def weights_install(
    source: Annotated[Path, typer.Argument(help="A zip or folder from 'medseg weights pack', or a .safetensors file.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace other weights of the same id that were installed earlier.")
    ] = False,
) -> None:
    """Take over weights from another computer; what is not what its checksum says is refused."""
    from napari_medseg.weights.pack import install_weights

    for one in install_weights(source, overwrite=overwrite):
        typer.echo(f"{one.entry.id}  {one.path}")
        if one.before:
            typer.echo(f"{one.entry.id} was there already.", err=True)

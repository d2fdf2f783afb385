"""``medseg stack``: a folder of slices becomes one volume."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from napari_medseg.cli.output import Overwrite, progress_bar


def stack(
    folder: Annotated[Path, typer.Argument(help="Folder of slices, named alike but for their number.")],
    out: Annotated[Path, typer.Option(help="The volume to write, such as volume.nii.gz.")],
    spacing: Annotated[
        Optional[tuple[float, float, float]],
        typer.Option(metavar="Z Y X", help="From slice to slice, row to row, pixel to pixel, mm."),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="The slices are masks.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Make one volume of a folder of slices."""
    from napari_medseg.app.stacks import stack_folder

    with progress_bar() as progress:
        told = stack_folder(folder, out, spacing=spacing, masks=masks, overwrite=overwrite, progress=progress)
    for words in told:
        typer.echo(words, err=True)
    typer.echo(out)

"""``medseg measure``: lesions of masks as a table."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from napari_medseg.cli.output import IGNORE_HELP, MAP_HELP, Overwrite, progress_bar, tell_left_out


def measure(
    csv: Annotated[Path, typer.Option(help="File to write, ends in .csv.")],
    paths: Annotated[
        Optional[list[Path]],
        typer.Argument(help="A project, or images (or folders of them) whose masks --masks holds."),
    ] = None,
    masks: Annotated[
        Optional[Path],
        typer.Option(help="Folder of masks, paired with the images by stem; alone, they are measured by themselves."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Of a project also masks that nobody accepted, as they are now.")
    ] = False,
    classes: Annotated[
        Optional[list[str]], typer.Option(help="NUMBER=NAME of a class in the masks of --masks. Repeatable.")
    ] = None,
    mapping: Annotated[Optional[str], typer.Option("--map", help=MAP_HELP)] = None,
    ignore: Annotated[Optional[int], typer.Option(help=IGNORE_HELP)] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="Tell touching objects apart (nuclei, cells), each one lesion.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write what each lesion measures: area, volume, diameters, perimeter, intensity."""
    from napari_medseg.app.export import ACCEPTED, ALL
    from napari_medseg.app.measure_files import measure_files, measure_project
    from napari_medseg.classes import parse_classes
    from napari_medseg.errors import InputError
    from napari_medseg.io import parse_rule
    from napari_medseg.project import Project

    paths, rule, names = paths or [], parse_rule(mapping, ignore), parse_classes(classes or [])
    if masks is None:
        is_project = len(paths) == 1 and Project.is_one(paths[0])
        if not is_project or mapping is not None or ignore is not None or names:
            raise InputError(
                "no --masks are given; expected them with images, or a project alone, which has masks and classes of "
                "its own. Name the folder of the masks, or one project."
            )
        with Project.open(paths[0]) as project, progress_bar() as progress:
            written = measure_project(
                project, csv, state=ALL if every else ACCEPTED, apart=objects, overwrite=overwrite, progress=progress
            )
    else:
        if every:
            raise InputError("--all is about the masks of a project; expected none with --masks. Leave it out.")
        tell_left_out(paths, masks)
        with progress_bar() as progress:
            written = measure_files(
                paths,
                masks,
                csv,
                rule=rule,
                classes=names,
                apart=objects,
                overwrite=overwrite,
                progress=progress,
            )
    for told in written.told:
        typer.echo(told, err=True)
    typer.echo(f"{written.lesions} lesion{'' if written.lesions == 1 else 's'}", err=True)
    typer.echo(written.path)

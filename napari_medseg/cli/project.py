"""``medseg project``: the correct-and-retrain loop without a window."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from napari_medseg.cli.output import (
    DEFAULT_FORMAT,
    IGNORE_HELP,
    MAP_HELP,
    Format,
    Overwrite,
    print_done,
    print_json,
    print_table,
    progress_bar,
    tell_left_out,
)
from napari_medseg.cli.training import MOST_SEED

project_app = typer.Typer(help="The correct-and-retrain loop without a window.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="The project's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@project_app.command()
def create(folder: Folder) -> None:
    """Make an empty project."""
    from napari_medseg.project import Project

    with Project.create(folder) as project:
        typer.echo(project.path)


@project_app.command()
def add(
    folder: Folder,
    paths: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    group: Annotated[Optional[str], typer.Option(help="Patient or the like, for all of them.")] = None,
    patients: Annotated[
        str, typer.Option(help="Without --group, what a patient is told by: image, folder or name (up to _ or -).")
    ] = "image",
    held_out: Annotated[bool, typer.Option("--held-out", help="For scoring only, never trained on.")] = False,
    masks: Annotated[Optional[Path], typer.Option(help="Folder of finished masks: stored and accepted.")] = None,
    classes: Annotated[
        Optional[list[str]],
        typer.Option(help="NUMBER=NAME of a class in the masks, kept with the project. Repeatable."),
    ] = None,
    mapping: Annotated[Optional[str], typer.Option("--map", help=MAP_HELP)] = None,
    ignore: Annotated[Optional[int], typer.Option(help=f"{IGNORE_HELP} Kept with the project.")] = None,
) -> None:
    """Add images, and their finished masks where there are some."""
    from napari_medseg.app.images import add_images
    from napari_medseg.app.masks import add_with_masks
    from napari_medseg.classes import named, parse_classes
    from napari_medseg.errors import InputError, PartlyDoneError
    from napari_medseg.io import parse_rule
    from napari_medseg.project import Project

    rule, names = parse_rule(mapping, ignore), parse_classes(classes or [])
    if masks is None and (mapping is not None or ignore is not None or names):
        raise InputError("--classes, --map and --ignore are about masks; expected --masks. Name their folder.")
    tell_left_out(paths)
    split = "heldout" if held_out else "train"
    with Project.open(folder) as project, progress_bar() as progress:
        if masks is None:
            added, refused = add_images(project, paths, group=group, patients=patients, split=split, progress=progress)
        else:
            result = add_with_masks(
                project,
                paths,
                masks,
                group=group,
                patients=patients,
                split=split,
                rule=rule,
                names=names,
                progress=progress,
            )
            added, refused = result.cases, result.refused
            for turned in result.told:
                typer.echo(turned, err=True)
            typer.echo(f"{result.used} of {result.masks} masks used", err=True)
            if result.named:
                typer.echo(f"new classes: {named(result.named)}", err=True)
    for case in added:
        typer.echo(case.name)
    if len(refused) == 1 and not added:
        raise InputError(refused[0])
    if refused:
        raise PartlyDoneError(refused, "image(s) were not added", added)


@project_app.command()
def status(folder: Folder, json: Json = False) -> None:
    """Show the images and how far each is."""
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        summary, cases, recovered = project.summary(), project.cases(), project.recovered
    rows = [
        {"id": c.id, "name": c.name, "state": c.state, "split": c.split, "strokes": c.strokes, "missing": c.missing}
        for c in cases
    ]
    if json:
        print_json({**summary, "recovered": recovered, "images": rows})
        return
    if recovered:
        typer.echo(recovered)
    print_table(str(folder), ("id", "image", "state", "split", "strokes", "missing"), [tuple(r.values()) for r in rows])


@project_app.command()
def verify(folder: Folder) -> None:
    """Check every stored tile and the chain of the history."""
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        problems = project.verify()
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo("All tiles and all rows of the history are as they were written.")


@project_app.command()
def retrain(
    folder: Folder,
    weights: Annotated[Optional[str], typer.Option(help="Id, task or file; default: the adopted ones.")] = None,
    network: Annotated[str, typer.Option(help="Name of the network.")] = "cmunext-xxs",
    epochs: Annotated[int, typer.Option(min=1)] = 30,
    minutes: Annotated[Optional[float], typer.Option(min=0, help="No more epochs than fit into it.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    mapping: Annotated[Optional[str], typer.Option("--map", help=MAP_HELP)] = None,
    ignore: Annotated[Optional[int], typer.Option(help=IGNORE_HELP)] = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Use the new weights if the gate lets them in.")] = False,
) -> None:
    """Fine-tune on the accepted corrections and compare before and after."""
    from napari_medseg.app.process import run_to_end
    from napari_medseg.app.review import review_run
    from napari_medseg.app.train import RetrainOptions, adopt_run, plan_retrain
    from napari_medseg.errors import InputError, TrainingError
    from napari_medseg.inference.device import resolve_device
    from napari_medseg.io import parse_rule
    from napari_medseg.project import Project
    from napari_medseg.project.runs import WEIGHTS_FILE

    rule = parse_rule(mapping, ignore)
    resolve_device(device)
    with Project.open(folder) as project:
        chosen = weights or project.adopted()
        if chosen is None:
            raise InputError("no weights were adopted in this project yet. Name some with --weights.")
        options = RetrainOptions(
            network=network, weights=chosen, epochs=epochs, minutes=minutes, device=device, seed=seed, rule=rule
        )
        spec, run_folder = plan_retrain(project, options)
        run = project.add_run(spec.to_json(), run_folder.relative_to(project.path))
        try:
            with progress_bar() as progress:
                run_to_end(
                    run_folder,
                    on_event=lambda e: (
                        progress(e["epoch"] / e["epochs"], f"epoch {e['epoch']} of {e['epochs']}")
                        if e["event"] == "epoch"
                        else None
                    ),
                    go_on="To go on from the last epoch, open the project with medseg app and press Resume.",
                )
        except TrainingError:
            project.set_run(run, "failed")
            raise
        review = review_run(project, run, spec, run_folder, device=device)
        cells = [
            (r.name, f"{r.dice_before:.3f}", f"{r.dice_after:.3f}", f"{r.hd95_before:.1f}", f"{r.hd95_after:.1f}")
            for r in review.rows
        ]
        print_table("Held-out images", ("image", "Dice before", "Dice after", "HD95 before", "HD95 after"), cells)
        for check in review.verdict.checks:
            typer.echo(f"{'passed' if check.passed else 'FAILED'}  {check.text}")
        if adopt and review.verdict.adopt:
            typer.echo(f"adopted {adopt_run(project, run, run_folder / WEIGHTS_FILE)}")
        else:
            typer.echo(run_folder / WEIGHTS_FILE)


@project_app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    format: Format = DEFAULT_FORMAT,
    objects: Annotated[bool, typer.Option("--objects", help="Also write each object by a number.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write the accepted masks."""
    from napari_medseg.app.export import export_losses, export_project
    from napari_medseg.project import Project

    with print_done(), Project.open(folder) as project, progress_bar() as progress:
        for told in export_losses(project, format=format, objects=objects):
            typer.echo(told, err=True)
        written = export_project(project, out, format=format, objects=objects, overwrite=overwrite, progress=progress)
    for path in written:
        typer.echo(path)

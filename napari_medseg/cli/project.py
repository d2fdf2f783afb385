"""``medseg project``: the correct-and-retrain loop without a window."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from napari_medseg.cli.output import (
    DEFAULT_FORMAT,
    IGNORE_HELP,
    MAP_HELP,
    Anatomy,
    Code,
    Format,
    Overwrite,
    Patient,
    Report,
    print_done,
    print_json,
    print_table,
    progress_bar,
    tell_left_out,
)
from napari_medseg.cli.rounds import adopt as adopt_round
from napari_medseg.cli.rounds import rollback, rounds
from napari_medseg.cli.training import MOST_SEED

if TYPE_CHECKING:
    from napari_medseg.app.review import Review
    from napari_medseg.app.round import Round
    from napari_medseg.app.unfinished import Unfinished
    from napari_medseg.project import Project

project_app = typer.Typer(help="The correct-and-retrain loop without a window.", no_args_is_help=True)
project_app.command()(rounds)
project_app.command("adopt")(adopt_round)
project_app.command()(rollback)
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
    masks: Annotated[
        Optional[Path], typer.Option(help="Finished masks, a folder or a file: stored and accepted.")
    ] = None,
    classes: Annotated[
        Optional[list[str]],
        typer.Option(help="NUMBER=NAME of a class in the masks, kept with the project. Repeatable."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Images that have a mask already get the new one as a correction.")
    ] = False,
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
    if masks is None and (mapping is not None or ignore is not None or names or update):
        raise InputError(
            "--classes, --map, --ignore and --update are about masks; expected --masks. Name their folder."
        )
    tell_left_out(paths, masks)
    split = "heldout" if held_out else "train"
    with Project.open(folder) as project, progress_bar() as progress:
        if masks is None:
            added, refused = add_images(
                project,
                paths,
                group=group,
                patients=patients,
                split=split,
                progress=progress,
                tell=lambda words: typer.echo(words, err=True),
            )
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
                update=update,
                progress=progress,
            )
            added, refused = [*result.cases, *result.updated], result.refused
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
        what = "1 image was not added" if len(refused) == 1 else f"{len(refused)} images were not added"
        raise PartlyDoneError(refused, what, added)


@project_app.command()
def remove(
    folder: Folder,
    images: Annotated[list[str], typer.Argument(help="Names or ids of images, as 'status' lists them.")],
) -> None:
    """Take images off the list; their files stay, and adding one again brings back what was drawn on it."""
    from napari_medseg.app.images import listed
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        for case in listed(project, images):
            project.remove(case.id)
            typer.echo(case.name)


@project_app.command()
def status(folder: Folder, json: Json = False) -> None:
    """Show the images and how far each is."""
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        summary, cases, recovered = project.summary(), project.cases(), project.recovered
    rows = [
        {
            **{"id": c.id, "name": c.name, "state": c.state, "split": c.split, "strokes": c.strokes},
            **{"missing": c.missing, "frames": c.frames},
        }
        for c in cases
    ]
    if json:
        print_json({**summary, "recovered": recovered, "images": rows})
        return
    if recovered:
        typer.echo(recovered)
    heads: tuple[str, ...] = ("id", "image", "state", "split", "strokes", "missing", "accepted frames")
    if not any(row["frames"] for row in rows):
        heads = heads[:-1]
    print_table(str(folder), heads, [tuple(row.values())[: len(heads)] for row in rows])


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
    context: typer.Context,
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the last round, which broke off or was never judged.")
    ] = False,
) -> None:
    """Fine-tune on the accepted corrections and compare before and after."""
    from napari_medseg.app.plan_round import RetrainOptions
    from napari_medseg.app.round import Round
    from napari_medseg.errors import InputError
    from napari_medseg.inference.device import resolve_device
    from napari_medseg.io import parse_rule
    from napari_medseg.project import Project

    rule = parse_rule(mapping, ignore)
    resolve_device(device)
    if resume:
        _check_planned(context)
    with Project.open(folder) as project:
        if resume:
            round_ = Round.again(project, _left(project), device=device, minutes=minutes)
        else:
            chosen = weights or project.adopted()
            if chosen is None:
                raise InputError("no weights were adopted in this project yet. Name some with --weights.")
            options = RetrainOptions(
                network=network, weights=chosen, epochs=epochs, minutes=minutes, device=device, seed=seed, rule=rule
            )
            round_ = Round.new(project, options)
        review = _run(round_, adopt=adopt)
    cells = []
    for r in review.rows:
        scores = (r.dice_before, r.dice_after), (r.hd95_before, r.hd95_after)
        figures = [f"{one:.{digits}f}" for pair, digits in zip(scores, (3, 1), strict=True) for one in pair]
        cells.append((r.name, "as proposed" if r.as_proposed else "corrected", *figures))
    columns = ("image", "mask", "Dice before", "Dice after", "HD95 before", "HD95 after")
    print_table("Held-out images", columns, cells)
    if review.epochs is not None:
        typer.echo(f"stopped after {review.epochs} epochs: no more fit into the time limit")
    marks = {True: "passed", False: "FAILED", None: "open"}
    for check in review.verdict.checks:
        typer.echo(f"{marks[check.passed]:6}  {check.text}")
    if round_.weights is None:
        typer.echo(f"To use them: medseg project adopt {shlex.quote(str(folder))} {round_.run_id}", err=True)
    typer.echo(round_.made if round_.weights is None else f"adopted {round_.weights}")


def _check_planned(context: typer.Context) -> None:
    """A round that goes on does so as it was planned."""
    from napari_medseg.errors import InputError

    given = {name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
    flags = {"mapping": "--map"}
    planned = sorted(
        flags.get(name, f"--{name}") for name in given & {"weights", "network", "epochs", "seed", "mapping", "ignore"}
    )
    if planned:
        raise InputError(
            f"{planned[0]} is given with --resume; expected none, since the round goes on as it was planned. "
            "Leave it out, or start anew without --resume."
        )


def _judged(project: "Project") -> str:
    runs = project.runs()
    if not runs or runs[-1].state != "kept":
        return ""
    return f", or use what the last came to: medseg project adopt {shlex.quote(str(project.path))} {runs[-1].id}"


def _left(project: "Project") -> "Unfinished":
    from napari_medseg.app.unfinished import unfinished
    from napari_medseg.errors import InputError

    left = unfinished(project)
    if left is None:
        raise InputError(
            f"{project.path} has no round to go on with; expected a last one that broke off after a whole epoch, or "
            f"was never judged. Start one without --resume{_judged(project)}."
        )
    return left


def _run(round_: "Round", *, adopt: bool) -> "Review":
    """Show how far it is; where it ends too early, say how to go on."""
    from napari_medseg.app.trainer_process import can_go_on, show_epochs
    from napari_medseg.errors import TrainingError

    go_on = "Go on from the last epoch with --resume."
    try:
        with progress_bar() as progress:
            progress(0.0, "preparing")
            round_.told.connect(show_epochs(progress))
            round_.changed.connect(lambda state: progress(1.0, "comparing") if state == "reviewing" else None)
            return round_.run(adopt=adopt)
    except TrainingError as error:
        if round_.folder is None or not can_go_on(round_.folder, error):
            raise
        raise TrainingError(f"{error} {go_on}") from error
    except KeyboardInterrupt:
        if round_.folder is not None and can_go_on(round_.folder, KeyboardInterrupt()):
            sys.stderr.write(f"The round was cancelled. {go_on}\n")
        raise


@project_app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    format: Format = DEFAULT_FORMAT,
    objects: Annotated[bool, typer.Option("--objects", help="Also write each object by a number.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also masks that nobody accepted, as they are now.")] = False,
    code: Code = None,
    anatomy: Anatomy = None,
    patient: Patient = False,
    report: Report = False,
    overwrite: Overwrite = False,
) -> None:
    """Write the accepted masks."""
    from napari_medseg.app.coding import parse_coded, remember_asked, with_report
    from napari_medseg.app.export import ACCEPTED, ALL, export_losses, export_project
    from napari_medseg.project import Project

    with print_done(), Project.open(folder) as project, progress_bar() as progress:
        classes = {one.label: one.name for one in project.classes()} or {1: ""}
        coded = parse_coded(code or [], anatomy or [], classes, patient=patient)
        coded = with_report(coded, format) if report else coded
        state = ALL if every else ACCEPTED
        for told in export_losses(project, state=state, format=format, objects=objects, patient=patient):
            typer.echo(told, err=True)
        written = export_project(
            project,
            out,
            state=state,
            format=format,
            objects=objects,
            overwrite=overwrite,
            coded=coded,
            progress=progress,
        )
        remember_asked(project, coded)
    for path in written:
        typer.echo(path)

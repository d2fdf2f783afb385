"""``medseg project rounds``, ``adopt`` and ``rollback``: which weights a project uses."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_medseg.cli.output import Json, print_json, print_table

Folder = Annotated[Path, typer.Argument(help="The project's folder.")]
COLUMNS = ("round", "when", "state", "weights", "judged", "in use")


def rounds(folder: Folder, json: Json = False) -> None:
    """List the rounds of retraining, and which weights are in use."""
    from napari_medseg.app.versions import versions
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        rows = [_row(run, project.adopted()) for run in project.runs()]
        used = [
            {"weights": one.weights, "when": one.adopted, "in_use": one.in_use, "sha256": one.sha256}
            for one in versions(project)
        ]
        adopted = project.adopted()
    if json:
        print_json({"rounds": rows, "were_in_use": used, "in_use": adopted})
        return
    cells = [
        (
            row["round"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row["when"])),
            row["state"],
            row["weights"] or "",
            {True: "better", False: "not better, or unsure", None: ""}[row["better"]],
            "yes" if row["in_use"] else "",
        )
        for row in rows
    ]
    print_table(str(folder), COLUMNS, cells)
    typer.echo(f"in use: {adopted or 'none adopted yet'}")


def _row(run: Any, adopted: str | None) -> dict[str, Any]:
    from napari_medseg.app.versions import failed_checks, let_in

    return {
        "round": run.id,
        "when": run.created,
        "state": run.state,
        "weights": None if run.weights is None else str(run.weights),
        "better": let_in(run.result),
        "against": failed_checks(run.result),
        "in_use": run.weights is not None and str(run.weights) == adopted,
    }


def adopt(
    folder: Folder,
    number: Annotated[int, typer.Argument(metavar="ROUND", help="Its number, see 'medseg project rounds'.")],
) -> None:
    """Use the weights of a round that was judged, also where the gate did not let them in."""
    from napari_medseg.app.versions import adopt_round
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        weights, against = adopt_round(project, number)
    for said in against:
        typer.echo(f"adopted all the same: {said}", err=True)
    typer.echo(weights)


def rollback(folder: Folder) -> None:
    """Use the weights that were in use before those of now."""
    from napari_medseg.app.versions import roll_back
    from napari_medseg.project import Project

    with Project.open(folder) as project:
        roll_back(project)
        typer.echo(project.adopted())

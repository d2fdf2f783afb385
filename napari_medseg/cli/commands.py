"""The commands, each a thin layer over ``napari_medseg.app``; heavy imports wait until a command runs."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from napari_medseg import __version__
from napari_medseg.cli.measure import measure
from napari_medseg.cli.model import export_model
from napari_medseg.cli.output import (
    IGNORE_HELP,
    MAP_HELP,
    Json,
    Network,
    Overwrite,
    check_log,
    print_json,
    print_table,
    progress_bar,
    tell_passed_over,
)
from napari_medseg.cli.predict import Device, Weights, predict
from napari_medseg.cli.project import project_app
from napari_medseg.cli.stack import stack
from napari_medseg.cli.training import train
from napari_medseg.cli.weights import weights_app

app = typer.Typer(
    help="Propose, correct, retrain and export masks of medical images. Research use only, no medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(weights_app, name="weights")
app.add_typer(project_app, name="project")
app.command()(predict)
app.command()(train)
app.command()(stack)
app.command()(measure)
app.command("export-model")(export_model)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"medseg {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say on stderr what is done, and where errors come from.")
    ] = False,
    log_file: Annotated[
        Optional[Path], typer.Option("--log-file", help="Where the log goes; it holds no names of images.")
    ] = None,
) -> None:
    if verbose or log_file is not None:
        from napari_medseg import log

        if log_file is not None:
            check_log(log_file)
        log.set_up(log_file, verbose=verbose)
        if log_file is not None and log.path_in_use() is None:
            from napari_medseg.errors import InputError

            raise InputError(f"--log-file is {log_file}, where no log can be written; expected a file. Name another.")


@app.command()
def formats(json: Json = False) -> None:
    """List the formats: what is read, what is written, and what of it is kept."""
    from napari_medseg.app.formats import COLUMNS, table

    if json:
        print_json([dict(zip(COLUMNS, row, strict=True)) for row in table()])
        return
    print_table("Formats", COLUMNS, table())


@app.command()
def codes(
    words: Annotated[Optional[list[str]], typer.Argument(help="Words that are looked for, such as kidney.")] = None,
    json: Json = False,
) -> None:
    """List the codes of what a class is and where it lies, for formats that hold them."""
    from napari_medseg.io.codes import WHAT, WHERE, search

    found: dict[str, dict[str, str]] = {}
    for use in (WHAT, WHERE):
        for one in search(" ".join(words or []), use):
            row = found.setdefault(one.id, {"id": one.id, "SNOMED CT": one.code, "meaning": one.meaning, "says": use})
            row["says"] = use if row["says"] == use else f"{WHAT}, {WHERE}"
    if json:
        print_json(list(found.values()))
        return
    if not found:
        typer.echo(f"No code has the words '{' '.join(words or [])}'. See all of them with 'medseg codes'.", err=True)
        return
    columns = ("id", "SNOMED CT", "meaning", "says")
    print_table("Codes", columns, [tuple(row[name] for name in columns) for row in found.values()])


@app.command()
def networks(json: Json = False) -> None:
    """List the networks."""
    from napari_medseg.networks import get_spec, list_networks
    from napari_medseg.weights import list_weights

    rows: list[dict[str, Any]] = []
    for name in list_networks():
        spec = get_spec(name)
        rows.append(
            {
                "name": name,
                "title": spec.title,
                "paper": spec.paper,
                "parameters": spec.parameters,
                "macs": spec.macs_256,
                "macs_tool": spec.macs_tool,
                "capabilities": list(spec.capabilities.names()),
                "most_classes": spec.capabilities.most_classes,
                "weights": [entry.id for entry in list_weights(network=name)],
                "assumptions": list(spec.assumptions),
            }
        )
    if json:
        print_json(rows)
        return
    cells = [
        (
            r["name"],
            r["title"],
            "" if r["parameters"] is None else f"{r['parameters']:,}",
            "" if r["macs"] is None else f"{r['macs'] / 1e9:.2f} G ({r['macs_tool'] or 'tool not named'})",
            " x ".join(str(side) for side in get_spec(r["name"]).input.size),
            ", ".join([*r["capabilities"], *_at_most(r["most_classes"])]),
            ", ".join(r["weights"]),
        )
        for r in rows
    ]
    print_table("Networks", ("name", "title", "parameters", "MACs", "at", "gives and takes", "weights"), cells)


def _at_most(classes: Optional[int]) -> list[str]:
    return [] if classes is None else ["one class" if classes == 1 else f"at most {classes} classes"]


@app.command()
def series(
    folder: Annotated[Path, typer.Argument(help="Folder of DICOM files, or a DICOMDIR.")],
    json: Json = False,
) -> None:
    """List the series of a folder and of those in it, each with a name by which other commands take it; no patient."""
    from napari_medseg.app.dicom_folders import choices_below
    from napari_medseg.app.series import note_of

    found = choices_below(folder)
    rows: list[dict[str, Any]] = [
        {
            "path": [str(path) for path in one.images],
            "modality": one.modality,
            "description": one.description,
            "number": one.number,
            "slices": one.count,
            "size": one.size,
            "note": note_of(one),
        }
        for one in found
    ]
    if json:
        print_json(rows)
        return
    if not found:
        typer.echo("no DICOM images there", err=True)
    columns = ("modality", "description", "number", "slices", "size", "note")
    print_table(str(folder), columns, [tuple(row[name] for name in columns) for row in rows])
    for one in found:
        for path in one.images:
            typer.echo(path)


@app.command()
def evaluate(
    images: Annotated[Path, typer.Option(help="Folder of images.")],
    masks: Annotated[Path, typer.Option(help="Folder of masks, paired by stem.")],
    weights: Weights,
    network: Network = "cmunext-xxs",
    objects: Annotated[
        bool, typer.Option("--objects", help="The masks number the objects: score these too (PQ).")
    ] = False,
    mapping: Annotated[Optional[str], typer.Option("--map", help=MAP_HELP)] = None,
    ignore: Annotated[Optional[int], typer.Option(help=IGNORE_HELP)] = None,
    json: Annotated[Optional[Path], typer.Option(help="Also write the figures to this file.")] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Score proposals against reference masks."""
    from json import dumps

    from napari_medseg.app.batch import check_apart, check_free
    from napari_medseg.app.evaluate import evaluate as run
    from napari_medseg.app.evaluate import is_report
    from napari_medseg.app.predict import PredictRequest
    from napari_medseg.io import check_writable, find_pairs, parse_rule, write_text

    rule = parse_rule(mapping, ignore)
    pairs = find_pairs(images, masks)
    tell_passed_over([images], masks)
    if json is not None:
        # now, not after an hour of scoring
        if not (json.is_dir() or is_report(json)):
            check_free([json], overwrite=overwrite)
        check_apart([json], (path for pair in pairs for path in pair))
        check_writable(json)
    with progress_bar() as progress:
        request = PredictRequest(network=network, weights=weights, device=device)
        report = run(pairs, request, objects=objects, rule=rule, progress=progress)
    for turned in report["told"]:
        typer.echo(turned, err=True)
    if json is not None:
        write_text(json, dumps(report, indent=1))
    rows = [
        (score, f"{value:.4f}", "{:.4f} to {:.4f}".format(*report["interval95"][score]))
        for score, value in report["mean"].items()
    ]
    print_table(f"{report['weights']}, n = {report['n']}", ("score", "mean", "95 % interval"), rows)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("demo-output"),
    headless: Annotated[bool, typer.Option("--headless", help="Without a window.")] = False,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the retraining.")] = 4,
    device: Device = "auto",
) -> None:
    """Run the whole loop on sample images."""
    if not headless:
        open_app(paths=[], sample_project=True)
        return
    from napari_medseg.app.demo import run_demo

    with progress_bar() as progress:
        result = run_demo(out, epochs=epochs, device=device, progress=progress)
    rows = [(name, f"{value:.3f}") for name, value in result.proposals.items()]
    print_table("Proposals before correction", ("image", "Dice"), rows)
    compared = [(r.name, f"{r.dice_before:.3f}", f"{r.dice_after:.3f}") for r in result.comparison]
    print_table("Held-out images, before and after retraining", ("image", "before", "after"), compared)
    typer.echo(
        "The new weights were "
        + ("adopted." if result.adopted else "not adopted: they score no better on the held-out images.")
    )
    typer.echo(f"Wrote {result.project}")
    for path in result.written:
        typer.echo(f"Wrote {path}")


@app.command("app")
def open_app(
    paths: Annotated[Optional[list[Path]], typer.Argument(help="Images, or a project.")] = None,
    sample_project: Annotated[bool, typer.Option(help="Open a project of sample images.")] = False,
) -> None:
    """Open napari with the panel."""
    from napari_medseg.errors import OperationError

    if find_spec("napari") is None:
        raise OperationError('napari is not installed. Install it: pip install "napari-medseg[gui]".')
    from napari_medseg.cli.display import check_display
    from napari_medseg.widgets.launch import launch

    check_display()
    launch(paths or [], sample_project=sample_project)


@app.command()
def benchmark(
    what: Annotated[str, typer.Argument(help="speed, engines, accuracy, gui, memory, kill, livewire or fuzz.")],
    arguments: Annotated[Optional[list[str]], typer.Argument(help="Passed on to the script.")] = None,
) -> None:
    """Run a script of the checkout's benchmarks folder."""
    import subprocess

    import napari_medseg
    from napari_medseg.errors import InputError, UnknownNameError

    folder = Path(napari_medseg.__file__).resolve().parent.parent / "benchmarks"
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; benchmarks come with a checkout. Clone the repository.")
    names = ("speed", "engines", "accuracy", "gui", "memory", "kill", "livewire", "fuzz")
    scripts = {name: folder / f"{name}.py" for name in names}
    present = tuple(name for name, path in scripts.items() if path.is_file())
    if what not in present:
        raise UnknownNameError("benchmark", what, present)
    raise typer.Exit(subprocess.run([sys.executable, str(scripts[what]), *(arguments or [])]).returncode)

"""How the command line shows things."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from napari_medseg.names import one_line

LINE_SECONDS = 10.0
MAP_HELP = "Which classes numbers in the masks are: 100=1,200=2 or 1-65535=1."
IGNORE_HELP = "Number in the masks that does not count, such as 255."

# as the table of formats has it first; to say it here costs no import
DEFAULT_FORMAT = "tiff"

Format = Annotated[str, typer.Option(help="Name of a format that masks are written in, see 'medseg formats'.")]
Code = Annotated[
    Optional[list[str]],
    typer.Option(help="What a class is: NUMBER=CONCEPT, see 'medseg codes'. For formats that hold codes. Repeatable."),
]
Anatomy = Annotated[
    Optional[list[str]],
    typer.Option(help="Where classes lie: CONCEPT, or NUMBER=CONCEPT, see 'medseg codes'. Repeatable."),
]
Patient = Annotated[
    bool, typer.Option("--patient", help="Name patient and study as the image does, in formats that hold them.")
]
Report = Annotated[
    bool, typer.Option("--sr", help="Beside DICOM-SEG also what each lesion measures, as DICOM SR (TID 1500).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Network = Annotated[str, typer.Option(help="Name of the network, see 'medseg networks'.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Files that are there may be replaced.")]


def check_log(path: Path) -> None:
    """Make sure that the file which a person named for the log is not one of theirs: it would grow, and a long one be
    moved away.

    Raises
    ------
    InputError
        If it holds other than a log.
    """
    from napari_medseg.errors import InputError

    start = b""
    # what cannot be read is told when it is written
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as stream:
                start = stream.read(64)
    if start and not re.match(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ [A-Z]+ ", start):
        raise InputError(
            f"--log-file is {path}, which holds other than a log; expected a log, or a new file. Name another."
        )


@contextmanager
def print_done() -> Iterator[None]:
    """Of several files, those that were written are printed where others could not be."""
    from napari_medseg.errors import PartlyDoneError

    try:
        yield
    except PartlyDoneError as error:
        for path in error.done:
            typer.echo(path)
        raise


def print_json(value: Any) -> None:
    """Plain JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=1, default=str) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout, as wide as it needs where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # not as markup: a case may be called [left] eye
        table.add_row(*(Text(one_line(str(cell))) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    # not the table's own title: that wraps at the width of a narrow table
    console.print(Text(one_line(title), style="bold"))
    console.print(table)


def _tell(lines: Iterable[str]) -> None:
    for said in filter(None, lines):
        sys.stderr.write(f"{one_line(said)}\n")


def tell_passed_over(folders: Sequence[Path], masks: Path | None = None) -> None:
    """Say on stderr, in a line for each folder of images and that of masks, how much of it is not taken."""
    from napari_medseg.app.dicom_folders import left_out_below

    _tell(left_out_below(folders))
    _tell_none(folders, masks)


def _tell_none(folders: Sequence[Path], masks: Path | None) -> None:
    """Of folders, what is no image, and what is no mask of the other."""
    from napari_medseg.app.dicom_folders import left_out_below
    from napari_medseg.io.passed import passed_told

    # of DICOM in its folders, another sentence says more
    _tell(passed_told(folder, folders=not left_out_below([folder])) for folder in folders)
    if masks is not None and masks not in folders:
        _tell([passed_told(masks, masks=True)])


def tell_left_out(paths: Sequence[Path], masks: Path | None = None) -> None:
    """Say on stderr which files of folders are taken for results, not images, and what in their folders is not."""
    from napari_medseg.app.dicom_folders import left_out_below
    from napari_medseg.io import walk_images

    _tell(left_out_below(paths))
    # whoever finds no image in a folder says so alone
    _, left_out = walk_images(paths)
    _tell_none(paths, masks)
    if left_out:
        sys.stderr.write(
            f"{len(left_out)} file(s) left out as results of images beside them, first {one_line(str(left_out[0]))}\n"
        )


@contextmanager
def progress_bar() -> Iterator[Callable[[float, str], None]]:
    """Gives a function of fraction and text: a bar on a terminal, else a line on stderr every ten seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        last = time.monotonic()

        def line(fraction: float, text: str) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                sys.stderr.write(f"{fraction:4.0%} {one_line(text)}\n")
                sys.stderr.flush()

        yield line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=one_line(text))

"""Tables as CSV, which a spreadsheet opens and a script reads: text that nobody's spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_medseg.atomic import atomic_path
from napari_medseg.names import one_line

Cell = str | int | float | None
# how a formula begins in Excel, LibreOffice and others (OWASP, "CSV Injection"), in wide letters too
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_GUARD = "'"
# without it, Excel takes UTF-8 for the computer's own letters
_MARK = "\ufeff"


def cell_text(cell: Cell) -> str:
    """A cell as it is written: numbers with a point and at most seven digits, text on one line and never a formula.

    Text that a spreadsheet would run, or that begins as one does, gets an apostrophe in front. A number is none,
    whatever its sign.
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        # tabs and line ends are looked for before they are written out
        formula = cell.lstrip(" ").startswith(_FORMULA)
        return f"{_GUARD if formula else ''}{one_line(cell)}"
    return str(int(cell)) if float(cell).is_integer() else repr(float(f"{cell:.7g}"))


def table_text(rows: Iterable[Sequence[Cell]], *, between: str = ",") -> str:
    """Rows as text, one a line; cells are quoted where they have to be."""
    stream = io.StringIO()
    csv.writer(stream, delimiter=between, lineterminator="\n").writerows(map(cell_text, row) for row in rows)
    return stream.getvalue()


def write_csv(path: str | Path, rows: Iterable[Sequence[Cell]]) -> Path:
    """Write a table as CSV in UTF-8 with a byte order mark, whole or not at all; rows may be made while it is written.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(_MARK)
        for row in rows:
            stream.write(table_text([row]))
    return Path(path)

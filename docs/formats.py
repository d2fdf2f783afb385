"""Writes what stands in other files and follows from the table of formats: ``make formats``.

The manifest (napari reads it without running us) and the table in ``reference/files.md``. A test compares them.
"""

from __future__ import annotations

import re
from pathlib import Path

from napari_medseg.app.formats import COLUMNS, table
from napari_medseg.io import FORMATS, WRITE_SUFFIXES
from napari_medseg.io.table import suffixes

ROOT = Path(__file__).parents[1]
MANIFEST, PAGE = ROOT / "napari_medseg" / "napari.yaml", ROOT / "docs" / "reference" / "files.md"
BEGIN, END = "<!-- formats: written by make formats -->\n\n", "\n<!-- end of formats -->\n"


def manifest(text: str) -> str:
    """The manifest with the suffixes of the table."""
    ours = tuple(one for one in FORMATS if one.reader)
    lines = {
        "filename_patterns": _listed([f"*{suffix}" for suffix in suffixes(ours)]),
        "accepts_directories": str(any(one.gives.folder for one in ours)).lower(),
        "filename_extensions": _listed(WRITE_SUFFIXES),
    }
    for key, value in lines.items():
        text, found = re.subn(rf"(?m)^( *{key}: ).*$", rf"\g<1>{value}", text)
        if found != 1:
            raise ValueError(f"{MANIFEST} has {found} lines '{key}'; expected one")
    return text


def _listed(words: list[str] | tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def page(text: str) -> str:
    """The page with the table of formats between its two marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no lines {BEGIN!r} and {END!r}; expected both")
    rows = [COLUMNS, ("---",) * len(COLUMNS), *table()]
    return before + begin + "".join(f"| {' | '.join(row)} |\n" for row in rows) + end + after


def main() -> None:
    """Write both files anew."""
    for path, write in ((MANIFEST, manifest), (PAGE, page)):
        path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

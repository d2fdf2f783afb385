"""The manual that comes with the package: the pages of ``docs``, readable without a network."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.errors import InputError
from napari_medseg.words import tr

PACKAGE = Path(__file__).parents[1]
CONTENTS, GLOSSARY = "README.md", "reference/glossary.md"
# the page of each section of the panel
SECTIONS = {
    "Propose": "how-to/propose.md",
    "Correct": "how-to/correct.md",
    "Retrain": "how-to/retrain.md",
    "Export": "how-to/export.md",
}


def manual_folder() -> Path:
    """Where the pages lie: in the installed package (``setup.py`` puts them there), or in the checkout around it.

    Raises
    ------
    InputError
        If they are at neither place.
    """
    places = (PACKAGE / "docs", PACKAGE.parent / "docs")
    for folder in places:
        if (folder / CONTENTS).is_file():
            return folder
    raise InputError(
        tr("The pages of help are missing; expected them in {folder}. Install napari-medseg again.", folder=places[0])
    )


def page_in(folder: Path, path: Path) -> Path | None:
    """A file of the manual, its path made plain; None for whatever lies outside, or is not there."""
    whole, top = path.resolve(), folder.resolve()
    return whole if whole.is_file() and whole.is_relative_to(top) else None

"""Files that would be replaced, in words."""

from __future__ import annotations

from napari_medseg.errors import FilesThereError
from napari_medseg.words import mark, tr, trn

REPLACE = mark("Replace files that are there")


def files_there(error: FilesThereError) -> str:
    """Files that would be replaced, and what to tick."""
    first, count = error.paths[0], len(error.paths)
    named = {"first": first.name, "folder": first.parent, "of": error.of, "tick": tr(REPLACE)}
    if error.of == 1:
        return tr(
            "{first} is in {folder} already, so nothing was written. Tick '{tick}', or choose another folder.", **named
        )
    return trn(
        "{first}, one of {of} files to write, is in {folder} already, so nothing was written. Tick '{tick}', or choose "
        "another folder.",
        "{n} of {of} files to write, first {first}, are in {folder} already, so nothing was written. Tick '{tick}', or "
        "choose another folder.",
        count,
        **named,
    )

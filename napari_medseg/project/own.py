"""What the program itself writes into a project's folder. None of it is an image to add, however it comes in."""

from __future__ import annotations

import re
from pathlib import Path

from napari_medseg.errors import InputError
from napari_medseg.io import is_there
from napari_medseg.plain import real_path
from napari_medseg.project.database import FILE_NAME

# below the project's folder: runs, weights, and proposals for large images, which lie beside nothing else of that name
_OWN = re.compile(r"runs/\d+(/.*)?|weights/[^/]+\.safetensors|slides/\d+/proposal-\d+\.ome\.zarr(/.*)?")


def written_by(path: str | Path) -> Path | None:
    """The project that wrote a file or a folder for itself; None where none did.

    What is called ``runs`` or ``slides`` may be the person's own: only what the program writes in there counts.

    Parameters
    ----------
    path : path
        Need not be there.

    Returns
    -------
    Path or None
        The project's folder.
    """
    path = Path(path).absolute()
    for folder in path.parents:
        if _OWN.fullmatch(path.relative_to(folder).as_posix()) and is_there(folder / FILE_NAME):
            return folder
    return None


def check_not_own(path: str | Path) -> None:
    """Refuse as an image what the program wrote for itself, also where a link leads to it.

    Raises
    ------
    InputError
    """
    whose = written_by(path) or written_by(real_path(path))
    if whose is not None:
        raise InputError(
            f"{path} was written by MedSeg itself, for the project in {whose}; expected an image. Add the image that "
            "it was made of."
        )

"""The files that a project names: are they there, and are they still what they were?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_medseg.errors import ImageReadError, OperationError, ProjectError
from napari_medseg.io.belongs import image_sha256 as sha256_of
from napari_medseg.io.belongs import is_image
from napari_medseg.project.records import Case


def check_own(path: Path) -> None:
    """Make sure that a project's database has one name: under two, two windows could have it open.

    Raises
    ------
    ProjectError
        If it is a link, or has another name elsewhere.
    """
    if path.is_symlink():
        raise ProjectError(
            f"{path} is a link to {path.resolve()}; expected the project's own file. Open the folder that it lies in."
        )
    if path.stat().st_nlink > 1:
        raise ProjectError(
            f"{path} is one file with another elsewhere (a hard link); expected a file of its own. "
            "Copy it, and put the copy in its place."
        )


def fault(path: Path, sha256: str) -> str | None:
    """What is wrong with a file: ``gone``, ``changed``, or why it cannot be read; None where this hash is its own."""
    try:
        return None if is_image(path, sha256) else "changed"
    # slices that are no series any more
    except ImageReadError:
        return "changed"
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    # ValueError: a damaged path; OperationError: a library is missing
    except (OSError, ValueError, OperationError) as error:
        return (getattr(error, "strerror", None) or str(error)).lower()


def image_problems(cases: Iterable[Case]) -> list[str]:
    """Images that are not those that were added, a sentence each."""
    found = []
    for case in cases:
        wrong = fault(case.image, case.sha256)
        if wrong == "changed":
            found.append(f"{case.image} is not the file that was added: its bytes were changed.")
        elif wrong == "gone":
            found.append(f"{case.image} is gone. Bring it back, or add it again from where it is now.")
        elif wrong:
            found.append(f"{case.image} cannot be read ({wrong}). Check the drive, and who may read it.")
    return found


def image_sha256(path: Path) -> str:
    """As :func:`napari_medseg.io.belongs.image_sha256`; an ImageReadError where it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read ({error.strerror}). Check the path.") from error

"""DICOM in folders of folders: what lies there, and what a look at one folder alone leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from napari_medseg.app.intake import MOST_FOLDERS
from napari_medseg.app.series import Choice, choices_in, is_index
from napari_medseg.errors import InputError
from napari_medseg.io import walk_images
from napari_medseg.io.dicom_series import dicom_files, seems_dicom
from napari_medseg.words import tr, trn


def choices_below(place: str | Path) -> tuple[Choice, ...]:
    """The series of images of a folder and of all folders in it, or that a DICOMDIR names.

    Raises
    ------
    InputError
        If there is no such folder, it holds more than 2000 folders, or a DICOMDIR cannot be read.
    OperationError
        If the library for DICOM is missing.
    """
    place = Path(place)
    found = list(choices_in(place))
    if is_index(place):
        return tuple(found)
    for number, folder in enumerate(_below(place)):
        if number >= MOST_FOLDERS:
            raise InputError(
                tr(
                    "{folder} holds more than {most} folders; expected a folder of images. Choose one inside.",
                    folder=place,
                    most=MOST_FOLDERS,
                )
            )
        if seems_dicom(folder):
            found += choices_in(folder)
    return tuple(found)


def left_out_below(paths: Iterable[str | Path]) -> list[str]:
    """A sentence for each folder whose folders hold DICOM files that :func:`napari_medseg.io.walk_images` passes over.

    It takes of the folders right in a folder those that hold series of slices; a bounded number of them is looked at.
    """
    return [said for path in map(Path, paths) if _is_folder(path) and (said := _left_out(path))]


def _is_folder(path: Path) -> bool:
    # that a path cannot be looked at is told by whoever reads it
    with suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _left_out(path: Path) -> str:
    taken = set[Path]()
    # whoever looks for images in it says that there are none
    with suppress(InputError):
        images, results = walk_images([path])
        # a series of several in a folder lies in that folder
        taken = {place for image in (*images, *results) for place in (image, image.parent)}
    found: dict[Path, int] = {}
    for _, folder in zip(range(MOST_FOLDERS), _below(path), strict=False):
        if folder not in taken and seems_dicom(folder):
            found[folder] = len(dicom_files(folder))
    if not found:
        return ""
    return trn(
        "{n} DICOM file in a folder inside {path} was left out, first folder {first}: only folders right in it that "
        "hold a series of slices are taken. Give that folder by itself; 'medseg series' lists all.",
        "{n} DICOM files in folders inside {path} were left out, first {first}: only folders right in it "
        "that hold a series of slices are taken. Give those folders by themselves; 'medseg series' lists all.",
        sum(found.values()),
        path=path,
        first=next(iter(found)),
    )


def _below(place: Path) -> Iterator[Path]:
    """Folders in a folder, and in those, by name; hidden ones are left out, and what cannot be looked into."""
    for here, inner, _ in os.walk(place):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if Path(here) != place:
            yield Path(here)

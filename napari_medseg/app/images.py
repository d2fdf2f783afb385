"""Images into a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io import list_images, read_image
from napari_medseg.project import Case, Project


def add_images(
    project: Project,
    paths: Sequence[str | Path],
    *,
    group: str | None = None,
    split: str = "train",
    progress: Callable[[float, str], None] | None = None,
) -> tuple[list[Case], list[str]]:
    """Add image files, or all images of folders; each is read once, so that a damaged one is told at once.

    Returns
    -------
    added : list of Case
    refused : list of str
        One sentence for each image that was not added.

    Raises
    ------
    InputError
        If a folder is missing or holds no image.
    OutputError
        If the project cannot be written.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files.extend(list_images(path) if path.is_dir() else [path])
    added: list[Case] = []
    refused: list[str] = []
    for number, file in enumerate(files):
        if progress is not None:
            progress(number / len(files), file.name)
        try:
            image = read_image(file)
            added.append(
                project.add_case(
                    file, shape=image.shape2d, group=group, split=split, spacing=image.spacing, unit=image.unit
                )
            )
        except (ImageReadError, InputError) as error:
            refused.append(str(error))
    return added, refused

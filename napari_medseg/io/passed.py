"""What a look into folders for images passes over: whoever gave a folder is told that not all of it was taken."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io.formats import files_of
from napari_medseg.io.pairs import images_within, list_images, result_of
from napari_medseg.io.sidecar import ENDING
from napari_medseg.io.table import FORMATS, format_of, stem_of
from napari_medseg.plain import kind_of
from napari_medseg.words import trn


def passed_over(folder: str | Path, *, masks: bool = False) -> tuple[list[Path], list[Path]]:
    """Of a folder in which images are looked for, what is none.

    Left out are hidden files, what belongs to an image (the voxels of a header, the slices of a series), and what this
    program wrote beside images.

    Parameters
    ----------
    folder : str or Path
    masks : bool
        Masks are looked for.

    Returns
    -------
    files, folders : list of Path
        By name; none of what is itself an image, is no folder, or cannot be looked into.
    """
    folder = Path(folder)
    # whoever reads what is none, or closed to the user, says so
    if kind_of(folder) != "folder":
        return [], []
    taken: list[Path] = []
    # a folder without an image is told by whoever looks for one
    with suppress(InputError):
        taken = list_images(folder, masks=masks)
    if taken == [folder]:
        return [], []
    series = format_of(folder) if images_within(folder) else None
    known = {*taken, *(image.parent for image in taken)}
    for image in taken:
        with suppress(ImageReadError, ModuleNotFoundError):
            known.update(files_of(image))
    stems = {stem_of(image) for image in taken}
    files, folders = list[Path](), list[Path]()
    # whoever reads the folder says that it cannot be
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path in known or _is_ours(path, known, stems):
                continue
            kind = kind_of(path)
            if kind == "folder":
                # a slide's scanner keeps the pixels in a folder of its name
                if path.name not in stems:
                    folders.append(path)
            elif series is None or format_of(path) is not series:
                files.append(path)
    return files, folders


def _is_ours(path: Path, known: set[Path], stems: set[str]) -> bool:
    """Whether a file is hidden, a list of others, or of those that are written beside images."""
    if path.name.startswith(".") or path.name.upper() in {one.index for one in FORMATS if one.index}:
        return True
    beside = path.name.endswith(ENDING) and path.with_name(path.name.removesuffix(ENDING)) in known
    return beside or result_of(stem_of(path)) in stems


def passed_told(folder: str | Path, *, masks: bool = False, folders: bool = True) -> str:
    """What :func:`passed_over` finds, on one line; empty where nothing was passed over.

    Parameters
    ----------
    folder : str or Path
    masks : bool
        Masks are looked for.
    folders : bool
        Folders inside are told too.
    """
    files, inside = passed_over(folder, masks=masks)
    words = []
    if files:
        fields = {"folder": folder, "first": files[0].name}
        words.append(
            trn(
                "{n} file in {folder} is no mask that MedSeg reads: {first}.",
                "{n} files in {folder} are no masks that MedSeg reads, first {first}.",
                len(files),
                **fields,
            )
            if masks
            else trn(
                "{n} file in {folder} is no image that MedSeg reads: {first}.",
                "{n} files in {folder} are no images that MedSeg reads, first {first}.",
                len(files),
                **fields,
            )
        )
    if inside and folders:
        words.append(
            trn(
                "{n} folder inside {folder} was not looked into: {first}.",
                "{n} folders inside {folder} were not looked into, first {first}.",
                len(inside),
                folder=folder,
                first=inside[0].name,
            )
        )
    return " ".join(words)

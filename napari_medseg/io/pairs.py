"""Images and masks pair by stem."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from napari_medseg.errors import InputError
from napari_medseg.io.formats import READ_SUFFIXES, read_grid, stem_of, suffix_of
from napari_medseg.io.geometry import lay
from napari_medseg.io.image import Grid, Image

# what is written beside an image's stem
RESULTS = ("mask", "objects", "prob", "edges", "disagreement")


def list_images(folder: str | Path) -> list[Path]:
    """Image files of a folder, sorted by name; hidden files are left out.

    Raises
    ------
    InputError
        If the folder does not exist or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected a folder of images. Check the path.")
    try:
        found = sorted(p for p in folder.iterdir() if suffix_of(p) in READ_SUFFIXES and not p.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}). Check who may read it.") from error
    if not found:
        raise InputError(f"{folder} holds no image ({', '.join(READ_SUFFIXES)}). Choose a folder with images.")
    return found


def walk_images(paths: Iterable[str | Path]) -> tuple[list[Path], list[Path]]:
    """Image files, of folders all; what a folder holds of earlier results (``<stem>_mask`` beside ``<stem>``) is apart.

    Returns
    -------
    images : list of Path
    left_out : list of Path
        A file that is named by itself is never left out.

    Raises
    ------
    InputError
        If a folder does not exist or holds no image.
    """
    images: list[Path] = []
    left_out: list[Path] = []
    for path in map(Path, paths):
        if not _is_folder(path):
            images.append(path)
            continue
        files = list_images(path)
        stems = {stem_of(file) for file in files}
        results = [file for file in files if any(head in stems for head in _heads(stem_of(file)))]
        left_out += results
        images += [file for file in files if file not in results]
    return images, left_out


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # closed to the user, or a name that is too long: reading it as an image will say so
        return False


def _heads(stem: str) -> list[str]:
    """The image's stem, if this one is that of a result: ``a`` for ``a_mask`` and ``a_mask_2``."""
    return [stem[: stem.rindex(f"_{kind}")] for kind in RESULTS if f"_{kind}" in stem]


def by_stem(paths: Iterable[Path], *, end: str = "") -> dict[str, Path]:
    """Files by stem; an ``end`` such as ``_mask`` is no part of it.

    Raises
    ------
    InputError
        If two files have the same stem: which one is meant cannot be known. The message names both.
    """
    found: dict[str, Path] = {}
    for path in paths:
        stem = stem_of(path).removesuffix(end)
        if stem in found:
            raise InputError(
                f"{found[stem]} and {path} have the same stem '{stem}'; expected one file of each stem, as images and "
                "masks belong together by it. Rename one, or run them one after the other."
            )
        found[stem] = path
    return found


def match_masks(images: Iterable[Path], masks: str | Path) -> tuple[dict[Path, Path], int]:
    """Masks of a folder, named ``<stem>`` or ``<stem>_mask``, by image.

    Returns
    -------
    matched : dict of Path to Path
        Image to mask; an image without one is missing.
    count : int
        Masks in the folder.

    Raises
    ------
    InputError
        If the folder is missing or empty, or two images or two masks have the same stem.
    """
    named = by_stem(images)
    # where one folder holds both, only the name tells a mask
    together = Path(masks).resolve() in {path.parent.resolve() for path in named.values()}
    found = by_stem((p for p in list_images(masks) if not together or stem_of(p).endswith("_mask")), end="_mask")
    return {path: found[stem] for stem, path in named.items() if stem in found}, len(found)


def find_pairs(images: str | Path, masks: str | Path) -> list[tuple[Path, Path]]:
    """Pair images with masks named ``<stem>`` or ``<stem>_mask``.

    Returns
    -------
    list of (image path, mask path)

    Raises
    ------
    InputError
        If a folder is missing or empty, two files of one have the same stem, or an image has no mask; the message
        names the first such image.
    """
    # where one folder holds both
    together = Path(images).resolve() == Path(masks).resolve()
    files = [path for path in list_images(images) if not (together and stem_of(path).endswith("_mask"))]
    matched, _ = match_masks(files, masks)
    alone = [path.name for path in files if path not in matched]
    if alone:
        raise InputError(
            f"{len(alone)} image(s) in {images} have no mask in {masks}, first '{alone[0]}'; expected a file of the "
            "same stem. Add the masks or move the images away."
        )
    return list(matched.items())


def fit_mask(image: Image, mask: np.ndarray, *, image_path: Path, mask_path: Path) -> tuple[np.ndarray, str | None]:
    """A mask as it was read, on the pixels of its image.

    Returns
    -------
    mask : np.ndarray
        Of the image's shape.
    told : str or None
        What to tell the user, where the mask had to be turned.

    Raises
    ------
    ShapeError
        If it has another size than its image, or lies elsewhere; the message names both files and geometries.
    ImageReadError
        If the header of a volume cannot be used.
    """
    grid = read_grid(mask_path)
    if grid is None or grid.shape != mask.shape:
        # what no header tells, the pixels do
        grid = Grid(mask.shape)
    turn = lay(image.grid, grid, image_path=image_path, mask_path=mask_path)
    return turn(mask), turn.told


def check_sizes(pairs: Iterable[tuple[Path, Path]]) -> list[str]:
    """Check that masks lie on their images by the headers alone; a file whose header says nothing is passed over.

    Returns
    -------
    list of str
        A sentence for each mask that will be turned.

    Raises
    ------
    ShapeError, ImageReadError
        As :func:`fit_mask`.
    """
    told = []
    for image_path, mask_path in pairs:
        image, mask = read_grid(image_path), read_grid(mask_path)
        if image and mask and (turned := lay(image, mask, image_path=image_path, mask_path=mask_path).told):
            told.append(turned)
    return told

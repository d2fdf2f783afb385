"""Images and masks pair by stem."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.formats import READ_SUFFIXES


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
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in READ_SUFFIXES and not p.name.startswith("."))
    if not found:
        raise InputError(f"{folder} holds no image ({', '.join(READ_SUFFIXES)}). Choose a folder with images.")
    return found


def find_pairs(images: str | Path, masks: str | Path) -> list[tuple[Path, Path]]:
    """Pair images with masks named ``<stem>`` or ``<stem>_mask``.

    Returns
    -------
    list of (image path, mask path)

    Raises
    ------
    InputError
        If a folder is missing or empty, or an image has no mask; the message names the first such image.
    """
    by_stem = {path.stem.removesuffix("_mask"): path for path in list_images(masks)}
    pairs, alone = [], []
    for image in list_images(images):
        if image.stem.endswith("_mask") and Path(images) == Path(masks):
            continue
        mask = by_stem.get(image.stem)
        if mask is None or mask == image:
            alone.append(image.name)
        else:
            pairs.append((image, mask))
    if alone:
        raise InputError(
            f"{len(alone)} image(s) in {images} have no mask in {masks}, first '{alone[0]}'; expected a file of the "
            "same stem. Add the masks or move the images away."
        )
    return pairs


def check_pair(image: np.ndarray, mask: np.ndarray, *, image_path: Path, mask_path: Path) -> None:
    """Check that a mask has its image's size.

    Raises
    ------
    ShapeError
        If it has not; the message names both files and sizes.
    """
    if image.shape[:2] != mask.shape:
        raise ShapeError(
            f"mask {mask_path} is {mask.shape[0]} x {mask.shape[1]} px; its image {image_path} is "
            f"{image.shape[0]} x {image.shape[1]} px. Give a mask of the image's size."
        )

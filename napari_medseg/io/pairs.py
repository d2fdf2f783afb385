"""Images and masks pair by stem."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.formats import READ_SUFFIXES, stem_of, suffix_of
from napari_medseg.io.image import Image


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
    found = sorted(p for p in folder.iterdir() if suffix_of(p) in READ_SUFFIXES and not p.name.startswith("."))
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
    by_stem = {stem_of(path).removesuffix("_mask"): path for path in list_images(masks)}
    pairs, alone = [], []
    for image in list_images(images):
        if stem_of(image).endswith("_mask") and Path(images) == Path(masks):
            continue
        mask = by_stem.get(stem_of(image))
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


def check_pair(image: Image, mask: np.ndarray, *, image_path: Path, mask_path: Path) -> None:
    """Check that a mask has its image's size.

    Raises
    ------
    ShapeError
        If it has not; the message names both files and sizes.
    """
    if image.shape != mask.shape:
        have, wanted = (" x ".join(str(n) for n in shape) for shape in (mask.shape, image.shape))
        raise ShapeError(
            f"mask {mask_path} is {have} px; its image {image_path} is {wanted} px. Give a mask of the image's size."
        )

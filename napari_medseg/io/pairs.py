"""Images and masks pair by stem."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence, Set
from contextlib import suppress
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io.belongs import check_image
from napari_medseg.io.formats import name_of, read_grid, told_of
from napari_medseg.io.geometry import lay
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.sidecar import told_beside
from napari_medseg.io.table import FORMATS, READ_SUFFIXES, format_of, stem_of, without_inner
from napari_medseg.names import name_key, short_name
from napari_medseg.plain import real_path

# what is written beside an image's stem
RESULTS = ("mask", "objects", "prob", "edges", "disagreement", "lesions", "measurements")
MASK = "_mask"
_RESULT = re.compile(rf"(.+)_(?:{'|'.join(RESULTS)})(?:_\d+)?", re.DOTALL)


def list_images(folder: str | Path, *, masks: bool = False) -> list[Path]:
    """Image files of a folder, sorted by name; hidden files are left out, and folders save where a format is one.

    A folder that is one image itself, as a series of slices is, is all there is.

    Parameters
    ----------
    folder : str or Path
    masks : bool
        Files that may be masks instead: some formats hold either only.

    Raises
    ------
    InputError
        If the folder does not exist or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected a folder of images. Check the path.")
    within = images_within(folder)
    if not within and _is_image(folder, masks=masks):
        return [folder]
    indexes = tuple(one.index for one in FORMATS if one.index)
    try:
        seen = (p for p in folder.iterdir() if not p.name.startswith(".") and p.name.upper() not in indexes)
        found = sorted(p for p in seen if _is_image(p, masks=masks))
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}). Check who may read it.") from error
    # a folder among them may hold several
    found = [one for path in found for one in ((path.is_dir() and images_within(path)) or (path,))]
    if within:
        # files of its format are slices of these, or among them
        format = format_of(folder)
        found = [*within, *(file for file in found if format_of(file) is not format)]
    if not found:
        raise InputError(f"{folder} holds no image ({', '.join(READ_SUFFIXES)}). Choose a folder with images.")
    return found


def images_within(path: Path) -> tuple[Path, ...]:
    """Images of a folder, or of a file that lists others, where they are several; none of anything else."""
    format = format_of(path)
    if format is None or format.several is None or not (path.is_dir() or path.name.upper() == format.index):
        return ()
    with format.libraries():
        return format.several(path)


def _is_image(path: Path, *, masks: bool = False) -> bool:
    """Whether a file, or a folder, is an image by its name."""
    format = format_of(path)
    if format is None or format.read is None or not (format.gives.masks if masks else format.gives.images):
        return False
    # a folder may be called like an image: microscopes do that
    return format.gives.folder or not path.is_dir()


def walk_images(paths: Iterable[str | Path], *, known: Set[str] = frozenset()) -> tuple[list[Path], list[Path]]:
    """Image files, of folders all; what a folder holds of earlier results (``<stem>_mask`` beside ``<stem>``) is apart.

    So is what is called like a result and says of itself that this program wrote it as a mask, wherever its image is.

    Parameters
    ----------
    paths : iterable of path
    known : set of str
        Stems of images that lie elsewhere.

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
        within = images_within(path)
        if not within and (not _is_folder(path) or _is_image(path)):
            images.append(path)
            continue
        files = list_images(path) if _is_folder(path) else list(within)
        stems = {stem_of(file) for file in files} | known
        results = [file for file in files if _is_result(file, stems)]
        left_out += results
        images += [file for file in files if file not in results]
    images = _once(images)
    return images, [path for path in _once(left_out) if path not in images]


def _once(paths: list[Path]) -> list[Path]:
    """Without what is named twice, by itself and with its folder."""
    found: dict[Path, Path] = {}
    for path in paths:
        found.setdefault(path.absolute(), path)
    return list(found.values())


def _is_result(file: Path, stems: Set[str]) -> bool:
    image = result_of(stem_of(file))
    if image is None or image in stems:
        return image is not None
    # one that is damaged says nothing
    with suppress(ImageReadError, ModuleNotFoundError):
        return bool(told_of(file))
    return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # closed to the user, or a name that is too long: reading it as an image will say so
        return False


def result_of(stem: str) -> str | None:
    """The image's stem, if this one is that of a result: ``a`` for ``a_mask`` and ``a_mask_2``, not ``a_masked``."""
    found = _RESULT.fullmatch(stem)
    return found[1] if found else None


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Files by stem.

    Raises
    ------
    InputError
        If two files have the same stem: which one is meant cannot be known. The message names both.
    """
    return _unique((short_name(stem_of(path)), path) for path in paths)


def _unique(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for stem, path in named:
        if stem in found:
            # to the eye it is one name
            alike = str(found[stem]) != str(path) and name_key(str(found[stem])) == name_key(str(path))
            how = " (to the eye: one writes an accent as a sign of its own)" if alike else ""
            raise InputError(
                f"{found[stem]} and {path} have the same stem '{stem}'{how}; expected one file of each stem, as images "
                "and masks belong together by it. Rename one, or run them one after the other."
            )
        found[stem] = path
    return found


def match_masks(images: Iterable[Path], masks: str | Path | Sequence[Path]) -> tuple[dict[Path, Path], int]:
    """Masks of a folder, or files, named ``<stem>`` or ``<stem>_mask``, by image.

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
    folder = Path(masks) if isinstance(masks, (str, Path)) else None
    files = list(masks) if not isinstance(masks, (str, Path)) else list_images(masks, masks=True)
    # where one folder holds both, only the name tells a mask
    if folder is not None and real_path(folder) in {real_path(path.parent) for path in named.values()}:
        stems = {stem_of(file) for file in files}
        files = [file for file in files if _is_mask(stem_of(file), stems)]
    found = _unique((_owner(stem_of(file), named), file) for file in files)
    # some systems, and people, make no difference between A and a; where only one file can be meant, it is
    alone, spare = _by_key(set(named) - set(found)), _by_key(set(found) - set(named))
    also = {alone[key]: spare[key] for key in alone.keys() & spare.keys()}
    also |= _by_other_name({stem: named[stem] for stem in set(named) - set(found) - set(also)}, set(found) - set(named))
    owned = {stem: found[also.get(stem, stem)] for stem in named if also.get(stem, stem) in found}
    return {path: owned[stem] for stem, path in named.items() if stem in owned}, len(found)


def _by_other_name(images: dict[str, Path], masks: Collection[str]) -> dict[str, str]:
    """Images whose masks are called as the image is in a project, not by its file; where only one can be meant."""
    found: dict[str, list[str]] = {}
    for stem, path in images.items():
        for name in dict.fromkeys((name_of(path), name_of(path, alone=True))):
            if name in masks and name != stem:
                found.setdefault(name, []).append(stem)
    return {stems[0]: name for name, stems in found.items() if len(stems) == 1}


def _by_key(stems: Iterable[str]) -> dict[str, str]:
    """Stems by what is one to the eye; two of one key are left out."""
    keys: dict[str, list[str]] = {}
    for stem in stems:
        keys.setdefault(name_key(stem), []).append(stem)
    return {key: found[0] for key, found in keys.items() if len(found) == 1}


def _owner(stem: str, images: Collection[str]) -> str:
    """Stem of the image that a mask belongs to: its own where there is such an image, whatever it looks like."""
    own = short_name(stem)
    # this program once took .ome for a part of an image's stem
    return own if own in images else short_name(without_inner(stem.removesuffix(MASK)))


def _is_mask(stem: str, stems: Collection[str]) -> bool:
    """Whether a file among images is a mask: not so an image ``a_mask`` that has a mask ``a_mask_mask`` of its own."""
    return stem.endswith(MASK) and (stem + MASK not in stems or stem.removesuffix(MASK) in stems)


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
    files = list_images(images)
    # where one folder holds both
    if real_path(images) == real_path(masks):
        stems = {stem_of(file) for file in files}
        files = [file for file in files if not _is_mask(stem_of(file), stems)]
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
        What to tell the user, where the mask had to be turned, was made on an image of other bytes, may mean the
        contrary, or what stands beside it is not used.

    Raises
    ------
    ShapeError
        If it has another size than its image, or lies elsewhere; the message names both files and geometries.
    InputError
        If the mask's file says that it is another image's.
    ImageReadError
        If the header of a volume cannot be used.
    """
    grid = read_grid(mask_path)
    if grid is None or (mask.ndim == 2 and grid.shape != mask.shape):
        # what no header of an image tells, the pixels do
        grid = Grid(mask.shape)
    turn = lay(image.grid, grid, image_path=image_path, mask_path=mask_path)
    _check_whose(image_path, mask_path)
    told = filter(None, (turn.told, check_image(image_path, mask_path), *_told_of(mask_path)))
    return turn(mask), " ".join(told) or None


def _told_of(mask: Path) -> list[str]:
    """What to tell of a mask, whatever image it lies on."""
    format, beside = format_of(mask), told_beside(mask)
    words = () if format is None or format.doubt is None else format.doubt(mask)
    return [*(f"{mask}: {text}" for text in words), *filter(None, [beside])]


def _check_whose(image: Path, mask: Path) -> None:
    format = format_of(mask)
    if format is not None and format.check_image is not None:
        with format.libraries():
            format.check_image(mask, image=image)


def check_sizes(pairs: Iterable[tuple[Path, Path]]) -> list[str]:
    """Check that masks lie on their images by the headers alone; a file whose header says nothing is passed over.

    Returns
    -------
    list of str
        A sentence for each mask that will be turned, or was made on an image of other bytes.

    Raises
    ------
    ShapeError, InputError, ImageReadError
        As :func:`fit_mask`.
    """
    told = []
    for image_path, mask_path in pairs:
        image, mask = read_grid(image_path), read_grid(mask_path)
        if image and mask and (turned := lay(image, mask, image_path=image_path, mask_path=mask_path).told):
            told.append(turned)
        _check_whose(image_path, mask_path)
        told += filter(None, [check_image(image_path, mask_path), *_told_of(mask_path)])
    return told

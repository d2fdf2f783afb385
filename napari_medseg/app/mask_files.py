"""The masks that somebody has, a file for each image: some programs write one for many, or say less than it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from napari_medseg.classes import MOST_CLASS, Classes
from napari_medseg.errors import InputError
from napari_medseg.io import FORMATS, Grid, format_of, match_masks, read_grid, read_image
from napari_medseg.names import name_key
from napari_medseg.words import tr, trn

MASK_SUFFIXES = tuple(
    suffix for one in FORMATS if one.read is not None and one.gives.masks for suffix in one.suffixes if suffix
)


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """What there is.

    Attributes
    ----------
    matched : dict of Path to Path
        Image to mask; those that had to be written anew lie in a folder that is gone soon.
    count : int
        So many masks were given.
    told : tuple of str
        What of them was left out.
    named : dict of int to str
        Classes that were told by name alone, and are not known yet, by the numbers that they got.
    """

    matched: dict[Path, Path]
    count: int
    told: tuple[str, ...] = ()
    named: dict[int, str] = field(default_factory=dict)


@contextmanager
def mask_files(images: Sequence[Path], masks: Path | Sequence[Path], known: Classes) -> Iterator[MaskFiles]:
    """Masks by image.

    Parameters
    ----------
    images : sequence of Path
    masks : Path or sequence of Path
        A folder of files; or files, each a mask or the masks of many images.
    known : mapping of int to str
        Classes that there are: a mask that says names alone gets their numbers, and further ones the next.

    Raises
    ------
    InputError
        If the masks are not there, two belong to one image, or one cannot be read.
    OutputError
        If the disk is full.
    """
    with TemporaryDirectory(prefix="medseg-masks-") as temporary:
        place, told, left = Path(temporary), list[str](), 0
        files = [masks] if isinstance(masks, Path) and masks.is_file() else masks
        if not isinstance(files, Path):
            files, left = _apart(files, place, told)
        matched, count = match_masks(images, files)
        settled, named = _settled(matched, place, known)
        yield MaskFiles(settled, count + left, tuple(told), named)


def _apart(masks: Sequence[Path], folder: Path, told: list[str]) -> tuple[list[Path], int]:
    """Files of one mask each, and of how many images there is none; what is to be said of these goes to ``told``."""
    found, left = list[Path](), 0
    for number, path in enumerate(masks):
        format = format_of(path)
        if format is None or not format.gives.masks:
            raise InputError(
                tr(
                    "'{name}' is no file of masks; expected {suffixes}. Choose another.",
                    name=path.name,
                    suffixes=", ".join(MASK_SUFFIXES),
                )
            )
        # messages name what was given
        place = folder / "given" / str(number) / path.name
        place.mkdir(parents=True)
        empty = None if format.apart is None else format.apart(path, place)
        if empty is None:
            found.append(path)
            continue
        ours = sorted(place.iterdir())
        if not ours:
            raise InputError(
                tr("{path} holds no object; expected some on one image at least. Export it again.", path=path)
            )
        if empty:
            words = trn(
                "{n} image of '{name}' has no object there, and so no mask: {first}.",
                "{n} images of '{name}' have no object there, and so no mask; the first: {first}.",
                len(empty),
                name=path.name,
                first=empty[0],
            )
            told.append(words)
        found += ours
        left += len(empty)
    return found, left


def _settled(matched: Mapping[Path, Path], folder: Path, known: Classes) -> tuple[dict[Path, Path], dict[int, str]]:
    """The same, where masks that name their classes alone are written anew, with numbers and on their image's grid.

    And the names that are not known yet.
    """
    names = {image: found for image, mask in matched.items() if (found := _names_in(mask)) is not None}
    numbers = numbers_for(list(dict.fromkeys(name for found in names.values() for name in found)), known)
    settled = dict(matched)
    for at, image in enumerate(names):
        mask, format = matched[image], format_of(matched[image])
        assert format is not None
        assert format.settle is not None
        # as it is called, in a folder of its own
        target = folder / str(at) / mask.name
        target.parent.mkdir()
        format.settle(mask, target, grid=_flat_grid(image, mask), numbers=numbers)
        settled[image] = target
    return settled, {number: name for name, number in numbers.items() if name and number not in known}


def _names_in(mask: Path) -> list[str] | None:
    format = format_of(mask)
    return None if format is None or format.class_names is None else format.class_names(mask)


def _flat_grid(image: Path, mask: Path) -> Grid:
    grid = read_grid(image) or read_image(image).grid
    if len(grid.shape) != 2:
        raise InputError(
            tr(
                "mask {mask} lists objects of an image; {image} is a volume. Export the mask of the volume as NIfTI.",
                mask=mask,
                image=image,
            )
        )
    return grid


def numbers_for(names: Sequence[str], known: Classes) -> dict[str, int]:
    """Numbers of classes that are told by name: those that are known have theirs, the others the next that are free.

    Raises
    ------
    InputError
        If some objects have no class and others do, or there are too many.
    """
    if "" in names and len(names) > 1:
        others = ", ".join(f"'{name}'" for name in names if name)
        raise InputError(
            tr(
                "some objects of the masks have no class, and others are {others}; expected a class for each object. "
                "Give them one where they were drawn, and export the masks again.",
                others=others,
            )
        )
    by_key = {name_key(name): number for number, name in known.items()}
    found, free = dict[str, int](), (n for n in range(1, MOST_CLASS + 1) if n not in known)
    for name in names:
        number = 1 if not name else by_key.get(name_key(name)) or next(free, None)
        if number is None:
            raise InputError(
                tr(
                    "the masks have {n} classes; a project takes {most}. Make them fewer where they were drawn.",
                    n=len(names),
                    most=MOST_CLASS,
                )
            )
        found[name] = number
    return found


def only_masks(paths: Sequence[Path]) -> bool:
    """Whether files are of formats that hold masks and no images, or are told to by what is in them."""
    formats = [format_of(path) if path.is_file() else None for path in paths]
    return bool(formats) and all(one is not None and one.gives.masks and not one.gives.images for one in formats)

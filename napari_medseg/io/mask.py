"""From a picture to labels: what its numbers mean, and what a picture looks like that is no mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Image

# what stands for white in 8 and 16 bits; and so many greys at the rim of a mask are no labels
WHITE, RIM_GREYS = (255, 65535), 8
# what a file of ours says of its values, where they could be taken for something else
VALUES, NUMBERS, ONE_IS_WHITE = "values", "label numbers", "label 1 is white"
# who made each label, in the provenance: a network alone, a network and a person, or a person
MADE_KEY = "made"
# in the provenance of a mask whose numbers are objects, not classes
OBJECTS_KEY = "objects"
AUTOMATIC, SEMIAUTOMATIC, MANUAL = "automatic", "semiautomatic", "manual"
# by label: which tools chose pixels of what is semiautomatic though no network proposed any of it
TOOLS_KEY = "tools"
# greys up to here look black: those of a palette are then numbers too
DARK = 64
# a photograph has so many greys at least, and most of its neighbouring pixels differ
PHOTO_GREYS, PHOTO_PAIRS = 32, 1000
# so many numbers of a picture are looked at at once
_AT_ONCE = 1 << 20


def as_told(image: Image, told: object) -> Image:
    """A mask with what its file says of its values, if we wrote it: ``told`` is its provenance."""
    if says_numbers(told):
        return replace(image, numbered=True)
    if not isinstance(told, Mapping) or told.get(VALUES) != ONE_IS_WHITE:
        return image
    # a program that changed the picture may have kept the text: then it is a picture like any other
    white = image.data.max() in (0, *WHITE) and ((image.data == 0) | (image.data == image.data.max())).all()
    return replace(image, data=image.data > 0) if white else image


def says_numbers(told: object) -> bool:
    """Whether a file of ours says that its numbers are labels, whatever colours they are shown in."""
    return isinstance(told, Mapping) and told.get(VALUES) == NUMBERS


def to_labels(image: Image, path: Path, *, white: bool = True) -> np.ndarray:
    """The labels of a picture that was read as a mask.

    Parameters
    ----------
    image : Image
        (Y, X), (Y, X, 2 to 4: the last of 2 and 4 is an opacity) or a volume.
    path : Path
        For the messages.
    white : bool
        White of a mask in black and white is 1; with False, such a mask is bool.

    Returns
    -------
    np.ndarray
        (Y, X) or (Z, Y, X), uint8 or uint16, or bool; 0 is the background.

    Raises
    ------
    ImageReadError
        If it is no mask; the message says what it looks like.
    """
    data = image.data
    if data.ndim == 3 and not image.volume:
        data = _one_channel(data, path)
    if data.dtype == bool:
        return data.astype(np.uint8)
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise ImageReadError(
            f"{path} holds NaN or infinity; expected whole numbers as labels. Export the labels again."
        )
    if data.dtype.kind == "f" and (data != np.round(data)).any():
        some = "from 0 to 1, as a map of probabilities does" if 0 <= data.min() <= data.max() <= 1 else "between labels"
        raise ImageReadError(
            f"{path} holds fractions {some}; expected whole numbers as labels. Threshold a map; export labels as "
            "numbers."
        )
    low, high = int(data.min()), int(data.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise ImageReadError(f"{path} has labels from {low} to {high}; expected 0 to 65535. Renumber the labels.")
    labels = data.astype(np.uint8 if high <= 255 else np.uint16)
    values, counts = _histogram(labels)
    if high in WHITE and not image.numbered and set(values) <= {0, high}:
        return (labels == high).astype(np.uint8 if white else bool)
    if len(values) >= PHOTO_GREYS and _looks_photographed(labels):
        raise ImageReadError(
            f"{path} looks like a photograph or a scan, not labels: {len(values)} values, and most neighbours differ. "
            "Give the mask that was drawn on it."
        )
    if not image.volume and _looks_grey(values, counts, jpeg=image.lossy):
        raise ImageReadError(
            f"{path} looks like greys between black and white, not labels: {len(values)} values. JPEG and "
            "smoothing blur a mask's rim. Threshold it at half and export it as PNG."
        )
    if image.lossy and high < DARK:
        # such labels vanish in it, and it looks as if there had been none
        raise ImageReadError(
            f"{path} holds 0 to {high}, packed as a JPEG or its kin, which takes such labels for nothing; expected "
            "white on black, or numbers as they were drawn. Export the mask as PNG."
        )
    return labels


def choose_labels(numbers: np.ndarray, palette: np.ndarray, path: Path) -> tuple[np.ndarray, bool]:
    """The numbers of a palette, which are labels however they are shown.

    Parameters
    ----------
    numbers : np.ndarray
        (Y, X), integer.
    palette : np.ndarray
        (N, 3), uint8: the colour of each number.
    path : Path
        For the messages.

    Returns
    -------
    numbers : np.ndarray
    numbered : bool
        False where each number is its own grey, as in a picture without a palette.

    Raises
    ------
    ImageReadError
        If numbers and colours could both be meant, and differ.
    """
    used = _histogram(numbers)[0]
    colours = palette[np.minimum(used, len(palette) - 1)].astype(int)
    grey = (colours == colours[:, :1]).all()
    darkest = colours.sum(axis=1).min()
    # a program that packs a picture numbers its colours from 0 in some order
    packed = used[-1] == len(used) - 1 and darkest == 0
    if used[0] == 0 and colours[0].sum() > darkest and (grey or packed):
        raise ImageReadError(
            f"{path} shows its number 0, the background, as colour {_colour(colours[0])} and another number as "
            f"{_colour(colours[colours.sum(axis=1).argmin()])}; expected the background to be the darkest. "
            "Export it as greyscale, or with the numbers of its labels."
        )
    own = grey and (colours[:, 0] == used).all()
    if grey and not own and colours.max() < DARK and (np.diff(colours[:, 0]) > 0).all() and len(used) > 1:
        raise ImageReadError(
            f"{path} has the numbers {_list(used)} in a palette of the greys {_list(colours[:, 0])}, and either could "
            "be the labels; expected one of them. Export it as greyscale, without a palette."
        )
    return numbers, not own


def _colour(rgb: np.ndarray) -> str:
    return f"({', '.join(str(int(v)) for v in rgb)})"


def _list(values: np.ndarray) -> str:
    return ", ".join(str(int(v)) for v in values[:6]) + (" ..." if len(values) > 6 else "")


def _one_channel(data: np.ndarray, path: Path) -> np.ndarray:
    """The one channel of a picture whose colours agree and whose opacity hides nothing."""
    opacity = data[..., -1] if data.shape[-1] in (2, 4) else None
    colours = data if opacity is None else data[..., :-1]
    if (colours != colours[..., :1]).any():
        some = colours[:: max(1, colours.size // _AT_ONCE)].reshape(-1, 3)
        count = len(np.unique(some, axis=0))
        advice = (
            "Labels that were drawn as colours are exported as their numbers, or with a palette"
            if count <= PHOTO_GREYS
            else "It looks like an image, not a mask: give the mask that was drawn on it"
        )
        raise ImageReadError(
            f"{path} is a colour picture of shape {data.shape} and {count} colours; expected a mask with one channel. "
            f"{advice}."
        )
    grey = colours[..., 0]
    if opacity is not None:
        hidden = opacity.min() < opacity.max() or opacity.max() == 0
        if hidden and (((grey > 0) != (opacity > 0)).any() or not _two_values(opacity)):
            raise ImageReadError(
                f"{path} has a shape in its opacity that its greys do not have; expected labels, or white on black, "
                "in one channel. Flatten it onto black and export it as greyscale."
            )
    return grey


def _two_values(opacity: np.ndarray) -> bool:
    return bool(((opacity == 0) | (opacity == opacity.max())).all())


def _histogram(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and how often each is there, in pieces: the whole may be large."""
    flat, size = numbers.reshape(-1), int(numbers.max()) + 1
    counts = np.zeros(size, np.int64)
    for start in range(0, flat.size, _AT_ONCE):
        counts += np.bincount(flat[start : start + _AT_ONCE], minlength=size)
    values = np.flatnonzero(counts)
    return values, counts[values]


def _looks_photographed(labels: np.ndarray) -> bool:
    """Whether most neighbours along a row differ; labels have more inside than rim."""
    some = labels[:: max(1, labels.size // _AT_ONCE)]
    one, other = some[..., 1:], some[..., :-1]
    inside = (one > 0) & (other > 0)
    return bool(inside.sum() > PHOTO_PAIRS and (one == other)[inside].mean() < 0.5)


def _looks_grey(values: np.ndarray, counts: np.ndarray, *, jpeg: bool) -> bool:
    """Whether this is a mask in black and white with greys at its rim: as labels, each grey would be a class."""
    if jpeg:
        # of a JPEG no value is sure unless it has two at most
        return len(values) > 2
    rim = (values > 0) & (values < values[-1])
    white = values[-1] in WHITE and counts[-1] > 2 * counts[rim].max(initial=0)
    return bool(white and values[0] == 0 and rim.sum() >= RIM_GREYS)

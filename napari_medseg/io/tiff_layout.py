"""What a TIFF holds: an image, the slices of a volume, or more than that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_medseg.errors import ImageReadError
from napari_medseg.io.tiff_colours import has_opacity

PAGES_TOLD = "its {} pages were taken as the slices of one volume, as nothing in it says what they are."
COLOURS_TOLD = "it is in colour, and shown in grey, as volumes are."
PALETTE_TOLD = "it has a palette of colours, and its numbers were read."
# what slide scanners keep beside the slide
EXTRAS = ("Thumbnail", "Label", "Macro")
# tifffile's letters of axes that may be slices: depth, and pages of which nothing is said
SLICES = "ZIQ"
_WORDS = {"T": "times", "C": "channels", "Z": "slices", "S": "colours"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the one image or volume of a file is stored.

    Parameters
    ----------
    series, page
        tifffile's.
    shape : tuple of int
        To read: (Y, X) or (Z, Y, X), and channels behind it, or before (Y, X) where they are ``planar``.
    planar : bool
    slices : int
        0 of an image.
    told : tuple of str
        What a person should know of it.
    """

    series: Any
    page: Any
    shape: tuple[int, ...]
    planar: bool = False
    slices: int = 0
    told: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X), as stored."""
        rows, columns = int(self.page.imagelength), int(self.page.imagewidth)
        return (self.slices, rows, columns) if self.slices else (rows, columns)

    def __call__(self) -> np.ndarray:
        """The pixels, channels last."""
        data = self.series.asarray().reshape(self.shape)
        return np.moveaxis(data, -3, -1) if self.planar else data


def layout_of(file: tifffile.TiffFile, path: Path) -> Layout:
    """What a file holds, by its header.

    Raises
    ------
    ImageReadError
        If it holds several images, times or channels, or channels that are no grey or RGB.
    """
    found = _whole(file)
    series, page = found[0], found[0].keyframe
    if len(found) > 1:
        raise _several(path, found)
    _check_said(file, series, path)
    kept = [(int(n), axis) for n, axis in zip(series.shape, series.axes, strict=True) if n != 1 or axis in "YX"]
    shape, axes = tuple(n for n, _ in kept), "".join(axis for _, axis in kept)
    deep = [axis for axis in axes if axis not in "YXSC"]
    if not deep or _pixels_by_rows(shape, axes):
        return Layout(series, page, shape, planar=_channels(shape, axes, page, path))
    if len(deep) > 1 or deep[0] not in SLICES or "C" in axes or axes[0] != deep[0] or len(axes) > 4:
        raise _too_many(path, kept)
    told: tuple[str, ...] = (PAGES_TOLD.format(shape[0]),) if deep[0] == "I" else ()
    planar = False
    if len(axes) == 4:
        planar = _channels(shape[1:], axes[1:], page, path)
        told += (COLOURS_TOLD,)
    elif page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        told += (PALETTE_TOLD,)
    turned = int(page.tags.valueof(274, 1))
    if turned not in (0, 1):
        raise ImageReadError(
            f"{path} holds {shape[0]} slices that are looked at turned (orientation {turned}); expected them upright. "
            "Export the volume again so."
        )
    return Layout(series, page, shape, planar, shape[0], told)


def _several(path: Path, found: list[Any]) -> ImageReadError:
    """What to say of several images: whether they could be slices hangs on how they are alike."""
    words = [_in_words(one) for one in found]
    alike = len(set(words)) == 1
    what = f"each of {words[0]}" if alike else f"the first of {words[0]}, another of {_other(words)}"
    advice = "Save the one you need as a file of its own"
    if alike:
        # its writer said of each page that it is an image: who knows better says so
        advice += (
            "; if they are slices of one volume, save each as a file in one folder, and make a volume of that by "
            "'medseg stack'"
        )
    return ImageReadError(
        f"{path} holds {len(found)} images, saved one by one, {what}; expected one image, or the slices of one volume, "
        f"saved as one stack. {advice}."
    )


def _in_words(series: Any) -> str:
    page = series.keyframe
    sides = " x ".join(str(n) for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "SC")
    kind = {"f": " with fractions", "i": " with a sign"}.get(getattr(page.dtype, "kind", ""), "")
    return f"{sides} px in {'colour' if page.samplesperpixel > 2 else 'grey'} of {page.bitspersample} bits{kind}"


def _other(words: list[str]) -> str:
    return next(word for word in words if word != words[0])


def _check_said(file: tifffile.TiffFile, series: Any, path: Path) -> None:
    """Refuse a stack of ImageJ that has other pages than it says: tifffile then takes the first for all there is."""
    said = int((file.imagej_metadata or {}).get("images", 1)) if file.is_imagej else 1
    sides = dict(zip(series.axes, series.shape, strict=True))
    pages = int(np.prod([n for axis, n in sides.items() if axis not in "YXS"], dtype=np.int64))
    if said > 1 and series.kind != "imagej" and pages != said:
        raise ImageReadError(
            f"{path} says that it holds {said} slices, and {pages} of them are there; expected all. It is truncated or "
            "damaged, or was changed by another program: copy or export it again."
        )


def _whole(file: tifffile.TiffFile) -> list[Any]:
    """Images of a file; reduced copies are no further images, nor is what a scanner keeps beside its slide."""
    found = [series for series in file.series if not series.keyframe.is_reduced and series.name not in EXTRAS]
    found = found or list(file.series[:1])
    # some write a pyramid without a word
    return [found[0], *(one for one in found[1:] if not _is_level(one, found[0]))]


def _is_level(one: Any, first: Any) -> bool:
    """Whether an image is another in tiles, so many times smaller along both sides, as in a pyramid."""
    if not (first.keyframe.is_tiled and one.keyframe.is_tiled) or first.axes != one.axes or first.dtype != one.dtype:
        return False
    sides = [(int(first.shape[at]), int(one.shape[at])) for at in map(first.axes.index, "YX")]
    times = round(sides[0][0] / sides[0][1])
    return times > 1 and times & (times - 1) == 0 and all(abs(large / times - small) <= 1 for large, small in sides)


def _pixels_by_rows(shape: tuple[int, ...], axes: str) -> bool:
    """Whether this is an image whose colours were written as if they were its columns: no volume is so narrow."""
    return axes == "QYX" and shape[-1] in (3, 4)


def _channels(shape: tuple[int, ...], axes: str, page: Any, path: Path) -> bool:
    """Whether the channels of an image come first.

    Raises
    ------
    ImageReadError
        If they are no grey or RGB.
    """
    if len(shape) < 3:
        return False
    planar = axes[0] in "SC" and axes[-1] not in "SC"
    channels = shape[0] if planar else shape[-1]
    if len(shape) > 3 or (channels not in (1, 3, 4) and not (channels == 2 and has_opacity(page))):
        raise ImageReadError(
            f"{path} holds {channels} channels; expected one (grey) or three (RGB). "
            "Save the channel you need as a file of its own."
        )
    return planar


def _too_many(path: Path, kept: list[tuple[int, str]]) -> ImageReadError:
    """What to say of axes that are neither an image's nor a volume's."""
    counts = " x ".join(f"{n} {_WORDS.get(axis, 'pages')}" for n, axis in kept if axis not in "YX")
    letters = {axis for _, axis in kept}
    needed = " and ".join(word for axis, word in (("C", "the channel"), ("T", "the time")) if axis in letters)
    advice = f"Save {needed or 'the volume'} you need as a file of its own"
    if letters - set("YXS") == {"T"}:
        advice += ", or, where they are slices, say so where the file was made (in ImageJ: Image > Properties)"
    return ImageReadError(
        f"{path} holds {counts} of {' x '.join(str(n) for n, axis in kept if axis in 'YX')} px; expected one image, or "
        f"the slices of one volume in one channel. {advice}."
    )

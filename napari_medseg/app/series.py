"""Series of images to choose from: what a folder of DICOM files holds, or a DICOMDIR names, each with a small picture.

Nothing here names a patient: see decision 53.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io import format_of, read_image
from napari_medseg.io.dicom import refusal
from napari_medseg.io.dicom_beside import broken_beside
from napari_medseg.io.dicom_paths import images_of
from napari_medseg.io.dicom_series import INDEX, Series, lies_in, list_series, seems_dicom, series_at
from napari_medseg.io.format import Progress
from napari_medseg.words import tr, trn

# so many are few: whoever opens them most likely wants all
FEW = 5
# of a small picture, px
SIDE = 96


@dataclass(frozen=True, slots=True)
class Choice:
    """A series in a list, or all images beside the series.

    Parameters
    ----------
    series : Series
        Without a part where it is no series: images, each by itself.
    images : tuple of Path
        What is read as images: one of a volume, else its files.
    """

    series: Series
    images: tuple[Path, ...]

    @property
    def is_series(self) -> bool:
        """Whether it is one; else each of its images stands alone."""
        return bool(self.series.parts)

    @property
    def modality(self) -> str:
        """Such as ``CT``."""
        return self.series.modality

    @property
    def description(self) -> str:
        """As the scanner's user called it; empty where that names a person."""
        return self.series.description

    @property
    def number(self) -> int:
        """As the scanner counts; 0 where it does not."""
        return self.series.number

    @property
    def count(self) -> int:
        """How many slices, or pictures."""
        return self.series.slices

    @property
    def size(self) -> str:
        """Columns x rows, px."""
        rows, columns = self.series.shape
        return f"{columns} x {rows}"


def is_index(path: Path) -> bool:
    """Whether a file is a DICOMDIR."""
    return path.name.upper() == INDEX and path.is_file()


def choices_in(place: str | Path, progress: Progress | None = None) -> tuple[Choice, ...]:
    """The series of images of a folder, or that a DICOMDIR names, in the scanner's order.

    Parameters
    ----------
    place : str or Path
    progress : callable, optional
        Called with the share that is done; what it raises, as a Cancelled, ends the look.

    Raises
    ------
    ImageReadError
        If there is no such folder, or a DICOMDIR cannot be read.
    OperationError
        If the library for DICOM is missing.
    """
    place = Path(place)
    if not (is_index(place) or place.is_dir()):
        raise ImageReadError(
            tr("{path} is no folder; expected one of DICOM files, or a DICOMDIR. Check the path.", path=place)
        )
    found = ((series, images_of(series, place)) for series in list_series(place, progress))
    return tuple(Choice(series, images) for series, images in found if images)


def mixed(place: Path, progress: Progress | None = None) -> tuple[Choice, ...]:
    """What is to be chosen from: several series, of which one at least is a volume; none of any other place.

    Pictures that stand alone are no series to choose from: they are images like those of other formats.
    """
    if not (is_index(place) or (place.is_dir() and seems_dicom(place))):
        return ()
    try:
        found = choices_in(place, progress)
    except (ImageReadError, ModuleNotFoundError):
        # whoever opens it is told
        return ()
    several = len(found) > 1 and (is_index(place) or any(one.series.is_volume for one in found))
    return found if several else ()


def ticked_at_first(choices: Sequence[Choice]) -> bool:
    """Whether all are meant unless a person says otherwise."""
    return len(choices) <= FEW


def beside(images: Sequence[Path]) -> tuple[Choice, ...]:
    """Images beside series, to be chosen like these: a row for each volume, one for all others."""
    found: list[Choice] = []
    alone: list[Path] = []
    for image in images:
        series = _read_as(image)
        if series is None:
            alone.append(image)
        else:
            found.append(Choice(series, (image,)))
    if alone:
        found.append(Choice(Series("", "", 0, len(alone), ()), tuple(alone)))
    return tuple(found)


def _read_as(image: Path) -> Series | None:
    """The one volume of DICOM that an image is; None of anything else."""
    try:
        if lies_in(image) is not None:
            return series_at(image)
        found = list_series(image) if image.is_dir() and seems_dicom(image) else ()
    except (ImageReadError, ModuleNotFoundError):
        return None
    return next((one for one in found if one.is_volume), None)


def small_picture(choice: Choice) -> np.ndarray | None:
    """The middle slice, (Y, X) or (Y, X, 3), uint8, at most 96 px a side; None where it cannot be read, or may name
    the patient in its pixels.
    """
    if choice.series.burnt or not choice.is_series:
        return None
    parts = choice.series.parts
    # where they lie along their normal, else as they are called
    lying = [(float(one.place.normal @ one.place.position), one) for one in parts if one.place is not None]
    files = [part.path for _, part in sorted(lying, key=lambda at: at[0])] or [part.path for part in parts]
    try:
        image = read_image(files[len(files) // 2])
    except InputError:
        return None
    data = image.data[len(image.data) // 2] if image.volume else image.data
    step = max(1, -(-max(data.shape[:2]) // SIDE))
    data = data[::step, ::step].astype(np.float32)
    low, high = image.window or _ends(data)
    return np.clip((data - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)


def _ends(data: np.ndarray) -> tuple[float, float]:
    if data.ndim == 3:
        return 0.0, 255.0
    low, high = np.percentile(data, (1, 99))
    return float(low), float(high)


def note_of(choice: Choice) -> str:
    """What is to be known of it beside the rest: that it cannot be read, and why; or that it has no preview."""
    if not choice.is_series:
        return trn("{n} other image, by itself", "{n} other images, each by itself", choice.count)
    refused = [why for image in choice.images[:1] if (why := refusal(choice.series, image))]
    if refused:
        # in a list, the path stands beside it
        why = refused[0].removeprefix(f"{choice.images[0]} ")
        return tr("Cannot be opened: it {why}", why=why)
    burnt = tr("Text is burnt into it; no preview, as it may name the patient.") if choice.series.burnt else ""
    return " ".join(filter(None, (burnt, *_broken(choice))))


def _broken(choice: Choice) -> tuple[str, ...]:
    # only what lies beside slices can be one of them
    try:
        return broken_beside(choice.images[0]) if choice.series.is_volume and choice.images else ()
    except ImageReadError:
        return ()


def is_dicom_image(path: Path) -> bool:
    """Whether an image is DICOM: what it lies in may be called like a patient."""
    format = format_of(path)
    return format is not None and format.called is not None


def gathered(paths: Sequence[Path]) -> list[Path]:
    """Files as they were named; where all slices of a series are among them, that series in the place of its first.

    Who marks all files of a folder means the volume, who marks some means those.
    """
    named = set(paths)
    found: dict[Path, Path] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        for series in _volumes(folder, [path for path in paths if path.parent == folder]):
            if set(series.files) <= named:
                found |= dict.fromkeys(series.files, folder / series.name)
    return list(dict.fromkeys(found.get(path, path) for path in paths))


def _volumes(folder: Path, files: Sequence[Path]) -> tuple[Series, ...]:
    if len(files) < 2 or not any(is_dicom_image(file) for file in files):
        return ()
    try:
        return tuple(one for one in list_series(folder) if one.is_volume)
    except (ImageReadError, ModuleNotFoundError):
        return ()


def sorted_out(paths: Sequence[Path], progress: Progress | None = None) -> tuple[list[Path], list[Choice]]:
    """Images that are meant as they were named, and series of which a person says which are.

    Parameters are as of :func:`choices_in`; a folder or a DICOMDIR with one series is that series.
    """
    images: list[Path] = []
    choices: list[Choice] = []
    for path in gathered(paths):
        found = mixed(path, progress)
        choices += found
        if not found:
            images.append(path)
    return images, choices


def is_slice_of(file: Path) -> int:
    """Of how many slices a volume is of which this file is one; 0 of any other."""
    try:
        if not (file.is_file() and is_dicom_image(file)):
            return 0
        return next((one.slices for one in list_series(file) if one.is_volume and file in one.files), 0)
    # what cannot be looked at, its reader tells of
    except (ImageReadError, ModuleNotFoundError, OSError):
        return 0

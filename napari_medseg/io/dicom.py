"""DICOM images, and series of them in a folder, by pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io import dicom_tags as tags
from napari_medseg.io.dicom_beside import broken_beside, left_out
from napari_medseg.io.dicom_file import guarded, is_dicom, is_packed, kind_of, open_header, open_whole, unpack
from napari_medseg.io.dicom_paths import called, is_many, series_of_path, several
from napari_medseg.io.dicom_pixels import values
from napari_medseg.io.dicom_place import PlaceError, Slice, stack
from napari_medseg.io.dicom_series import INDEX, SUFFIXES, Part, Series, is_series, lies_in
from napari_medseg.io.format import Format, Gives, Progress
from napari_medseg.io.grey import grey
from napari_medseg.io.image import Grid, Image, Window
from napari_medseg.io.limits import check_claim, check_stored
from napari_medseg.io.picture_numbers import Pictures
from napari_medseg.io.ras import ToRas
from napari_medseg.words import mark, tr, trn

T = TypeVar("T")

FILM = mark(
    "it is a film: its frames lie nowhere in space, and are shown as slices, one behind the other, without a size of "
    "their pixels."
)
OF_FIGURES = mark(
    "it is DICOM {kind}: its values are figures, no picture of a patient, and no network here knows such."
)
FILM_IN_GREY = mark("it is in colour, and shown in grey, as volumes are.")


def read(path: Path, *, mask: bool = False, progress: Progress | None = None) -> Image:
    """Read an image, a volume of several frames, or the series of a folder: (Y, X[, 3]), or (Z, Y, X) of RAS.

    Values are the modality's, such as HU; see :func:`napari_medseg.io.dicom_pixels.values`.

    Raises
    ------
    ImageReadError
        If it is damaged, no image, or its slices are no volume; no tag that names anyone is in the message.
    """
    if is_many(path):
        series = series_of_path(path)
        image = read_series(series, path, progress)
        return replace(image, told=(*image.told, *left_out(path, series)))
    with guarded(path):
        return _read(path)


def _read(path: Path) -> Image:
    whole = open_whole(path)
    shape = _check(path, whole)
    _weigh(path, whole, shape)
    if not any(name in whole for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise _no_image(path, whole, "holds no picture")
    data, windows = values(unpack(whole, path), whole)
    said, modality = (*_no_picture(whole), *tags.told(whole)), tags.code(whole, "Modality")
    if shape[0] == 1:
        size = tags.size_of(whole)
        return Image(
            data[0],
            spacing=size.spacing,
            unit="px" if size.spacing is None else "mm",
            source=path,
            grid=Grid((), printed=size.estimated),
            windows=windows,
            modality=modality,
            told=(*size.told, *said),
        )
    if data.ndim == 4:
        data, said = grey(data), (tr(FILM_IN_GREY), *said)
    lie = _lie(whole)
    if lie is None:
        image = Image(data, (1.0, 1.0, 1.0), "px", path, _film(shape), told=(tr(FILM), *said))
    else:
        image = _volume(path, data, lie, said)
    return replace(image, windows=windows, modality=modality)


def read_series(series: Series, path: Path | None = None, progress: Progress | None = None) -> Image:
    """Read the slices of a series as a volume, (Z, Y, X) of RAS.

    Parameters
    ----------
    series : Series
        As :func:`napari_medseg.io.dicom_series.list_series` has it.
    path : Path, optional
        What the volume is called; default: the folder of its first file.
    progress : callable, optional
        Called with the share that is done; what it raises ends the reading.

    Raises
    ------
    ImageReadError
        As :func:`read`.
    """
    path = series.files[0].parent if path is None else path
    with guarded(path):
        return _read_series(series, path, progress or (lambda share: None))


def _read_series(series: Series, path: Path, progress: Progress) -> Image:
    parts, said = _slices(series, path)
    lie = [part.place for part in parts if part.place is not None]
    shape = (len(parts), *lie[0].shape)
    # slices of several sizes are told before anything is unpacked
    turned, order = _laid(path, parts)
    stored = sum(part.path.stat().st_size for part in parts)
    check_claim(path, (*shape, parts[0].samples), parts[0].bytes_each, stored=stored)
    slices: list[np.ndarray] = []
    shown: list[tuple[Window, ...]] = []
    for number in order:
        progress(len(slices) / len(order))
        file = parts[number].path
        whole = open_whole(file)
        own = _check(file, whole)
        _weigh(file, whole, own)
        if own != (1, *shape[1:]) or "PixelData" not in whole:
            raise _no_image(file, whole, "is no slice of its series")
        data, windows = values(unpack(whole, file), whole)
        if data.ndim == 4:
            data, said = grey(data), tuple(dict.fromkeys((*said, tr(FILM_IN_GREY))))
        slices.append(data[0])
        shown.append(windows)
        said = tuple(dict.fromkeys((*said, *tags.told(whole))))
    data = np.stack(slices)
    return Image(
        turned(data.transpose()),
        turned.grid.spacing,
        turned.grid.unit,
        path,
        turned.grid,
        windows=shown[len(shown) // 2],
        modality=series.modality,
        told=said,
    )


def read_grid(path: Path) -> Grid | None:
    """Where the pixels lie, by the headers; None where an image cannot be read. Errors are those of :func:`read`."""
    if is_many(path):
        parts, _ = _slices(series_of_path(path), path)
        return _laid(path, parts)[0].grid
    with guarded(path):
        return _grid(path)


def _grid(path: Path) -> Grid:
    header = open_header(path)
    shape = _check(path, header)
    if shape[0] == 1:
        size = tags.size_of(header)
        unit = "px" if size.spacing is None else "mm"
        return Grid(shape[1:], spacing=size.spacing, unit=unit, printed=size.estimated)
    lie = _lie(header)
    return _film(shape) if lie is None else _place(path, lie)[0].grid


def layout(path: Path) -> tuple[tuple[Path, ...], ToRas | None, tuple[int, ...]]:
    """What masks that refer to an image have to know of how it was read.

    Returns
    -------
    files : tuple of Path
        Of a series its slices along their normal, else the one file.
    turned : ToRas or None
        How a volume was turned; None of what lies nowhere, or is flat.
    order : tuple of int
        Which picture of the one file, or which of the files, each plane is.

    Raises
    ------
    ImageReadError
        As :func:`read`.
    """
    if is_many(path):
        parts, _ = _slices(series_of_path(path), path)
        turned, order = _laid(path, parts)
        return tuple(parts[number].path for number in order), turned, tuple(range(len(order)))
    with guarded(path):
        header = open_header(path)
        frames = _check(path, header)[0]
        lie = None if frames == 1 else _lie(header)
        if lie is None:
            return (path,), None, tuple(range(frames))
        turned, order = _place(path, lie)
        return (path,), turned, order


def pictures(path: Path) -> Pictures:
    """Numbers of its pictures, by the headers alone; errors are those of :func:`read`."""
    turned: ToRas | None
    if is_many(path):
        parts, _ = _slices(series_of_path(path), path)
        turned, order = _place(path, [part.place for part in parts if part.place is not None])
        # a number of 0 is none
        axis, along = _along(turned, [parts[number].number or None for number in order])
        return Pictures(axis, along)
    with guarded(path):
        own = (tags.count(open_header(path), "InstanceNumber") or None,)
    _, turned, order = layout(path)
    if len(order) == 1:
        return Pictures(None, own)
    axis, frames = (0, tuple(order)) if turned is None else _along(turned, order)
    return Pictures(axis, own, tuple(frame + 1 for frame in frames))


def _along(turned: ToRas, numbers: Sequence[T]) -> tuple[int, tuple[T, ...]]:
    """The array's axis along which a file's planes lie, and their numbers as they come there."""
    axis, way = turned.orientation[2]
    return 2 - int(axis), tuple(numbers if way > 0 else numbers[::-1])


def refusal(series: Series, path: Path) -> str:
    """Why a series of slices cannot be read as a volume, by its headers alone; nothing of one that can, or is none.

    Parameters
    ----------
    series : Series
    path : Path
        By which it is read.
    """
    try:
        if series.is_volume:
            parts, _ = _slices(series, path)
            _laid(path, parts)
    except ImageReadError as error:
        return str(error)
    return ""


def files(path: Path) -> tuple[Path, ...]:
    """The files that a series consists of; errors are those of :func:`read`."""
    return series_of_path(path).files if is_many(path) else (path,)


def holds(path: Path) -> bool:
    """Whether a file is DICOM, or a folder holds slices of a volume, by what is in it; or the name of a series."""
    return is_series(path) if path.is_dir() else lies_in(path) is not None or is_dicom(path)


def _slices(series: Series, path: Path) -> tuple[list[Part], tuple[str, ...]]:
    """The slices that lie in space, each once, and words on what was left out."""
    if series.mixed:
        raise ImageReadError(
            f"{path} mixes slices that differ in {' and '.join(series.mixed)}, and call themselves one series; "
            "expected those of one volume. Sort the files into folders of their own, or export the series again."
        )
    lying = [part for part in series.parts if part.place is not None]
    once = list({part.uid: part for part in reversed(lying)}.values())[::-1]
    if len(once) < 2:
        raise ImageReadError(f"{path} holds {len(once)} slice(s) of a volume; expected several. Give the file itself.")
    said = []
    if len(once) < len(lying):
        n = len(lying) - len(once)
        said.append(
            trn(
                "{n} of its files is a copy of another, and was left out.",
                "{n} of its files are copies of others, and were left out.",
                n,
            )
        )
    if len(lying) < len(series.parts):
        n = len(series.parts) - len(lying)
        said.append(
            trn(
                "{n} of its files lies nowhere in space, and was left out.",
                "{n} of its files lie nowhere in space, and were left out.",
                n,
            )
        )
    return once, tuple(said)


def _place(path: Path, lie: Sequence[Slice]) -> tuple[ToRas, tuple[int, ...]]:
    try:
        found = stack(lie)
    except PlaceError as error:
        raise ImageReadError(f"{path} {error}. Export the series again, or give a file of it.") from None
    rows, columns = lie[0].shape
    # tags say how it lies in the patient; a film's grid has no such header
    return ToRas.of((columns, rows, len(lie)), found.affine, header={"dicom": {}}), found.order


def _laid(path: Path, parts: Sequence[Part]) -> tuple[ToRas, tuple[int, ...]]:
    """As :func:`_place`, of slices in files; where they do not fit, it tells which of them may be missing."""
    try:
        return _place(path, [part.place for part in parts if part.place is not None])
    except ImageReadError as error:
        raise ImageReadError(" ".join((str(error), *broken_beside(path)))) from None


def _volume(path: Path, data: np.ndarray, lie: Sequence[Slice], said: tuple[str, ...]) -> Image:
    turned, order = _place(path, lie)
    sorted_already = order == tuple(range(len(order)))
    array = turned((data if sorted_already else data[list(order)]).transpose())
    return Image(array, turned.grid.spacing, turned.grid.unit, path, turned.grid, told=said)


def _lie(header: Any) -> list[Slice] | None:
    """Where frames lie; None of a film, whose frames lie nowhere, or all at one place."""
    lie = tags.places(header)
    return None if lie is None or len({one.position for one in lie}) == 1 else lie


def _film(shape: tuple[int, ...]) -> Grid:
    return Grid.of_affine(shape, np.eye(4), unit="px")


def _check(path: Path, header: Any) -> tuple[int, int, int]:
    """(frames, rows, columns) of a file that holds an image of ours."""
    shape = tags.frames_of(header), tags.count(header, "Rows"), tags.count(header, "Columns")
    if min(shape) < 1:
        raise _no_image(path, header, "holds no picture")
    if tags.code(header, "Modality") == "SEG" or header.get("SegmentSequence"):
        raise _no_image(path, header, "holds a segmentation, no image")
    if shape[0] > 1 and tags.count(header, "TotalPixelMatrixColumns"):
        raise _no_image(path, header, f"is a slide in {shape[0]} tiles")
    return shape


def _no_image(path: Path, header: Any, what: str) -> ImageReadError:
    return ImageReadError(
        f"{path} is DICOM {kind_of(header)}, which {what}; expected an image. Give the file of the image."
    )


def _no_picture(header: Any) -> tuple[str, ...]:
    """Words on a file whose pixels are figures, such as doses, of which people make pictures."""
    figures = str(header.get("SOPClassUID")) in tags.FIGURES
    return (tr(OF_FIGURES, kind=kind_of(header)),) if figures else ()


def _weigh(path: Path, whole: Any, shape: tuple[int, int, int]) -> None:
    """Refuse what is larger than such a file can hold, before it is unpacked."""
    samples, bits = max(tags.count(whole, "SamplesPerPixel", 1), 1), tags.count(whole, "BitsAllocated", 8)
    if samples not in (1, 3, 4) or bits not in (1, 8, 16, 32, 64):
        raise ImageReadError(
            f"{path} has {samples} numbers of {bits} bits a pixel; expected 1 or 3 of 1, 8, 16, 32 or 64. "
            "It is damaged: export it again."
        )
    check_claim(path, (*shape, samples), max(bits // 8, 1))
    if not is_packed(whole):
        halved = tags.code(whole, "PhotometricInterpretation") == "YBR_FULL_422"
        check_stored(path, prod(shape) * (2 if halved else samples) * bits // 8)


FORMAT = Format(
    name="dicom",
    title="DICOM",
    suffixes=SUFFIXES,
    read=read,
    grid=read_grid,
    files=files,
    holds=holds,
    read_long=read,
    several=several,
    lies_in=lies_in,
    called=called,
    pictures=pictures,
    index=INDEX,
    gives=Gives(axes=(2, 3), masks=False, folder=True),
    reader=True,
    extra="dicom",
    judged="pydicom, SimpleITK",
    # reports of measurements beside an image
    inner=(".sr",),
)

"""What a path means in DICOM: a file, a folder, an index, or the name of a series in them; and what it is called."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.errors import ImageReadError
from napari_medseg.io import dicom_tags as tags
from napari_medseg.io.dicom_file import guarded, open_header
from napari_medseg.io.dicom_names import NAMED, PEOPLE, names_people, neutral_of, without_key
from napari_medseg.io.dicom_series import INDEX, SUFFIXES, Series, lies_in, list_series, series_at, volumes_in


def is_many(path: Path) -> bool:
    """Whether a path means a series of files: a folder, an index, or the name of one in them."""
    return path.is_dir() or path.name.upper() == INDEX or lies_in(path) is not None


def series_of_path(path: Path) -> Series:
    """The one series of a folder."""
    if (home := lies_in(path)) is not None:
        series = series_at(path)
        if series is None:
            raise ImageReadError(
                f"{path} names no series that lies in {home.name}; expected one of these. List them: medseg series."
            )
        return series
    found = volumes_in(path)
    every = found or list_series(path)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ImageReadError(
            f"{path} is a folder without slices of a volume among its {sum(len(one.parts) for one in every)} DICOM "
            "images; expected those of one series. Give a file of it."
        )
    each = ", ".join(f"{one.modality or 'one'} of {one.slices}" for one in found)
    raise ImageReadError(
        f"{path} holds {len(found)} series of slices ({each}); expected one. Name one of "
        "those that 'medseg series' lists."
    )


def several(path: Path) -> tuple[Path, ...]:
    """Images of a folder or an index that hold several series of slices: each series by its name, others by file."""
    if len(volumes_in(path)) < 2:
        return ()
    return tuple(one for series in list_series(path) for one in images_of(series, path))


def images_of(series: Series, home: Path) -> tuple[Path, ...]:
    """The images of a series, by paths that are read: a volume is one. None of what holds no image."""
    if series.modality == "SEG":
        return ()
    return (home / series.name,) if series.is_volume else series.files


def called(path: Path, *, alone: bool) -> str:
    """What an image is called, without anybody's name.

    A series is called by its tags. A file keeps its own name, by which masks are found, and so does a folder among
    others (``alone``), save where that says what the tags say of a person.
    """
    if lies_in(path) is not None:
        return path.name if alone else without_key(path.name)
    if not is_many(path):
        with guarded(path):
            header = open_header(path, (*tags.OF_SERIES, *PEOPLE))
            own = path.name[: -len(path.suffix)] if path.suffix.lower() in SUFFIXES else path.name
            return neutral_of(header, tags.frames_of(header)) if names_people(own, header) else own
    series = series_of_path(path)
    if alone and path.is_dir():
        with guarded(path):
            header = open_header(series.files[0], PEOPLE)
            if not NAMED.fullmatch(path.name) and not names_people(path.resolve().name, header):
                return path.name
    return series.name if alone else without_key(series.name)

"""Which series of slices a folder of DICOM files holds, or a DICOMDIR names: by their tags, not by their names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from napari_medseg.digest import file_sha256
from napari_medseg.errors import ImageReadError
from napari_medseg.io.dicom_file import guarded, is_dicom, open_header, open_listed
from napari_medseg.io.dicom_names import NAMED, PEOPLE, key_of, names_people, neutral
from napari_medseg.io.dicom_place import Slice
from napari_medseg.io.dicom_tags import (
    LABEL_MAP,
    OF_SERIES,
    SEGMENTATION,
    code,
    count,
    frames_of,
    places,
    told,
)
from napari_medseg.io.dicom_whose import OF_WHOSE, Whose, differing, whose
from napari_medseg.io.format import Progress
from napari_medseg.names import one_line
from napari_medseg.plain import kind_of, real_path

SUFFIXES = (".dcm", ".dicom", ".ima")
INDEX = "DICOMDIR"
# a folder whose first files are none of DICOM's is none
_ASKED = 20
_WORDS = 80


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a series: what its header says, as far as it is needed to lay it among the others.

    Parameters
    ----------
    path : Path
    number : int
        As the scanner counts.
    place : Slice or None
        None of a picture that lies nowhere, or of several in one file.
    samples, bytes_each : int
        Numbers of one pixel, and bytes of one number.
    uid : str
        The same in copies of one file. It stays in here.
    """

    path: Path
    number: int
    place: Slice | None
    samples: int
    bytes_each: int
    uid: str


@dataclass(frozen=True, slots=True)
class Series:
    """Images that belong together, to be chosen from a list: nothing in it names a patient.

    Parameters
    ----------
    modality : str
        Such as ``CT``; nothing where it is not said.
    description : str
        As the scanner's user called it; empty where that holds what the tags say of a person.
    number : int
        As the scanner counts.
    slices : int
        Pictures in it.
    parts : tuple of Part
        Its files, by name.
    key : str
        What tells it from others of its folder; see :attr:`name`.
    shape : tuple of int
        (rows, columns) of its first file.
    burnt : bool
        The tags say that text is burnt into its pictures.
    mixed : tuple of str
        In what slices differ that call themselves one series, such as ``patient``: it is refused when it is read.
    """

    modality: str
    description: str
    number: int
    slices: int
    parts: tuple[Part, ...]
    key: str = ""
    shape: tuple[int, int] = (0, 0)
    burnt: bool = False
    mixed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """By which it is found in its folder: ``folder / name`` is read as an image where it is a volume."""
        return f"{neutral(self.modality, self.number, self.slices, volume=self.is_volume)}-{self.key}"

    @property
    def is_volume(self) -> bool:
        """Whether they lie in space, one picture a file, so that they can be laid one on the other."""
        return len({part.uid for part in self.parts if part.place is not None}) > 1

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files, by name."""
        return tuple(part.path for part in self.parts)


def list_series(path: str | Path, progress: Progress | None = None) -> tuple[Series, ...]:
    """All series of images in a folder, beside a file, or that a DICOMDIR names, in the scanner's order.

    Files that are no DICOM, or hold no picture (reports, plans), are passed over; subfolders are not looked into.

    Parameters
    ----------
    path : str or Path
        A folder, a DICOMDIR, or a file of a series in its folder.
    progress : callable, optional
        Called with the share that is done; what it raises ends the listing.

    Raises
    ------
    ImageReadError
        If a DICOMDIR cannot be read, or nothing of that name.
    """
    return _survey(_looked_at(Path(path), progress))


def damaged_in(path: str | Path) -> tuple[Path, ...]:
    """Files there that say they are DICOM, by name or by content, and cannot be read; errors as :func:`list_series`."""
    return tuple(one[0] for one in _looked_at(Path(path)) if _look(*one) is _DAMAGED)


def _looked_at(path: Path, progress: Progress | None = None) -> tuple[tuple[Path, int, int], ...]:
    """Files of a folder or an index and their states, each looked at."""
    try:
        index = path.name.upper() == INDEX and path.is_file()
        state = _state(named_by(path) if index else _candidates(path if path.is_dir() else path.parent))
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read ({error.strerror}). Check the path.") from None
    if progress is not None:
        for number, one in enumerate(state):
            progress(number / len(state))
            _look(*one)
    return state


def series_at(path: Path) -> Series | None:
    """The series that a path names inside its folder or DICOMDIR, see :attr:`Series.name`; None where there is none.

    Errors are those of :func:`list_series`.
    """
    named = NAMED.fullmatch(path.name)
    found = () if named is None else list_series(path.parent)
    return next((one for one in found if named is not None and one.key == named["key"]), None)


def lies_in(path: Path) -> Path | None:
    """The folder or DICOMDIR in which a path names a series; None where it is a file or a folder, or no such name."""
    if not NAMED.fullmatch(path.name) or path.exists():
        return None
    home = path.parent
    try:
        return home if home.is_dir() or (home.name.upper() == INDEX and home.is_file()) else None
    except OSError:
        return None


def volumes_in(path: Path) -> tuple[Series, ...]:
    """Series of a folder or a DICOMDIR that are volumes; none where it cannot be read."""
    try:
        return tuple(one for one in list_series(path) if one.is_volume)
    except ImageReadError:
        return ()


def is_series(folder: Path) -> bool:
    """Whether a folder holds slices of a volume."""
    if not seems_dicom(folder):
        return False
    try:
        return bool(volumes_in(folder))
    except ModuleNotFoundError:
        # whoever reads it tells what to install
        return True


def seems_dicom(folder: Path) -> bool:
    """Whether some of a folder's first files are DICOM; not where it cannot be read."""
    try:
        found = _candidates(folder)
    except OSError:
        return False
    found.sort(key=lambda path: path.suffix.lower() not in ("", *SUFFIXES))
    return any(is_dicom(path) for path in found[:_ASKED])


def dicom_files(folder: Path) -> list[Path]:
    """Files right in a folder that say they are DICOM, whatever they hold; none where it cannot be read."""
    with suppress(OSError):
        return [path for path in _candidates(folder) if is_dicom(path)]
    return []


def _candidates(folder: Path) -> list[Path]:
    """Files of a folder that can be DICOM by their names: pictures of other formats have other suffixes."""
    from napari_medseg.io.table import READ_SUFFIXES

    others = tuple(suffix for suffix in READ_SUFFIXES if suffix not in SUFFIXES)
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".")
            and not entry.name.lower().endswith(others)
            and entry.name.upper() != INDEX
            # a link to itself is none
            and kind_of(entry.path) == "file"
        )
    return [folder / name for name in names]


def _state(files: Iterable[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Files, and what changes whenever one of them does."""
    return tuple((path, facts.st_size, facts.st_mtime_ns) for path in files for facts in (path.stat(),))


@lru_cache(maxsize=16)
def _survey(state: tuple[tuple[Path, int, int], ...]) -> tuple[Series, ...]:
    found: dict[str, list[_Seen]] = {}
    for seen in (_look(*one) for one in state):
        if seen is not None and seen is not _DAMAGED:
            found.setdefault(seen.series, []).append(seen)
    made = (one for uid, members in found.items() for one in _series_of(uid, members))
    return tuple(sorted(made, key=lambda one: one.number))


def _series_of(uid: str, members: Sequence[_Seen]) -> Iterator[Series]:
    """Those that files of one SeriesInstanceUID are: one, save where that is empty or wrong.

    Where volumes of several patients, studies or spaces have it, each is a series. Where a slice is alone among those
    of others, nobody knows whether it is a volume's: all are one series, which is refused.
    """
    groups = _apart(members)
    lying = [group for group in groups if group[0].part.place is not None]
    volumes = [group for group in lying if len({one.part.uid for one in group}) > 1]
    if len(lying) < 2 or (volumes and len(volumes) < len(lying)):
        yield _made(members, key_of(uid), differing(group[0].whose for group in lying))
        return
    for group in groups:
        group.sort(key=lambda one: one.part.path)
        # no digest of a patient: a key is written down
        yield _made(group, key_of(f"{uid} {min(one.part.uid for one in group)}"))


def _apart(members: Sequence[_Seen]) -> list[list[_Seen]]:
    """Slices by what they have to have in common; a picture that lies nowhere goes with those of its patient."""
    found: dict[object, list[_Seen]] = {}
    for seen in sorted(members, key=lambda one: one.part.place is None):
        if seen.part.place is not None:
            found.setdefault(seen.whose, []).append(seen)
        else:
            group = next((group for group in found.values() if group[0].whose[:2] == seen.whose[:2]), None)
            (found.setdefault(seen.whose[:2], []) if group is None else group).append(seen)
    return list(found.values())


def _made(members: Sequence[_Seen], key: str, mixed: tuple[str, ...] = ()) -> Series:
    return Series(
        *members[0].words,
        sum(one.frames for one in members),
        tuple(one.part for one in members),
        key=key,
        shape=members[0].shape,
        burnt=any(one.burnt for one in members),
        mixed=mixed,
    )


class _Seen(NamedTuple):
    series: str
    whose: Whose
    words: tuple[str, str, int]
    frames: int
    part: Part
    shape: tuple[int, int]
    burnt: bool


_DAMAGED = _Seen("", Whose("", "", "", "", ""), ("", "", 0), 0, Part(Path(), 0, None, 1, 1, ""), (0, 0), False)


@lru_cache(maxsize=8192)
def _look(path: Path, size: int, changed: int) -> _Seen | None:
    """What a file's header says of its series; None of what holds no picture. It is read once."""
    if not is_dicom(path) and path.suffix.lower() not in SUFFIXES:
        return None
    # whoever opens what it belongs to is told
    with suppress(ImageReadError), guarded(path):
        header, cut = open_listed(path, (*OF_SERIES, *PEOPLE, *OF_WHOSE))
        # masks of a series lie beside it
        if str(header.get("SOPClassUID")) in (SEGMENTATION, LABEL_MAP):
            return None
        if not (count(header, "Rows") and count(header, "Columns")):
            # of a report or a plan; one that ends before it says what it is, is damaged
            return None if header.get("SOPClassUID") else _DAMAGED
        if cut:
            return _DAMAGED
        series, shape = str(header.get("SeriesInstanceUID") or ""), (count(header, "Rows"), count(header, "Columns"))
        words, part = _words(header), _part(path, header)
        return _Seen(series, whose(header), words, frames_of(header), part, shape, bool(told(header)))
    return _DAMAGED


def _part(path: Path, header: Any) -> Part:
    lie = places(header) if frames_of(header) == 1 else None
    return Part(
        path=path,
        number=count(header, "InstanceNumber"),
        place=lie[0] if lie else None,
        samples=max(count(header, "SamplesPerPixel", 1), 1),
        bytes_each=max(count(header, "BitsAllocated", 8) // 8, 1),
        # where nothing says which picture it is, copies are known by their bytes
        uid=str(header.get("SOPInstanceUID") or file_sha256(path)),
    )


def _words(header: Any) -> tuple[str, str, int]:
    """Modality, description and number of a series; a description that names anybody is left out."""
    description = one_line(str(header.get("SeriesDescription") or ""))[:_WORDS]
    if names_people(description, header):
        description = ""
    return code(header, "Modality"), description, count(header, "SeriesNumber")


def named_by(index: Path) -> list[Path]:
    """Files that a DICOMDIR names, as far as they are there; what leads out of its folder is refused.

    Raises
    ------
    ImageReadError
    """
    with guarded(index):
        return _named_by(index)


def _named_by(index: Path) -> list[Path]:
    home, found = real_path(index.parent), []
    for record in open_header(index).get("DirectoryRecordSequence") or []:
        names = record.get("ReferencedFileID")
        if not names:
            continue
        parts = [names] if isinstance(names, str) else [str(name) for name in names]
        path = index.parent.joinpath(*parts)
        try:
            inside = real_path(path).is_relative_to(home)
            there = inside and path.is_file()
        except (OSError, ValueError):
            inside = there = False
        if not inside:
            raise ImageReadError(
                f"{index} names a file outside its folder; expected files beside it. Give the folder of the images."
            )
        if there:
            found.append(path)
    return found

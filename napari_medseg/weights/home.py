"""Weights that were installed on this computer, beside those that come with the package."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_path

from napari_medseg.atomic import write_text
from napari_medseg.errors import WeightsError
from napari_medseg.fields import parse_json
from napari_medseg.plain import read_plain
from napari_medseg.weights.entry import WeightsEntry

LIST_FILE = "manifest.json"


def home_folder() -> Path:
    """Where installed weights are kept; it need not exist."""
    return user_data_path("napari-medseg", appauthor=False) / "weights"


def installed() -> tuple[WeightsEntry, ...]:
    """Entries of the files in :func:`home_folder`; one whose file was deleted is left out.

    Raises
    ------
    WeightsError
        If the list of them is damaged.
    """
    path = home_folder() / LIST_FILE
    try:
        facts = path.stat()
    except OSError:
        return ()
    return tuple(
        entry for entry in _listed(path, facts.st_mtime_ns, facts.st_size) if (path.parent / entry.file).is_file()
    )


def write_installed(entries: list[WeightsEntry]) -> None:
    """Say which files there are: what is not listed is not there.

    Raises
    ------
    OutputError
        If the list cannot be written.
    """
    text = json.dumps({"weights": [entry.to_dict() for entry in entries]}, indent=1) + "\n"
    write_text(home_folder() / LIST_FILE, text)


@lru_cache(maxsize=4)
def _listed(path: Path, changed: int, size: int) -> tuple[WeightsEntry, ...]:
    """Read once while the file stays as it is."""
    try:
        return read_list(read_plain(path), where=str(path))
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}). Check the drive.") from error
    except WeightsError as error:
        raise WeightsError(f"{error} Or delete {path} and install the weights again.") from error


def read_list(blob: bytes, *, where: str) -> tuple[WeightsEntry, ...]:
    """Entries of a list of files, each with its name, size and checksum.

    Raises
    ------
    WeightsError
        If it is none.
    """
    try:
        values = parse_json(blob, unique=True)
    except ValueError as error:
        raise WeightsError(f"{where} is no JSON ({error}). Fetch it again.") from error
    found = values.get("weights") if isinstance(values, dict) else None
    if not isinstance(found, list):
        raise WeightsError(f"{where} lists no weights; expected an object with a list 'weights'. Fetch it again.")
    return tuple(WeightsEntry.from_dict(value, where=where) for value in found)

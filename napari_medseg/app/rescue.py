"""Where labels go that their project cannot take: to the first folder that can be written to."""

from __future__ import annotations

import os
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_data_path

from napari_medseg.app.export import check_folder, export_labels
from napari_medseg.app.formats import DEFAULT, suffix_for
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.atomic import atomic_path
from napari_medseg.errors import InputError, OutputError
from napari_medseg.names import clean_name

# of the image's name in the file's, UTF-8: the time, the process and a suffix come behind it, 255 are the limit
MOST_BYTES = 120


def rescue_folder() -> Path:
    """Where :func:`rescue_labels` writes first."""
    return user_data_path("napari-medseg", appauthor=False) / "rescued"


def rescue_folders() -> tuple[Path, Path]:
    """Where :func:`rescue_labels` writes, the first that can be written to."""
    return rescue_folder(), Path(tempfile.gettempdir())


def rescue_labels(name: str, labels: np.ndarray, **place: Any) -> Path | None:
    """Write labels under a name of their own, in the user's data folder or, where that cannot be, a temporary one.

    Parameters
    ----------
    name : str
        Of the image; whatever it is called.
    labels : np.ndarray
        Whatever is on the screen. What no format of masks can hold is written as an array of numpy.
    **place
        ``grid`` and ``provenance`` of :func:`napari_medseg.app.export.export_labels`.

    Returns
    -------
    Path or None
        None where nothing can be written at all.
    """
    start = clean_name(name, default="mask").encode()[:MOST_BYTES].decode(errors="ignore")
    stem = f"{start}_rescued_{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    for folder in rescue_folders():
        try:
            return _write(check_folder(folder), stem, labels, place)
        except OutputError:
            continue
    return None


def _write(folder: Path, stem: str, labels: np.ndarray, place: dict[str, Any]) -> Path:
    try:
        return export_labels(_free(folder, stem, suffix_for(DEFAULT, volume=labels.ndim == 3)), labels, **place)
    except InputError:
        path = _free(folder, stem, ".npy")
        with atomic_path(path) as temporary:
            np.save(temporary, labels)
        return path


def _free(folder: Path, stem: str, suffix: str) -> Path:
    """A path that no file has: two masks of one name may be rescued within a second."""
    names = (f"{stem}{'' if number == 1 else f'_{number}'}{suffix}" for number in count(1))
    return next(path for name in names if not (path := folder / name).exists())


def untold_rescues() -> list[Path]:
    """Files in :func:`rescue_folder` that are newer than the last call, oldest first."""
    seen = load_settings().get("rescues_seen")
    last = seen if isinstance(seen, int | float) else 0.0
    try:
        found = sorted((file.stat().st_mtime, file) for file in rescue_folder().iterdir())
    except OSError:
        return []
    new = [(time, file) for time, file in found if time > last]
    if new:
        save_settings(rescues_seen=new[-1][0])
    return [file for _, file in new]

"""JSON files: any value to text that every program reads, and back with a sentence where it is none."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.limits import in_words
from napari_medseg.plain import open_plain

# as numbers in memory, text takes several times its size
MOST_BYTES = 100_000_000


def plain(value: Any) -> Any:
    """A value as JSON has it; NaN and infinity, which it has not, are nothing, and what is unknown to it is text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def to_json(value: Any) -> str:
    """A value as JSON on one line, in ASCII: no reader takes an umlaut for something else."""
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":"))


def write_json(path: Path, value: Any) -> None:
    """Write a value, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(to_json(value), encoding="ascii")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises
    ------
    ImageReadError
        If it cannot be read, is too large, or holds something else.
    """
    found = read_any(path)
    if not isinstance(found, dict):
        raise ImageReadError(f"{path} holds no JSON object; expected one of names and values. Export it again.")
    return found


def read_any(path: Path) -> Any:
    """Read a JSON file, whatever it holds.

    Raises
    ------
    ImageReadError
        If it cannot be read, or is too large.
    """
    try:
        with open_plain(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MOST_BYTES:
                raise ImageReadError(
                    f"{path} has {in_words(size)}; expected at most {in_words(MOST_BYTES)} of JSON. Export it in parts."
                )
            return json.loads(stream.read().decode("utf-8-sig"), parse_constant=_refuse)
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read ({error.strerror or error}). Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ImageReadError(f"{path} is truncated, damaged or no JSON. Copy or export it again.") from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")

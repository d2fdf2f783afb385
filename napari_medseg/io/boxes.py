"""Boxes of images from a file: JSON or CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from napari_medseg.errors import ImageReadError, InputError

Boxes = dict[str, list[tuple[float, float, float, float]]]
_COLUMNS = ("image", "y0", "x0", "y1", "x1")


def read_boxes(path: str | Path) -> Boxes:
    """Read boxes by image.

    JSON: ``{"name": [[y0, x0, y1, x1], ...], ...}``. CSV: the columns ``image, y0, x0, y1, x1``, a row a box. Names
    are those of image files, with or without suffix; px, half-open.

    Returns
    -------
    dict
        Image's name as in the file, to its boxes.

    Raises
    ------
    ImageReadError
        If the file is missing.
    InputError
        If it is of another kind, or a box is no four numbers; the message names it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageReadError(f"{path} cannot be read ({error}). Check the path.") from error
    if path.suffix.lower() == ".json":
        return _from_json(text, path)
    if path.suffix.lower() == ".csv":
        return _from_csv(text, path)
    raise InputError(f"{path} has suffix '{path.suffix}'; boxes are read from .json and .csv. Save it as one of these.")


def _from_json(text: str, path: Path) -> Boxes:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}). Correct it.") from error
    if not isinstance(values, dict) or not all(isinstance(rows, list) for rows in values.values()):
        raise InputError(f'{path} holds other than {{"image": [[y0, x0, y1, x1], ...]}}. Correct it.')
    return {str(name): [_box(row, f"{path}, '{name}', box {i}") for i, row in enumerate(rows, 1)]
            for name, rows in values.items()}  # fmt: skip


def _from_csv(text: str, path: Path) -> Boxes:
    reader = csv.DictReader(text.splitlines())
    if not set(_COLUMNS) <= set(reader.fieldnames or ()):
        raise InputError(f"{path} has the columns {reader.fieldnames}; expected {', '.join(_COLUMNS)}. Correct it.")
    found: Boxes = {}
    for number, row in enumerate(reader, start=2):
        box = _box([row[name] for name in _COLUMNS[1:]], f"{path}, line {number}")
        found.setdefault(row["image"], []).append(box)
    return found


def _box(values: object, where: str) -> tuple[float, float, float, float]:
    try:
        y0, x0, y1, x1 = (float(value) for value in values)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} is {values}; expected four numbers y0, x0, y1, x1. Correct it.") from error
    return y0, x0, y1, x1

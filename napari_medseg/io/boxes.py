"""Boxes of images from a file: JSON or CSV."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.fields import number, parse_json, shown
from napari_medseg.plain import read_plain

Boxes = dict[str, list[tuple[float, float, float, float]]]
_MOST_BYTES = 64 << 20
# no image is so large, px
_FARTHEST = 1e9
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
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
        found = read_plain(path, _MOST_BYTES + 1)
        if len(found) > _MOST_BYTES:
            raise InputError(f"{path} is larger than {_MOST_BYTES >> 20} MB; expected a file of boxes. Correct it.")
        text = found.decode("utf-8-sig")
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    if path.suffix.lower() == ".json":
        return _from_json(text, path)
    if path.suffix.lower() == ".csv":
        return _from_csv(text, path)
    raise InputError(f"{path} has suffix '{path.suffix}'; boxes are read from .json and .csv. Save it as one of these.")


def _from_json(text: str, path: Path) -> Boxes:
    try:
        values = parse_json(text, unique=True)
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}). Correct it.") from error
    if not isinstance(values, dict) or not all(isinstance(rows, list) for rows in values.values()):
        raise InputError(f'{path} holds other than {{"image": [[y0, x0, y1, x1], ...]}}. Correct it.')
    return {str(name): [_box(row, f"{path}, '{name}', box {i}") for i, row in enumerate(rows, 1)]
            for name, rows in values.items()}  # fmt: skip


def _from_csv(text: str, path: Path) -> Boxes:
    # strict: a quote that is never closed would swallow the lines below
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: Boxes = {}
    try:
        if not set(_COLUMNS) <= set(reader.fieldnames or ()):
            columns = shown(reader.fieldnames)
            raise InputError(f"{path} has the columns {columns}; expected {', '.join(_COLUMNS)}. Correct it.")
        twice = next((name for name in _COLUMNS if list(reader.fieldnames or ()).count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{path} has the column '{twice}' twice; expected one of each name. Leave one out.")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            # None: fewer cells than columns, or more
            if None in row or None in row.values() or not row["image"]:
                raise InputError(f"{where} has not a cell for each column; expected {', '.join(_COLUMNS)}. Correct it.")
            found.setdefault(row["image"], []).append(_box([row[name] for name in _COLUMNS[1:]], where))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num} is no CSV ({error}). Correct it.") from error
    return found


def _box(values: object, where: str) -> tuple[float, float, float, float]:
    if isinstance(values, list) and len(values) == 4:
        y0, x0, y1, x1 = (_side(value) for value in values)
        if y0 is not None and x0 is not None and y1 is not None and x1 is not None:
            return y0, x0, y1, x1
    raise InputError(f"{where} is {shown(values)}; expected four numbers y0, x0, y1, x1 in px. Correct it.")


def _side(value: object) -> float | None:
    if isinstance(value, str):
        # float() takes more than a number: 1_0, nan, digits of other scripts
        value = float(value) if _NUMBER.fullmatch(value.strip()) else None
    # as JSON has it: a number, also a huge one; true is none
    fits, _ = number(-_FARTHEST, _FARTHEST)
    return float(value) if isinstance(value, int | float) and fits(value) else None

"""A file beside a mask, for what its format does not hold: ``a_mask.png.json`` of ``a_mask.png``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path, output_error
from napari_medseg.digest import file_sha256
from napari_medseg.errors import ImageReadError, OutputError
from napari_medseg.io.colours import colour_in, names_of, palette_of
from napari_medseg.io.format import Format, Kept
from napari_medseg.io.image import Grid, usable_sizes
from napari_medseg.io.json_file import read_json, to_json
from napari_medseg.io.table import format_of

ENDING = ".json"
# what tells such a file from any other
KIND = "facts beside a mask of napari-medseg"
# in the order of what matters
FACTS = ("spacing", "position", "classes", "provenance")


def beside(path: Path) -> Path:
    """The file beside a mask, whether it is there or not."""
    return path.with_name(path.name + ENDING)


def facts_beside(format: Format, known: Mapping[str, bool]) -> tuple[str, ...]:
    """Which of the facts that are known of a mask go into a file beside it.

    What the format does not hold at all; and a size or a place that only this program finds in it.
    """
    return tuple(fact for fact in FACTS if known.get(fact) and _apart(format, fact))


def _apart(format: Format, fact: str) -> bool:
    kept = getattr(format.keeps, fact)
    # names and a history are text in any format; a size is not
    hidden = kept is Kept.AS_TEXT and fact in ("spacing", "position") and not format.plain
    return kept is Kept.NOT or hidden


def known_of(grid: Grid, provenance: Mapping[str, Any] | None) -> dict[str, bool]:
    """Which facts there are of a mask."""
    return {
        "spacing": grid.spacing_mm is not None,
        "position": grid.affine is not None,
        "classes": bool((provenance or {}).get("classes")),
        "provenance": bool(provenance),
    }


def may_write(path: Path) -> tuple[Path, ...]:
    """What writing a mask may replace: its file, and the one beside it where its format ever needs one."""
    format = format_of(path)
    if format is None:
        return (path,)
    # an image has no position
    known = {fact: fact != "position" or 3 in format.takes.axes for fact in FACTS}
    return (path, beside(path)) if facts_beside(format, known) else (path,)


def written(path: Path) -> list[Path]:
    """What was written of a mask: its file, and the one beside it where there is one."""
    return [path, beside(path)] if _is_ours(beside(path)) else [path]


@contextmanager
def with_facts(path: Path, format: Format, grid: Grid, provenance: Mapping[str, Any] | None) -> Iterator[Path]:
    """Give a path to write a mask to; it and the file beside it take their names together, or neither does.

    Where the format holds all there is, that is the mask's own path, and a file of an earlier mask beside it goes.

    Raises
    ------
    OutputError
        If one cannot be written, or somebody else's file is there.
    """
    other = beside(path)
    if not facts_beside(format, known_of(grid, provenance)):
        yield path
        if _is_ours(other):
            with suppress(OSError):
                other.unlink()
        return
    if other.is_symlink() or (other.exists() and not _is_ours(other)):
        raise OutputError(
            f"{other} is there and no file of this program; expected none, as what {format.title} does not hold of the "
            "mask goes there. Rename it, or choose another folder."
        )
    with atomic_path(other) as text:
        if format.gives.folder:
            # one that is written as a folder takes its place by itself
            yield path
            text.write_text(to_json(_document(path, path, grid, provenance or {})), encoding="ascii")
            return
        try:
            with atomic_path(path) as staged:
                yield staged
                text.write_text(to_json(_document(path, staged, grid, provenance or {})), encoding="ascii")
        except OutputError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError):
                raise
            # the writer knows no name but the one it was given
            raise output_error(path, cause) from cause


def _document(path: Path, staged: Path, grid: Grid, provenance: Mapping[str, Any]) -> dict[str, Any]:
    palette = palette_of(provenance)
    return {
        "kind": KIND,
        "version": 1,
        "mask": path.name,
        "sha256": _sha256(staged),
        "shape": grid.shape,
        "spacing": grid.spacing,
        "unit": grid.unit,
        # from indices (x, y, z) to mm: right, front, up
        "affine": grid.affine,
        "classes": [
            {"label": label, "name": name, "color": f"#{bytes(colour_in(palette, label)).hex()}"}
            for label, name in names_of(provenance).items()
        ],
        "provenance": provenance,
    }


def _sha256(path: Path) -> str:
    """Of a file; of a folder, that of its files' names and sums."""
    if not path.is_dir():
        return file_sha256(path)
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    return hashlib.sha256("".join(f"{file}\n{file_sha256(path / file)}\n" for file in files).encode()).hexdigest()


def _is_ours(path: Path) -> bool:
    return _found(path) is not None


def _found(path: Path) -> dict[str, Any] | None:
    """What a file beside a mask says; None where there is none of ours."""
    try:
        if not path.is_file():
            return None
        facts = read_json(path)
    except (OSError, ValueError, ImageReadError):
        return None
    return facts if facts.get("kind") == KIND else None


def _fitting(path: Path) -> dict[str, Any] | None:
    """What stands beside a mask, if it was written with this very file."""
    facts = _found(beside(path))
    with suppress(OSError):
        return facts if facts is not None and facts.get("sha256") == _sha256(path) else None
    return None


def told_beside(path: Path) -> str | None:
    """What to tell where a file beside a mask is not used: the mask was changed since, or is another."""
    other = beside(path)
    if _found(other) is None or _fitting(path) is not None:
        return None
    return f"{other} was written with another {path.name} than is there now: what it says of the mask is not used."


def add_grid(path: Path, grid: Grid) -> Grid:
    """A mask's grid, with what stands beside it where the file itself says nothing, or nothing of where it lies."""
    format = format_of(path)
    placeless = format is not None and 3 in format.takes.axes and format.keeps.position is Kept.NOT
    said = grid.spacing is not None or grid.affine is not None
    if (said and not placeless) or (facts := _fitting(path)) is None:
        return grid
    spacing, unit = facts.get("spacing"), facts.get("unit")
    if facts.get("shape") != list(grid.shape) or not isinstance(spacing, list) or len(spacing) != len(grid.shape):
        return grid
    if not isinstance(unit, str) or unit not in ("mm", "um", "px") or not usable_sizes(spacing, unit):
        return grid
    return replace(grid, spacing=tuple(map(float, spacing)), unit=unit, affine=_affine(facts.get("affine")))


def _affine(found: object) -> np.ndarray | None:
    try:
        affine = np.array(found, np.float64)
    except (TypeError, ValueError):
        return None
    usable = affine.shape == (4, 4) and np.isfinite(affine).all() and np.linalg.matrix_rank(affine) == 4
    return affine if usable else None


def provenance_beside(path: Path) -> object:
    """Where a mask comes from, as stands beside it; None where nothing does."""
    facts = _fitting(path)
    return None if facts is None else facts.get("provenance")

"""A few of the bundled weights' own training images: mixed into retraining, so that less is unlearned.

Only sets whose licence lets their pictures be passed on have some; ``benchmarks/make_anchors.py`` chose them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """Where they lie, a folder a task."""
    return Path(str(files("napari_medseg"))) / "anchors"


def anchors_of(sets: Iterable[str]) -> list[tuple[str, Path, Path]]:
    """Name, image and mask of the anchors from these sets; none where the licences do not allow any.

    Parameters
    ----------
    sets : iterable of str
        That weights were trained on.
    """
    known = set(sets)
    found: list[tuple[str, Path, Path]] = []
    for listed in sorted(folder().glob("*/anchors.json")):
        facts = json.loads(listed.read_text(encoding="utf-8"))
        if facts["set"] in known:
            place = listed.parent
            found += [(name, place / f"{name}.jpg", place / f"{name}_mask.png") for name in facts["images"]]
    return found

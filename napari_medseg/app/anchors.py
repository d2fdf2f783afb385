"""A few of the bundled weights' own training images: mixed into retraining, so that nothing is unlearned.

Only sets whose licence lets their pictures be passed on have some; ``benchmarks/make_anchors.py`` chose them.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """Where they lie, a folder a task."""
    return Path(str(files("napari_medseg"))) / "anchors"


def anchors_of(task: str) -> list[tuple[str, Path, Path]]:
    """Name, image and mask of a task's anchors; none where the licence does not allow any."""
    place = folder() / task
    if not (place / "anchors.json").is_file():
        return []
    facts = json.loads((place / "anchors.json").read_text(encoding="utf-8"))
    return [(name, place / f"{name}.jpg", place / f"{name}_mask.png") for name in facts["images"]]

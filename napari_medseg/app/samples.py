"""Sample images that come with the package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A real image with its maker's mask.

    Attributes
    ----------
    name, title, task : str
    image, mask : Path
    licence, citation, source : str
    """

    name: str
    title: str
    task: str
    image: Path
    mask: Path
    licence: str
    citation: str
    source: str


@lru_cache(maxsize=1)
def sample_images() -> tuple[Sample, ...]:
    """All samples."""
    folder = Path(str(files("napari_medseg") / "samples"))
    rows = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
    return tuple(
        Sample(
            name=row["name"],
            title=row["title"],
            task=row["task"],
            image=folder / row["file"],
            mask=folder / row["mask"],
            licence=row["licence"],
            citation=row["citation"],
            source=row["source"],
        )
        for row in rows
    )


def samples_of(task: str) -> tuple[Sample, ...]:
    """The samples of one task."""
    return tuple(sample for sample in sample_images() if sample.task == task)

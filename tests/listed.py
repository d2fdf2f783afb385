"""Cases as a list shows them, without a project."""

from dataclasses import replace
from pathlib import Path

from napari_medseg.project import Case


def cases(count=5, **changes):
    one = Case(
        id=0, name="", image=Path("/a"), sha256="", shape=(4, 4), spacing=None, unit="px", group="g", split="train",
        state="new", strokes=0, missing=False,
    )  # fmt: skip
    return [replace(one, id=n, name=f"scan_{n}", **changes) for n in range(1, count + 1)]

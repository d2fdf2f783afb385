"""What files of cases are called."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.names import name_key
from napari_medseg.project import Case


def free_stems(cases: Sequence[Case]) -> dict[int, str]:
    """A stem of its own for each case, by number: two patients' images may have one name."""
    # a case's own name is kept for it; some file systems take 'A' and 'a' for one
    names = {name_key(case.name) for case in cases}
    stems: dict[int, str] = {}
    taken: set[str] = set()
    for case in cases:
        stem = case.name
        while name_key(stem) in taken or (stem != case.name and name_key(stem) in names):
            stem = f"{stem}_{case.id}"
        taken.add(name_key(stem))
        stems[case.id] = stem
    return stems

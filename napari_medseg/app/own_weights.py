"""The weights in a project's folder; one damaged file keeps none of the others back."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.app.versions import project_weights
from napari_medseg.errors import InputError, sentence
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.store import read_facts


def own_weights(project: Project) -> tuple[list[tuple[Path, WeightsEntry]], list[str]]:
    """What can be chosen in a project, newest first.

    Returns
    -------
    usable : list of (Path, WeightsEntry)
        Not hashed.
    problems : list of str
        A sentence for each file that cannot be used.
    """
    usable, problems = [], []
    for path in project_weights(project):
        try:
            entry = read_facts(path)
            # a network that this version does not have
            get_spec(entry.network)
            usable.append((path, entry))
        except InputError as error:
            problems.append(sentence(error))
    return usable, problems

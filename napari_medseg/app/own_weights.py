"""The weights in a project's folder; one damaged file keeps none of the others back."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.app.versions import project_weights
from napari_medseg.errors import InputError, sentence
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.weights import WeightsEntry, resolve_weights
from napari_medseg.weights.home import installed
from napari_medseg.weights.store import read_facts


def own_weights(project: Project | None) -> tuple[list[tuple[Path, WeightsEntry]], list[str]]:
    """What can be chosen in a project, newest first; nothing, where none is open.

    Returns
    -------
    usable : list of (Path, WeightsEntry)
        Not hashed.
    problems : list of str
        A sentence for each file that cannot be used, for adopted weights that no longer come with the package, and for
        a damaged list of those that were installed.
    """
    usable: list[tuple[Path, WeightsEntry]] = []
    problems = []
    try:
        installed()
    except InputError as error:
        problems.append(sentence(error))
    if project is None:
        return usable, problems
    adopted = project.adopted()
    if adopted is not None and not adopted.endswith(".safetensors"):
        try:
            resolve_weights(adopted.partition("/")[0], adopted)
        except InputError as error:
            problems.append(sentence(error))
    for path in project_weights(project):
        try:
            entry = read_facts(path)
            # a network that this version does not have
            get_spec(entry.network)
            usable.append((path, entry))
        except InputError as error:
            problems.append(sentence(error))
    return usable, problems

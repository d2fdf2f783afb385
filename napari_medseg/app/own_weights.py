"""The weights in a project's folder; one damaged file keeps none of the others back."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from napari_medseg.app.versions import project_weights
from napari_medseg.errors import InputError, sentence
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.weights import WeightsEntry, read_entry, resolve_weights
from napari_medseg.weights.home import installed


def own_weights(project: Project | None) -> tuple[list[tuple[Path, WeightsEntry]], list[str]]:
    """What can be chosen in a project, newest first; nothing, where none is open.

    Returns
    -------
    usable : list of (Path, WeightsEntry)
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
            found = path.stat()
            usable.append((path, _entry(path, found.st_mtime_ns, found.st_size)))
        except OSError as error:
            problems.append(f"weights file {path} cannot be read ({error.strerror}). Check the drive.")
        except InputError as error:
            problems.append(sentence(error))
    return usable, problems


@lru_cache(maxsize=256)
def _entry(path: Path, changed: int, size: int) -> WeightsEntry:
    """Read once while the file stays as it is: it is hashed, and lists are filled often."""
    entry = read_entry(path)
    # a network that this version does not have
    get_spec(entry.network)
    return entry

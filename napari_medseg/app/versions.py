"""All weights a project ever used; any of them can be used again, bit for bit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from napari_medseg.errors import WeightsError
from napari_medseg.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Weights that were in use once.

    Attributes
    ----------
    weights : str
        Id, or path relative to the project.
    sha256 : str or None
        Of the file when it was adopted; None for an id.
    adopted : float
        When first, seconds since the epoch.
    in_use : bool
    """

    weights: str
    sha256: str | None
    adopted: float
    in_use: bool


def versions(project: Project) -> list[Version]:
    """In the order in which they were first adopted; before any, what the first run started from."""
    found: dict[str, Version] = {}
    now = project.adopted()
    for run in project.runs()[:1]:
        start = json.loads(run.spec).get("start_from")
        if start:
            found[start] = Version(weights=start, sha256=None, adopted=run.created, in_use=now in (None, start))
    for row in project.history():
        if row.kind == "adopt":
            facts = json.loads(row.detail)
            weights = facts["weights"]
            if weights is not None and weights not in found:
                in_use = now in (weights, str(project.path / weights))
                found[weights] = Version(
                    weights=weights, sha256=facts.get("sha256"), adopted=row.created, in_use=in_use
                )
    return list(found.values())


def use_version(project: Project, version: Version) -> None:
    """Propose with these weights from now on.

    Raises
    ------
    WeightsError
        If the file is gone, or is not the one that was adopted.
    OutputError
        If the project cannot be written.
    """
    path = project.path / version.weights
    if version.sha256 is not None:
        if not path.is_file():
            raise WeightsError(f"{path} is gone; expected the weights that were adopted. Restore the file.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != version.sha256:
            raise WeightsError(f"{path} was changed since it was adopted. Restore the file, or use another version.")
    project.adopt(path if path.is_file() else version.weights)

"""All weights a project ever used; any of them can be used again, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_medseg.app.export import check_folder
from napari_medseg.errors import InputError, WeightsError
from napari_medseg.io import atomic_path
from napari_medseg.project import Project
from napari_medseg.project.damage import damage_told
from napari_medseg.weights import resolve_weights
from napari_medseg.weights.store import check_file, weights_sha256
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Weights that were in use once.

    Attributes
    ----------
    weights : str
        Id, or path relative to the project.
    sha256 : str or None
        Of the file when it was adopted, or started from; None for an id, and in projects of older versions.
    adopted : float
        When first, seconds since the epoch.
    in_use : bool
    """

    weights: str
    sha256: str | None
    adopted: float
    in_use: bool


def versions(project: Project) -> list[Version]:
    """In the order in which they were first adopted; before any, what the first run started from.

    Raises
    ------
    ProjectError
        If the history is damaged.
    """
    with damage_told(tr("The history of {path}", path=project.path)):
        return _versions(project)


def _versions(project: Project) -> list[Version]:
    found: dict[str, Version] = {}
    now = project.adopted()
    rows = project.history()
    started = {
        facts["run"]: facts.get("start") for row in rows if row.kind == "train" for facts in [json.loads(row.detail)]
    }
    for run in project.runs()[:1]:
        told = started.get(run.id) or {}
        start = told.get("weights") or json.loads(run.spec).get("start_from")
        if start:
            in_use = now in (None, start, str(project.path / start))
            found[start] = Version(weights=start, sha256=told.get("sha256"), adopted=run.created, in_use=in_use)
    for row in rows:
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
        If the file is gone, or is not the one that was adopted or started from.
    UnknownNameError
        If the weights came with an older version of the program.
    OutputError
        If the project cannot be written.
    """
    if not version.weights.endswith(".safetensors"):
        check_file(*resolve_weights(version.weights.partition("/")[0], version.weights))
        project.adopt(version.weights)
        return
    path = project.path / version.weights
    if not path.is_file():
        raise WeightsError(tr("{path} is gone; expected the weights that were adopted. Restore the file.", path=path))
    if version.sha256 not in (None, weights_sha256(path)):
        raise WeightsError(
            tr("{path} was changed since it was adopted. Restore the file, or use another version.", path=path)
        )
    project.adopt(path)


def adopt_run(project: Project, run_id: int, weights: Path) -> Path:
    """Copy a run's weights into the project's ``weights`` under a name that is never used again, and use them.

    Returns
    -------
    Path
        Of the copy.

    Raises
    ------
    WeightsError
        If they are not what was scored any more.
    OutputError
        If it cannot be written.
    """
    project.check_run_weights(run_id, weights)
    folder = check_folder(project.path / "weights")
    target = folder / f"run-{run_id:04d}.safetensors"
    with atomic_path(target) as temporary:
        temporary.write_bytes(weights.read_bytes())
    project.adopt(str(target))
    project.set_run(run_id, "adopted", weights=target)
    return target


def adopt_round(project: Project, number: int) -> tuple[str, list[str]]:
    """Use the weights of a round that was judged, whatever was found: a person decides.

    Returns
    -------
    weights : str
        Id or path.
    against : list of str
        A sentence for each check of the gate that it failed.

    Raises
    ------
    InputError
        If there is no such round, or it was never judged.
    WeightsError
        If its weights are not what was judged, or adopted, any more.
    OutputError
        If the project cannot be written.
    """
    runs = {run.id: run for run in project.runs()}
    run = runs.get(number)
    if run is None:
        raise InputError(
            tr(
                "{path} has no round {number}; expected one of: {rounds}. See 'medseg project rounds'.",
                path=project.path,
                number=number,
                rounds=", ".join(map(str, runs)) or tr("none yet"),
            )
        )
    if run.weights is None or run.result is None:
        raise InputError(
            tr(
                "Round {number} is {state}: it was never judged; expected one that was. Go on with the last round with "
                "'medseg project retrain {path} --resume', or train anew.",
                number=number,
                state=run.state,
                path=project.path,
            )
        )
    before = next((one for one in versions(project) if project.path / one.weights == run.weights), None)
    if before is None:
        weights = str(adopt_run(project, number, run.weights))
    else:
        use_version(project, before)
        weights = str(run.weights)
    return weights, failed_checks(run.result)


def roll_back(project: Project) -> Version:
    """Use the weights that came into use before those of now; called again, those before them.

    Raises
    ------
    InputError
        If there are none.
    WeightsError, UnknownNameError, OutputError
        As :func:`use_version`.
    """
    found = {one.weights: one for one in versions(project)}
    line = _line(project, found)
    if len(line) < 2:
        raise InputError(
            tr(
                "{path} has no weights from before those in use ({weights}); expected a round that was adopted. See "
                "'medseg project rounds'.",
                path=project.path,
                weights=project.adopted() or tr("none yet"),
            )
        )
    use_version(project, found[line[-2]])
    return found[line[-2]]


def _line(project: Project, found: Mapping[str, Version]) -> list[str]:
    """Weights that led to those in use, these last: who went back to some left all that came after them."""
    rows = [row for row in project.history() if row.kind == "adopt"]
    line = [one.weights for one in found.values() if rows and one.adopted < rows[0].created]
    for row in rows:
        weights = json.loads(row.detail)["weights"]
        if weights in line:
            del line[line.index(weights) + 1 :]
        elif weights in found:
            line.append(weights)
    return line


def failed_checks(result: str | None) -> list[str]:
    """What spoke against a round when it was judged, a sentence each; of a damaged row nothing."""
    try:
        checks = json.loads(result or "{}").get("checks", ())
        return [str(check.get("text", "")) for check in checks if check["passed"] is False]
    # of a damaged row, the audit tells
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def let_in(result: str | None) -> bool | None:
    """Whether the gate let a round in; None where it was not judged."""
    try:
        found = json.loads(result or "{}").get("adopt")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, bool) else None


def measured_worse(project: Project) -> set[Path]:
    """Weights of rounds that something spoke against when they were judged, and that a person took all the same."""
    judged = ((run.weights, run.result) for run in project.runs() if run.weights is not None and run.result)
    return {weights for weights, result in judged if failed_checks(result)}


def project_weights(project: Project) -> list[Path]:
    """Weights that were adopted in a project, newest first; all stay selectable."""
    return sorted((project.path / "weights").glob("*.safetensors"), reverse=True)

"""A run that nobody looked at to its end: still at work, done and not judged, or broken off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_medseg.io import write_text
from napari_medseg.project import Project
from napari_medseg.project.lock import training_in
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, SPEC_FILE, finished, read_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """The newest run of a project, where something is left to do.

    Attributes
    ----------
    run_id : int
    spec : RunSpec
    folder : Path
    state : {'running', 'done', 'broken'}
    epoch : int
        Whole epochs on the disk.
    """

    run_id: int
    spec: RunSpec
    folder: Path
    state: Literal["running", "done", "broken"]
    epoch: int


def unfinished(project: Project) -> Unfinished | None:
    """What the newest run needs; None where it was adopted, kept, or judged."""
    runs = project.runs()
    if not runs or runs[-1].state not in ("running", "interrupted", "failed", "cancelled"):
        return None
    run = runs[-1]
    epochs = [e["epoch"] for e in read_events(run.folder / EVENTS_FILE)[0] if e["event"] == "epoch"]
    state: Literal["running", "done", "broken"]
    if training_in(run.folder) is not None:
        state = "running"
    elif finished(run.folder):
        state = "done"
    elif (run.folder / CHECKPOINT_FILE).is_file():
        state = "broken"
    else:
        # it never came to its first epoch: there is nothing to go on from
        return None
    return Unfinished(
        run_id=run.id,
        spec=RunSpec.from_json(run.spec),
        folder=run.folder,
        state=state,
        epoch=max(epochs, default=0),
    )


def go_on(left: Unfinished, device: str, minutes: float | None = None) -> RunSpec:
    """Make a run that broke off ready to go on, on the device chosen now: the one it had may be why it broke off.

    Parameters
    ----------
    left : Unfinished
    device : str
    minutes : float, optional
        Another time limit.

    Raises
    ------
    OutputError
        If its folder cannot be written to.
    """
    budget = replace(left.spec.budget, device=device)
    if minutes is not None:
        budget = replace(budget, time_budget_minutes=minutes)
    spec = replace(left.spec, budget=budget)
    write_text(left.folder / SPEC_FILE, spec.to_json())
    return spec

"""Retraining: corrections to a run, the run as a process of its own, its outcome compared and adopted."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.export import check_folder
from napari_medseg.app.gate import Suspect, Verdict, judge, verdict_json
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.errors import InputError, TrainingError
from napari_medseg.io import read_image, read_mask, write_mask, write_text
from napari_medseg.metrics import dice, hd95
from napari_medseg.metrics.alignment import fit
from napari_medseg.project import Case, Project
from napari_medseg.project.runs import EVENTS_FILE, SPEC_FILE, WEIGHTS_FILE, Pair, RunSpec, Stage, read_events
from napari_medseg.weights import resolve_weights

CANCEL_SECONDS, POLL_SECONDS = 0.8, 0.1
# of 3e-4 and 1e-3 the better one on the val images of two sets: benchmarks/finetune.py
FINE_TUNE_RATE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainOptions:
    """What the user chooses for a round.

    Parameters
    ----------
    network, weights : str
        To start from.
    epochs : int
    minutes : float or None
        Stop after the epoch in which this is used up.
    device : str
    seed : int
    """

    network: str
    weights: str
    epochs: int = 30
    minutes: float | None = None
    device: str = "auto"
    seed: int = 0


def accepted(project: Project, split: str) -> list[Case]:
    """Cases of one side of the split that have a revision and whose image is there."""
    return [c for c in project.cases() if c.split == split and not c.missing and project.revisions(c.id)]


def plan_retrain(project: Project, options: RetrainOptions) -> tuple[RunSpec, Path]:
    """Write a run's folder: accepted corrections as PNG masks, and the spec.

    Held-out cases are scored, never trained on. Where fewer than two of them are accepted and there are four accepted
    groups or more, a fifth of the groups is set aside, for good; which ones hangs on their keys alone. With fewer,
    there is no validation and the last weights are kept.

    Returns
    -------
    spec : RunSpec
    folder : Path
        Inside the project's ``runs``.

    Raises
    ------
    InputError
        If fewer than two corrections are accepted, or the weights cannot be used.
    OutputError
        If the folder cannot be written.
    """
    entry, path = resolve_weights(options.network, options.weights)
    _set_aside(project)
    train, held_out = accepted(project, "train"), accepted(project, "heldout")
    if len(train) < 2:
        raise InputError(f"{len(train)} accepted correction(s) to train on; expected at least 2. Accept more images.")
    number = len(project.runs()) + 1
    while (project.path / "runs" / f"{number:04d}").exists():
        number += 1
    folder = check_folder(project.path / "runs" / f"{number:04d}")
    masks = check_folder(folder / "masks")

    def pair(case: Case) -> Pair:
        labels = project.revision_labels(project.revisions(case.id)[-1].id)
        mask = write_mask(masks / f"{case.id}{'.png' if labels.ndim == 2 else '.nii.gz'}", labels)
        return Pair(name=case.name, image=str(case.image), mask=str(mask.relative_to(folder)), group=case.group)

    sides = tuple(entry.input_size)
    spec = RunSpec(
        network=options.network,
        task=entry.task,
        train=tuple(pair(case) for case in train),
        val=tuple(pair(case) for case in held_out),
        start_from=str(path) if str(options.weights).endswith(".safetensors") else entry.id,
        stages=(Stage(size=sides if len(sides) == 3 else max(sides), epochs=options.epochs),),
        learning_rate=FINE_TUNE_RATE,
        # a handful of images: small batches give more steps an epoch
        batch_size=min(4, len(train)),
        seed=options.seed,
        device=options.device,
        time_budget_minutes=options.minutes,
        validate_every=max(1, options.epochs // 10),
        augmentation="full" if len(sides) == 2 else "volume",
        spacing=entry.spacing,
        window=entry.window,
        classes=entry.classes,
        licence=entry.licence if entry.licence == "research-only" else "local",
        trained_on=(*entry.trained_on, f"{len(train)} corrections of this project"),
        version=entry.version + 1,
        freeze_norm=True,
        nice=5,
    )
    write_text(folder / SPEC_FILE, spec.to_json())
    return spec, folder


def _set_aside(project: Project) -> None:
    if len(accepted(project, "heldout")) >= 2:
        return
    groups = sorted({c.group for c in accepted(project, "train")}, key=lambda g: hashlib.sha256(g.encode()).hexdigest())
    if len(groups) >= 4:
        # at least one; two as soon as that leaves most of the images for training
        for group in groups[: max(1 if len(groups) < 6 else 2, len(groups) // 5)]:
            project.hold_out(group)


class RunProcess:
    """A trainer at work in a process of its own.

    Parameters
    ----------
    folder : Path
        Holds the run's ``spec.json``; events and weights come out here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events = folder / EVENTS_FILE
        # a run that resumes appends: what was told before is not told again
        self._offset = self._events.stat().st_size if self._events.exists() else 0
        self._log = (folder / "trainer.log").open("ab")
        command = [sys.executable, "-m", "src_train", "run", str(folder), "--with-parent"]
        # on Windows, without a console window of its own
        flags: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, creationflags=flags
        )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    def poll(self) -> list[dict[str, Any]]:
        """Events since the last call."""
        events, self._offset = read_events(self._events, self._offset)
        return events

    def follow(self, unwanted: Callable[[], bool] = lambda: False) -> Iterator[dict[str, Any]]:
        """Events as they are written, until the process has ended or is not wanted any more.

        Raises
        ------
        TrainingError
            If it failed; the message says why.
        """
        while not unwanted():
            alive = self.running
            yield from self.poll()
            if not alive:
                if self.wait() != 0:
                    raise TrainingError(self.failure())
                return
            time.sleep(POLL_SECONDS)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code."""
        try:
            return self._process.wait(timeout)
        finally:
            if not self.running:
                self._close()

    def cancel(self) -> None:
        """End it within a second; its last whole epoch stays to go on from."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(CANCEL_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        self._close()

    def _close(self) -> None:
        self._log.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def failure(self) -> str:
        """Why it died, in one sentence."""
        code = self.returncode
        told = [e for e in read_events(self._events)[0] if e["event"] == "failed"]
        if told:
            return str(told[-1]["error"])
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
            hint = " (often the system ran out of memory)" if name == "SIGKILL" else ""
            return f"Training was ended by signal {name}{hint}. Start it again; it goes on from its last epoch."
        return f"Training ended with code {code}; its log is {self.folder / 'trainer.log'}. Read the log's last lines."


def run_to_end(folder: Path, *, on_event: Any = None) -> None:
    """Run the trainer and wait.

    Parameters
    ----------
    folder : Path
    on_event : callable, optional
        Called with each event.

    Raises
    ------
    TrainingError
        If it failed; the message says why.
    """
    process = RunProcess(folder)
    try:
        for event in process.follow():
            if on_event is not None:
                on_event(event)
    except BaseException:
        process.cancel()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Old against new weights on one case; scores are means over classes, pictures (Y, X): of a volume, one slice."""

    name: str
    dice_before: float
    dice_after: float
    hd95_before: float
    hd95_after: float
    image: np.ndarray
    truth: np.ndarray
    before: np.ndarray
    after: np.ndarray


def compare(spec: RunSpec, folder: Path, *, device: str = "auto") -> list[Comparison]:
    """Score the weights a run started from and those it made, on its validation pairs.

    Returns
    -------
    list of Comparison
        Empty where the run had no validation pairs.

    Raises
    ------
    InputError
        If a file of the run cannot be read.
    """
    if spec.start_from is None:
        return []
    old = PredictRequest(network=spec.network, weights=spec.start_from, device=device)
    new = PredictRequest(network=spec.network, weights=str(folder / WEIGHTS_FILE), device=device)
    rows = []
    for pair in spec.val:
        read, truth = read_image(folder / pair.image), read_mask(folder / pair.mask)
        image = read.data
        before, after = (predict_array(image, weights, spacing=read.spacing).labels for weights in (old, new))
        if len(spec.classes) == 1:
            truth = (truth > 0).astype(truth.dtype)
        classes = range(1, len(spec.classes) + 1)
        shown = np.s_[:] if truth.ndim == 2 else int((truth > 0).sum(axis=(1, 2)).argmax())
        rows.append(
            Comparison(
                name=pair.name,
                dice_before=float(np.mean([dice(before == k, truth == k) for k in classes])),
                dice_after=float(np.mean([dice(after == k, truth == k) for k in classes])),
                hd95_before=float(np.mean([hd95(before == k, truth == k) for k in classes])),
                hd95_after=float(np.mean([hd95(after == k, truth == k) for k in classes])),
                image=image[shown],
                truth=truth[shown],
                before=before[shown],
                after=after[shown],
            )
        )
    return rows


def find_suspects(spec: RunSpec, folder: Path, *, device: str = "auto") -> list[Suspect]:
    """Training masks that fit their images only when turned inside out or moved, as old or new weights see it.

    Returns
    -------
    list of Suspect
        Volumes are not looked at.
    """
    requests = [PredictRequest(network=spec.network, weights=str(folder / WEIGHTS_FILE), device=device)]
    if spec.start_from is not None:
        requests.append(PredictRequest(network=spec.network, weights=spec.start_from, device=device))
    found = []
    for pair in spec.train:
        image, mask = read_image(folder / pair.image).data, read_mask(folder / pair.mask) > 0
        if mask.ndim != 2:
            continue
        fits = [fit(mask, predict_array(image, request).labels > 0) for request in requests]
        moved = next((f.move for f in fits if f.looks_moved), None)
        if any(f.looks_inverted for f in fits):
            found.append(Suspect(name=pair.name, what="looks inverted"))
        # both must say so: a network that does not know this kind of image finds things in odd places
        elif moved is not None and all(f.looks_moved or f.moved - f.dice > 0.1 for f in fits):
            found.append(Suspect(name=pair.name, what=f"looks moved by ({-moved[0]}, {-moved[1]}) px"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a run has come to: the held-out cases, old against new, and the gate's verdict."""

    rows: list[Comparison]
    verdict: Verdict


def review_run(project: Project, run_id: int, spec: RunSpec, folder: Path, *, device: str = "auto") -> Review:
    """Score a run, let the gate judge, and note both in the project.

    Raises
    ------
    InputError
        If a file of the run cannot be read.
    OutputError
        If the project cannot be written.
    """
    rows = compare(spec, folder, device=device)
    verdict = judge(rows, find_suspects(spec, folder, device=device))
    project.set_run(run_id, "done", weights=folder / WEIGHTS_FILE, result=verdict_json(rows, verdict))
    return Review(rows=rows, verdict=verdict)


def adopt_run(project: Project, run_id: int, weights: Path) -> Path:
    """Copy a run's weights into the project's ``weights`` under a name that is never used again, and use them.

    Returns
    -------
    Path
        Of the copy.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from napari_medseg.io import atomic_path

    folder = check_folder(project.path / "weights")
    target = folder / f"run-{run_id:04d}.safetensors"
    with atomic_path(target) as temporary:
        temporary.write_bytes(weights.read_bytes())
    project.adopt(str(target))
    project.set_run(run_id, "adopted", weights=target)
    return target


def project_weights(project: Project) -> list[Path]:
    """Weights that were adopted in a project, newest first; all stay selectable."""
    return sorted((project.path / "weights").glob("*.safetensors"), reverse=True)

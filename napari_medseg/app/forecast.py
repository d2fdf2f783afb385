"""What a round would do, before anybody starts it: who is learned from, who judges, from where, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from napari_medseg.app.accepted import masks_of
from napari_medseg.app.anchors import anchors_of
from napari_medseg.app.judges import accepted, to_set_aside
from napari_medseg.app.large_pairs import pairs_of
from napari_medseg.app.plan_round import RetrainOptions, drawn_an_epoch
from napari_medseg.app.round_stages import stages_of
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.inference.device import resolve_device
from napari_medseg.project import Project
from napari_medseg.project.run_spec import RunSpec, Schedule
from napari_medseg.project.runs import EVENTS_FILE, read_events
from napari_medseg.weights import WeightsEntry, resolve_weights

# seconds for an image that is drawn, per pixel of the network's input, on two cores at 256 px: decisions 14 and 77
GUESS = {"cmunext-xxs": 0.045 / 256**2, "sgd-net-s": 0.15 / 256**2}
# the trainer's start, s
START = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the next round would do.

    Attributes
    ----------
    learned : int
        Accepted images that it would learn from; of a large case, each accepted box counts.
    judging : int
        Those that would judge it.
    as_proposed : int
        Of these, accepted without a change.
    groups : int
        Patients, or images that stand alone, of both.
    entry : WeightsEntry
        Of the weights that it would start from.
    own : bool
        They were made by a round.
    epochs : int
        That fit into the time limit; as many as were asked for where it is not known how long one takes.
    seconds : float or None
        Of training; None: it is not known.
    measured : bool
        By a round on this computer.
    """

    learned: int
    judging: int
    as_proposed: int
    groups: int
    entry: WeightsEntry
    own: bool
    epochs: int
    seconds: float | None
    measured: bool


def forecast(project: Project, options: RetrainOptions) -> Forecast:
    """What :func:`plan_retrain` would plan now; writes nothing.

    Raises
    ------
    InputError
        If the weights or the device cannot be used.
    ProjectError
        If a mask is damaged.
    """
    entry, path = resolve_weights(options.network, options.weights)
    aside = set(to_set_aside(project))
    train, held_out = accepted(project, "train"), accepted(project, "heldout")
    learned = [case for case in train if case.group not in aside]
    judges = [*held_out, *(case for case in train if case.group in aside)]
    masks, boxes = ([one for case in side for one in masks_of(project, case)] for side in (learned, judges))
    drawn, anchors = drawn_an_epoch(sum(pairs_of(project, one, entry, options.task) for one in masks))
    images = drawn + (anchors if anchors_of(entry.trained_on) else 0)
    each, measured = _seconds_a_pixel(entry, options.device)
    epochs, seconds = options.epochs, None
    if each is not None:
        # of all that are planned; where fewer fit, as many of each kind are left out
        each *= images * Schedule(stages=stages_of(entry, epochs)).pixels
        if options.minutes is not None:
            epochs = max(1, min(epochs, int(60 * options.minutes / each)))
        seconds = START + epochs * each
    return Forecast(
        learned=len(masks),
        judging=len(boxes),
        as_proposed=sum(not project.corrected(one.revision.id) for one in boxes),
        groups=len({case.group for case in (*learned, *judges)}),
        entry=entry,
        own=path.parent == project.path / "weights",
        epochs=epochs,
        seconds=seconds,
        measured=measured,
    )


def _seconds_a_pixel(entry: WeightsEntry, device: str) -> tuple[float | None, bool]:
    """Of training, and whether it was measured here."""
    kind = resolve_device(device).type
    known = (load_settings().get("pace") or {}).get(f"{entry.network} {kind}")
    if known is None and kind == "cpu":
        known, measured = GUESS.get(entry.network), False
    else:
        measured = known is not None
    return known, measured


def note_pace(spec: RunSpec, folder: Path) -> None:
    """Remember how long a run took on this computer, for the next forecast.

    Parameters
    ----------
    spec : RunSpec
    folder : Path
        The run's.
    """
    events = read_events(folder / EVENTS_FILE)[0]
    starts = [str(event.get("device")) for event in events if event["event"] == "start"]
    schedule, drawn = spec.schedule, spec.schedule.epoch_images or len(spec.data.train)
    # for a pixel that was seen: some epochs see the whole of each image, others a part
    paces = [
        event["seconds"] / (drawn * schedule.stage_of(event["epoch"] - 1, event["epochs"]).pixels)
        for event in events
        if event["event"] == "epoch" and event.get("seconds")
    ]
    if starts and paces:
        known = dict(load_settings().get("pace") or {})
        known[f"{spec.network} {starts[-1].partition(':')[0]}"] = median(paces)
        save_settings(pace=known)

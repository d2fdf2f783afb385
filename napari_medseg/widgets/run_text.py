"""What the panel says of a run."""

from __future__ import annotations

from math import ceil
from typing import Any

from napari_medseg.app.forecast import Forecast
from napari_medseg.app.gate import counted
from napari_medseg.app.review import Review
from napari_medseg.app.round import Round
from napari_medseg.app.unfinished import Unfinished
from napari_medseg.networks import get_spec
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.weights import WeightsEntry


def forecast_text(found: Forecast, *, epochs: int, minutes: float | None) -> str:
    """What pressing Retrain would do.

    Parameters
    ----------
    found : Forecast
    epochs : int
        Asked for.
    minutes : float or None
        The limit.
    """
    accepted = found.learned + found.judging
    if found.learned < 2:
        besides = f", and {found.judging} kept for testing" if found.judging else ""
        return f"Accept at least 2 images first ({found.learned} so far{besides})."
    judges = f"{found.judging} to judge" if found.judging else "none to judge (for that, accept 4 or more)"
    if found.as_proposed:
        which = "all" if found.as_proposed == found.judging else str(found.as_proposed)
        judges += f" ({which} accepted as proposed)"
    start = f"{network_name(found.entry)}{', retrained' if found.own else ''}"
    text = f"{accepted} accepted: {found.learned} to learn from, {judges}, from {start}, {_how_long(found)}"
    if found.epochs < epochs:
        text += f" (the limit of {minutes:g} min: {found.epochs} of {epochs} epochs)"
    return f"{text}."


def _how_long(found: Forecast) -> str:
    if found.seconds is None:
        return "for how long is not known before a first round"
    about = f"about {counted(max(1, ceil(found.seconds / 60 - 0.25)), 'minute')}"
    return about if found.measured else f"perhaps {about.removeprefix('about ')} (no round was timed here yet)"


def network_name(entry: WeightsEntry) -> str:
    """What a network is for, then its name: ``breast ultrasound v1 (CMUNeXt-XXS)``."""
    return f"{entry.task.replace('-', ' ')} v{entry.version} ({get_spec(entry.network).title.partition(' (')[0]})"


def event_text(event: dict[str, Any], spec: RunSpec) -> str | None:
    """Of what the trainer tells; None: nothing new."""
    if event["event"] == "start":
        own = sum(bool(pair.group) for pair in spec.data.train)
        more = f" and {len(spec.data.train) - own} of the network's first ones" if own < len(spec.data.train) else ""
        where = event["device"].upper()
        return f"Learning from {counted(own, 'image')} of yours{more}, {len(spec.data.val)} to judge, on the {where}."
    if event["event"] == "epoch" and event.get("seconds_left") is not None:
        left = int(event["seconds_left"])
        asked, minutes = spec.schedule.epochs, spec.budget.time_budget_minutes
        fewer = f" ({asked} do not fit into {minutes:g} min)" if minutes and event["epochs"] < asked else ""
        return f"Epoch {event['epoch']} of {event['epochs']}{fewer}, about {left // 60}:{left % 60:02d} left."
    return None


def progress_text(event: dict[str, Any]) -> str:
    """On the bar: before the first epoch is done there is no share to tell."""
    return f"Epoch {event['epoch']} of {event['epochs']}" if event["epoch"] else "Starting"


def verdict_text(review: Review, spec: RunSpec) -> tuple[str, str]:
    """Of a round that was not adopted: what is to stand in bold, and the rest; why is said in the list below it."""
    return "Your choice." if review.verdict.asks else "The old network stays.", cut_text(review, spec)


def cut_text(review: Review, spec: RunSpec) -> str:
    """That a time limit ended the round early; empty where it did not."""
    if review.epochs is None:
        return ""
    minutes = spec.budget.time_budget_minutes
    return f" Stopped after {review.epochs} of {spec.schedule.epochs} epochs: no more fit into {minutes:g} minutes."


# where there is nothing more to say than that
STATE_TEXT = {
    "running": "Starting the trainer...",
    "reviewing": "Comparing old and new on the test images...",
    "kept": "The old network stays.",
    "cancelled": "Cancelled. The network in use is as it was.",
}
# on the bar
STATE_WORD = {
    "preparing": "Preparing",
    "running": "Starting",
    "reviewing": "Comparing",
    "cancelled": "Cancelled",
    "broken": "Broken off",
}


# how those that a project made are called
ROUND = "Round"


def version_name(weights: str, *, first: bool) -> str:
    """Weights that were in use, as a person would call them: ``Round 2``, ``Original network``.

    Parameters
    ----------
    weights : str
        Id, or path.
    first : bool
        Those that a project began with.
    """
    stem = weights.replace("\\", "/").rpartition("/")[2].removesuffix(".safetensors")
    number = stem.removeprefix("run-")
    if weights.endswith(".safetensors") and stem != number and number.isdigit():
        return f"{ROUND} {int(number)}"
    name = stem if weights.endswith(".safetensors") else weights.partition("/")[2].partition("@")[0].replace("-", " ")
    return f"Original network ({name})" if first else f"Network {name}"


def unfinished_text(left: Unfinished) -> str:
    """Of a run that can go on."""
    if left.state == "done":
        return "The last round is trained and was not judged: press Resume to have it judged, or Retrain to start anew."
    return (
        f"The last round broke off after epoch {left.epoch} of {left.spec.schedule.epochs}: press Resume to go on from "
        "there, or Retrain to start anew."
    )


def parting_text(round_: Round) -> str:
    """Of a round whose project closes."""
    name = round_.project.path.name
    again = f"Open {name} again to have its new network judged."
    if round_.state == "preparing":
        return "The training that was being prepared was cancelled."
    if round_.state == "reviewing":
        return f"The training of {name} is done. {again}"
    return f"The training of {name} goes on alone. {again}" if round_.staying else ""

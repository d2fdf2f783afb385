"""What the panel says of a run."""

from __future__ import annotations

from math import ceil
from typing import Any

from napari_medseg.app.forecast import Forecast
from napari_medseg.app.judges import LEAST_GROUPS
from napari_medseg.app.plan_round import accepted_in, too_few
from napari_medseg.app.review import Review
from napari_medseg.app.round import Round
from napari_medseg.app.unfinished import Unfinished
from napari_medseg.networks import get_spec
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.tasks import task_words
from napari_medseg.weights import WeightsEntry
from napari_medseg.words import mark, tr, trn


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
        return too_few(found.learned, found.judging)
    start = network_name(found.entry)
    told = tr(
        "{accepted} accepted: {learned} to learn from, {judges}, from {network}, {time}",
        accepted=accepted,
        learned=found.learned,
        judges=_judges(found),
        network=tr("{network}, retrained", network=start) if found.own else start,
        time=_how_long(found),
    )
    if found.epochs < epochs:
        fits = tr(
            "the limit of {minutes:g} min: {n} of {epochs} epochs", minutes=minutes, n=found.epochs, epochs=epochs
        )
        told += f" ({fits})"
    return f"{told}."


def _judges(found: Forecast) -> str:
    if not found.judging:
        return _why_none(found)
    if not found.as_proposed:
        return tr("{n} to judge", n=found.judging)
    if found.as_proposed == found.judging:
        return tr("{n} to judge (all accepted as proposed)", n=found.judging)
    return tr("{n} to judge ({as_proposed} accepted as proposed)", n=found.judging, as_proposed=found.as_proposed)


def _why_none(found: Forecast) -> str:
    """Why nobody judges: images of one patient, as frames of one slide, lie on one side."""
    if found.groups >= LEAST_GROUPS:
        return tr("none to judge")
    if found.groups < found.learned:
        return tr(
            "none to judge (for that, accept masks of {least} patients or slides; these are of {n}, and frames of one "
            "slide count as one)",
            least=LEAST_GROUPS,
            n=found.groups,
        )
    return tr("none to judge (for that, accept {least} or more)", least=LEAST_GROUPS)


def _how_long(found: Forecast) -> str:
    if found.seconds is None:
        return tr("for how long is not known before a first round")
    minutes = max(1, ceil(found.seconds / 60 - 0.25))
    if found.measured:
        return trn("about {n} minute", "about {n} minutes", minutes)
    return trn(
        "perhaps {n} minute (no round was timed here yet)", "perhaps {n} minutes (no round was timed here yet)", minutes
    )


def network_name(entry: WeightsEntry) -> str:
    """What a network is for, then its name: ``Breast ultrasound v1 (CMUNeXt-XXS)``."""
    return f"{task_words(entry.task)} v{entry.version} ({get_spec(entry.network).title.partition(' (')[0]})"


def event_text(event: dict[str, Any], spec: RunSpec) -> str | None:
    """Of what the trainer tells; None: nothing new."""
    if event["event"] == "start":
        own, judging = sum(bool(pair.group) for pair in spec.data.train), len(spec.data.val)
        fields = {"what": _learned(own, accepted_in(spec)), "device": event["device"].upper()}
        if own < len(spec.data.train):
            return tr(
                "Learning from {what} and {first} of the network's first ones, {judging} to judge, on the {device}.",
                first=len(spec.data.train) - own,
                judging=judging,
                **fields,
            )
        return tr("Learning from {what}, {judging} to judge, on the {device}.", judging=judging, **fields)
    if event["event"] == "epoch" and event.get("seconds_left") is not None:
        left = int(event["seconds_left"])
        asked, minutes = spec.schedule.epochs, spec.budget.time_budget_minutes
        fields = {"n": event["epoch"], "total": event["epochs"], "left": f"{left // 60}:{left % 60:02d}"}
        if minutes and event["epochs"] < asked:
            return tr(
                "Epoch {n} of {total} ({asked} do not fit into {minutes:g} min), about {left} left.",
                asked=asked,
                minutes=minutes,
                **fields,
            )
        return tr("Epoch {n} of {total}, about {left} left.", **fields)
    return None


def _learned(own: int, accepted: int | None) -> str:
    """What is learned from, as a person counts it: a frame of a slide is learned from in pieces."""
    if accepted is None or accepted == own:
        return trn("{n} image of yours", "{n} images of yours", own)
    return trn(
        "{n} accepted mask of yours (in {pieces} pieces)",
        "{n} accepted masks of yours (in {pieces} pieces)",
        accepted,
        pieces=own,
    )


def progress_text(event: dict[str, Any]) -> str:
    """On the bar: before the first epoch is done there is no share to tell."""
    if not event["epoch"]:
        return tr("Starting")
    return tr("Epoch {n} of {total}", n=event["epoch"], total=event["epochs"])


def verdict_text(review: Review, spec: RunSpec) -> tuple[str, str]:
    """Of a round that was not adopted: what is to stand in bold, and the rest; why is said in the list below it."""
    return tr("Your choice.") if review.verdict.asks else tr("The old network stays."), cut_text(review, spec)


def cut_text(review: Review, spec: RunSpec) -> str:
    """That a time limit ended the round early; empty where it did not."""
    if review.epochs is None:
        return ""
    minutes = spec.budget.time_budget_minutes
    told = tr(
        "Stopped after {n} of {total} epochs: no more fit into {minutes:g} min.",
        n=review.epochs,
        total=spec.schedule.epochs,
        minutes=minutes,
    )
    return f" {told}"


# where there is nothing more to say than that; shown by tr
STATE_TEXT = {
    "running": mark("Starting the trainer..."),
    "reviewing": mark("Comparing old and new on the test images..."),
    "kept": mark("The old network stays."),
    "cancelled": mark("Cancelled. The network in use is as it was."),
}


def state_text(state: str, spec: RunSpec | None) -> str:
    """What a state of a round says by itself; empty where there is more to say."""
    judges = spec is not None and bool(spec.data.val)
    if state == "reviewing" and spec is not None and not judges:
        return tr("No image is kept for testing: looking whether the accepted masks fit their images...")
    if state == "cancelled" and judges:
        # a round that ended early has set them aside all the same
        kept = tr("Images marked 'for testing' stay so: no round learns from them.")
        return f"{tr(STATE_TEXT[state])} {kept}"
    return tr(STATE_TEXT[state]) if state in STATE_TEXT else ""


# on the bar
STATE_WORD = {
    "preparing": mark("Preparing"),
    "running": mark("Starting"),
    "reviewing": mark("Comparing"),
    "cancelled": mark("Cancelled"),
    "broken": mark("Broken off"),
}


def version_name(weights: str, *, first: bool) -> str:
    """Weights that were in use, as a person would call them: ``Round 2``, ``Original network``.

    Parameters
    ----------
    weights : str
        Id, or path.
    first : bool
        Those that a project began with.
    """
    number = round_number(weights)
    if number is not None:
        return tr("Round {n}", n=number)
    name = (
        _stem(weights) if weights.endswith(".safetensors") else task_words(weights.partition("/")[2].partition("@")[0])
    )
    return tr("Original network: {name}", name=name) if first else tr("Network: {name}", name=name)


def round_number(weights: str) -> int | None:
    """Which round of the project made them; None: none did."""
    number = _stem(weights).removeprefix("run-")
    made = weights.endswith(".safetensors") and number != _stem(weights) and number.isdigit()
    return int(number) if made else None


def _stem(weights: str) -> str:
    return weights.replace("\\", "/").rpartition("/")[2].removesuffix(".safetensors")


def unfinished_text(left: Unfinished) -> str:
    """Of a run that can go on."""
    if left.state == "done":
        return tr(
            "The last round is trained and was not judged: press Resume to have it judged, or Retrain to start anew."
        )
    return tr(
        "The last round broke off after epoch {n} of {total}: press Resume to go on from there, or Retrain to start "
        "anew.",
        n=left.epoch,
        total=left.spec.schedule.epochs,
    )


def parting_text(round_: Round) -> str:
    """Of a round whose project closes."""
    name = round_.project.path.name
    if round_.state == "preparing":
        return tr("The training that was being prepared was cancelled.")
    again = tr("Open {name} again to have its new network judged.", name=name)
    if round_.state == "reviewing":
        return " ".join((tr("The training of {name} is done.", name=name), again))
    return " ".join((tr("The training of {name} goes on alone.", name=name), again)) if round_.staying else ""

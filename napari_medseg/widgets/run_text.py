"""What the panel says of a run."""

from __future__ import annotations

from typing import Any

from napari_medseg.app.round import Round
from napari_medseg.app.unfinished import Unfinished
from napari_medseg.project.run_spec import RunSpec


def event_text(event: dict[str, Any], spec: RunSpec) -> str | None:
    """Of what the trainer tells; None: nothing new."""
    if event["event"] == "start":
        own = sum(bool(pair.group) for pair in spec.data.train)
        more = f" and {len(spec.data.train) - own} of the network's first ones" if own < len(spec.data.train) else ""
        where = event["device"].upper()
        return f"Training on {own} corrected image(s){more}, {event['val']} held out, on the {where}."
    if event["event"] == "epoch" and event.get("seconds_left") is not None:
        left = int(event["seconds_left"])
        return f"Epoch {event['epoch']} of {event['epochs']}, about {left // 60}:{left % 60:02d} left."
    return None


# where there is nothing more to say than that
STATE_TEXT = {
    "running": "Starting the trainer...",
    "reviewing": "Comparing before and after on the held-out images...",
    "kept": "Kept the old weights.",
    "cancelled": "Cancelled. The weights in use are as they were.",
}


def unfinished_text(left: Unfinished) -> str:
    """Of a run that can go on."""
    if left.state == "done":
        return "The last run is trained and was not judged: press Resume to have it judged, or Retrain to start anew."
    return (
        f"The last run broke off after epoch {left.epoch} of {left.spec.schedule.epochs}: press Resume to go on from "
        "there, or Retrain to start anew."
    )


def parting_text(round_: Round) -> str:
    """Of a round whose project closes."""
    name = round_.project.path.name
    again = f"Open {name} again to have its new weights judged."
    if round_.state == "preparing":
        return "The training that was being prepared was cancelled."
    if round_.state == "reviewing":
        return f"The training of {name} is done. {again}"
    return f"The training of {name} goes on alone. {again}" if round_.staying else ""

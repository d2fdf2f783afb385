"""What the panel says of a run."""

from __future__ import annotations

from typing import Any

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


def broken_text(left: Unfinished) -> str:
    """Of a run that can go on."""
    return (
        f"The last run broke off after epoch {left.epoch} of {left.spec.schedule.epochs}: press Resume to go on from "
        "there, or Retrain to start anew."
    )


def left_text(name: str) -> str:
    """Of a run that goes on after its project was closed."""
    return f"The training of {name} goes on alone. Open {name} again to have its new weights judged."

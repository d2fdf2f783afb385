"""The folder of a training run: what lies in it, and what the trainer tells there.

This is the whole contract between ``napari_medseg`` and ``src_train``: a folder with ``spec.json``
(:class:`napari_medseg.project.run_spec.RunSpec`) going in, and ``events.jsonl``, ``checkpoint.pt`` and
``weights.safetensors`` coming out. A file ``cancel`` in it asks the trainer to end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_medseg import fields
from napari_medseg.project.run_groups import MOST_EPOCHS
from napari_medseg.project.run_spec import Pair, RunSpec, Stage

# the last three lie beside; scripts of users and checks from outside ask for them here
__all__ = [
    "CANCEL_FILE",
    "CHECKPOINT_FILE",
    "EVENTS_FILE",
    "SPEC_FILE",
    "WEIGHTS_FILE",
    "Pair",
    "RunSpec",
    "Stage",
    "finished",
    "read_events",
]  # fmt: skip

SPEC_FILE = "spec.json"
EVENTS_FILE = "events.jsonl"
CHECKPOINT_FILE = "checkpoint.pt"
WEIGHTS_FILE = "weights.safetensors"
CANCEL_FILE = "cancel"

# of what the program counts with; the rest is shown
_EVENT: Mapping[str, fields.Check] = {
    "event": fields.TEXT,
    **dict.fromkeys(("epoch", "epochs"), fields.whole(0, MOST_EPOCHS * 1000)),
}


def read_events(path: str | Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Read the events written since ``offset``.

    A last line that is still being written is left for the next call; a damaged line is skipped.

    Parameters
    ----------
    path : str or Path
        ``events.jsonl``; it need not exist yet.
    offset : int
        Bytes already read.

    Returns
    -------
    events : list of dict
        Each with ``event`` and ``time`` (seconds since the epoch).
    offset : int
        To pass next time.
    """
    path = Path(path)
    if not path.exists():
        return [], offset
    with path.open("rb") as stream:
        stream.seek(offset)
        blob = stream.read()
    whole = blob[: blob.rfind(b"\n") + 1]
    events: list[dict[str, Any]] = []
    for line in whole.splitlines():
        try:
            event = fields.parse_json(line)
        except ValueError:
            continue
        if isinstance(event, Mapping) and fields.wrong_field(event, _EVENT, "", ("event",)) is None:
            events.append(dict(event))
    return events, offset + len(whole)


def finished(folder: Path) -> bool:
    """Whether a run came to its end: the last event says so, and the weights are there."""
    events, _ = read_events(folder / EVENTS_FILE)
    return bool(events) and events[-1]["event"] == "done" and (folder / WEIGHTS_FILE).is_file()

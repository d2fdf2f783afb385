"""How long a question took the last time, so that a long wait is known before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from napari_medseg.app.settings import load_settings, save_settings

if TYPE_CHECKING:
    from napari_medseg.app.predict import PredictRequest

# who waits longer than this looks for something to do meanwhile; s
SLOW = 1.0
# by question, s: all that was asked since the program began
_HERE: dict[str, float] = {}
_MOST = 50


def known_wait(request: PredictRequest, shape: Sequence[int], *, here: bool = False) -> float | None:
    """Seconds that the same question took last, on an image about as large; None: nobody knows.

    Parameters
    ----------
    request : PredictRequest
    shape : sequence of int
        (Y, X, ...), px.
    here : bool
        Only since the program began: an earlier day may have been a busy one.
    """
    question = _question(request, shape)
    if here or question in _HERE:
        return _HERE.get(question)
    found = (load_settings().get("waits") or {}).get(question)
    return None if found is None else float(found)


def is_slow(request: PredictRequest, shape: Sequence[int]) -> bool:
    """Whether a question is known to take longer than a moment on an image of this shape (Y, X, ...)."""
    return (known_wait(request, shape) or 0) >= SLOW


def note_wait(request: PredictRequest, shape: Sequence[int], seconds: float) -> None:
    """Remember how long a question took; across sessions only what is slow. To be called off the GUI thread."""
    question = _question(request, shape)
    _HERE[question] = seconds
    stored = load_settings().get("waits") or {}
    before = stored.get(question)
    if seconds < SLOW and before is None:
        return
    rest = {name: wait for name, wait in stored.items() if name != question} if len(stored) <= _MOST else {}
    if seconds < SLOW:
        save_settings(waits=rest)
    # a file is not written for every breath of the machine
    elif before is None or not 0.75 < seconds / before < 1.33:
        save_settings(waits={**rest, question: round(seconds, 2)})


def _question(request: PredictRequest, shape: Sequence[int]) -> str:
    from napari_medseg.app.predict import is_careful

    # a round's weights are as fast as those that it began with
    members = [
        f"{network}/own" if weights.endswith(".safetensors") else weights
        for network, weights in ((request.network, request.weights), *sorted(request.also))
    ]
    # images are as large as one another up to four times
    parts = (*members, request.device, request.size or "", "mirrored" if is_careful(request) else "")
    return " ".join(map(str, (*filter(None, parts), prod(shape[:2]).bit_length() // 2)))

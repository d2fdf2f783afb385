"""Tells whoever started the run how it goes: one JSON object a line."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any


class EventLog:
    """Appends events to a file, each flushed at once.

    Parameters
    ----------
    path : Path or None
        ``events.jsonl``; an existing file is continued. None: of several processes, one tells.
    """

    def __init__(self, path: Path | None) -> None:
        self._stream = None
        if path is None:
            return
        # a kill in the middle of a line must not swallow the first event of the run that resumes
        torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        self._stream = path.open("a", encoding="utf-8")
        if torn:
            self._stream.write("\n")

    def write(self, event: str, **values: Any) -> None:
        """Append one event; a value that is not finite becomes null."""
        if self._stream is None:
            return
        for key, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                values[key] = None
        self._stream.write(json.dumps({"event": event, "time": time.time(), **values}) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

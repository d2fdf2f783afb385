"""Tells whoever started the run how it goes: one JSON object a line."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from napari_medseg.atomic import output_error


class EventLog:
    """Appends events to a file, each flushed at once.

    Parameters
    ----------
    path : Path or None
        ``events.jsonl``; an existing file is continued. None: of several processes, one tells.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._stream = None
        if path is None:
            return
        self._path = path
        # a kill in the middle of a line must not swallow the first event of the run that resumes
        try:
            torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
            # at once: what could not be written is not tried again when the file is closed
            self._stream = path.open("ab", buffering=0)
            if torn:
                self._stream.write(b"\n")
        except OSError as error:
            self.close()
            raise output_error(path, error) from error

    def write(self, event: str, **values: Any) -> None:
        """Append one event; a value that is not finite becomes null.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        if self._stream is None:
            return
        for key, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                values[key] = None
        left = (json.dumps({"event": event, "time": time.time(), **values}) + "\n").encode()
        try:
            while left:
                # a disk that is nearly full takes a part, and says so with the next
                left = left[self._stream.write(left) :]
        except OSError as error:
            raise output_error(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

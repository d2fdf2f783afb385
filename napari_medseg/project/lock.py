"""One project, one window: a lock of the operating system, gone with the process that holds it."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import IO

from napari_medseg.atomic import output_error
from napari_medseg.errors import ProjectError

if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[str]) -> None:
        # a byte far behind the text, so that the other window can still read who holds the lock
        stream.seek(1_000_000)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(stream: IO[str]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


class ProjectLock:
    """Held from construction to :meth:`release`.

    Raises
    ------
    ProjectError
        If another process or window holds it.
    OutputError
        If the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "project.lock"
        try:
            self._stream = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise output_error(path, error) from error
        try:
            _lock(self._stream)
        except OSError as error:
            self._stream.seek(0)
            holder = self._stream.read()
            self._stream.close()
            raise ProjectError(
                f"project {folder} is open {_describe(holder)}; expected to be open once. Close it there first."
            ) from error
        try:
            self._stream.seek(0)
            self._stream.truncate()
            self._stream.write(json.dumps({"pid": os.getpid(), "host": platform.node()}))
            self._stream.flush()
        except OSError as error:
            # the name of the holder is a courtesy, the lock is what counts; but a full disk is said at once
            self._stream.close()
            raise output_error(path, error) from error

    def release(self) -> None:
        """Let others open the project."""
        self._stream.close()


def _describe(holder: str) -> str:
    try:
        facts = json.loads(holder)
        return f"in process {facts['pid']} on {facts['host']}"
    except (ValueError, KeyError, TypeError):
        return "in another window"

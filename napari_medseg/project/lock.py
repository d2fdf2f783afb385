"""One project, one window; one run, one trainer: locks of the operating system, gone with the process that has them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import IO, Any

from napari_medseg.atomic import output_error
from napari_medseg.errors import ProjectError

RUN_LOCK = "trainer.lock"

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


class FileLock:
    """Held from construction to :meth:`release`.

    Parameters
    ----------
    path : Path
        Made if need be; holds the process number and the computer of who has it.
    what, hint : str
        For the message: what is locked, and what to do about it.

    Raises
    ------
    ProjectError
        If another process or window holds it.
    OutputError
        If the folder cannot be written to.
    """

    def __init__(self, path: Path, what: str, hint: str) -> None:
        try:
            self._stream = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise output_error(path, error) from error
        try:
            _lock(self._stream)
        except OSError as error:
            self._stream.close()
            raise ProjectError(f"{what} is open {describe(holder(path))}; expected to be open once. {hint}") from error
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
        """Let others have it."""
        self._stream.close()


def lock_project(folder: Path) -> FileLock:
    """One window has a project."""
    return FileLock(folder / "project.lock", f"project {folder}", "Close it there first.")


def lock_run(folder: Path) -> FileLock:
    """One trainer works in a run's folder."""
    for _ in range(5):
        # whoever asks whether a trainer is at work holds the lock for a moment
        with contextlib.suppress(ProjectError):
            return FileLock(folder / RUN_LOCK, f"run {folder}", "")
        time.sleep(0.1)
    return FileLock(folder / RUN_LOCK, f"run {folder}", "Wait for it, or cancel it there.")


def training_in(folder: Path) -> dict[str, Any] | None:
    """Process number and computer of the trainer that works in a run's folder; None where none does."""
    path = folder / RUN_LOCK
    if not path.exists():
        return None
    try:
        with path.open("a+", encoding="utf-8") as stream:
            _lock(stream)
    except OSError:
        return holder(path)
    return None


def holder(path: Path) -> dict[str, Any]:
    """Who wrote a lock's file last."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def describe(facts: dict[str, Any]) -> str:
    """Where a lock's holder is, for a message."""
    if "pid" in facts and "host" in facts:
        return f"in process {facts['pid']} on {facts['host']}"
    return "in another window"

"""The trainer as a process of its own: started, followed, cancelled; its death in one sentence."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from napari_medseg.errors import TrainingError
from napari_medseg.project.lock import training_in
from napari_medseg.project.runs import EVENTS_FILE, finished, read_events

CANCEL_SECONDS, POLL_SECONDS = 0.8, 0.1


class RunProcess:
    """A trainer at work in a process of its own.

    Parameters
    ----------
    folder : Path
        Holds the run's ``spec.json``; events and weights come out here.
    """

    def __init__(self, folder: Path) -> None:
        self._look_at(folder)
        self._log = (folder / "trainer.log").open("ab")
        command = [sys.executable, "-m", "src_train", "run", str(folder), "--with-parent"]
        # on Windows, without a console window of its own
        flags: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        self._process: subprocess.Popen | None = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, creationflags=flags
        )

    def _look_at(self, folder: Path) -> None:
        self.folder = folder
        self._events = folder / EVENTS_FILE
        # a run that resumes appends: what was told before is not told again
        self._first = self._offset = self._events.stat().st_size if self._events.exists() else 0

    @classmethod
    def attach(cls, folder: Path) -> RunProcess:
        """Follow a trainer that an earlier window left at work, or that has ended since; all its events are told."""
        found = cls.__new__(cls)
        found._look_at(folder)
        found._first, found._offset, found._process = 0, 0, None
        return found

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        if self._process is None:
            return training_in(self.folder) is not None
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit code; None while it runs. Of a process that was left alone, 0 where it came to its end, else 1."""
        if self._process is None:
            return None if self.running else int(not finished(self.folder))
        return self._process.poll()

    def poll(self) -> list[dict[str, Any]]:
        """Events since the last call."""
        events, self._offset = read_events(self._events, self._offset)
        return events

    def follow(self, unwanted: Callable[[], bool] = lambda: False) -> Iterator[dict[str, Any]]:
        """Events as they are written, until the process has ended or is not wanted any more.

        Raises
        ------
        TrainingError
            If it failed; the message says why.
        """
        while not unwanted():
            alive = self.running
            yield from self.poll()
            if not alive:
                if code := self.wait():
                    failed = TrainingError(self.failure())
                    # the trainer's 2 is the command line's: what was given cannot be used
                    failed.exit_code = 2 if code == 2 else TrainingError.exit_code
                    raise failed
                return
            time.sleep(POLL_SECONDS)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code."""
        if self._process is None:
            end = time.monotonic() + (timeout or 1e9)
            while self.running:
                if time.monotonic() > end:
                    raise subprocess.TimeoutExpired("src_train", timeout or 0)
                time.sleep(POLL_SECONDS)
            return int(self.returncode or 0)
        try:
            return self._process.wait(timeout)
        finally:
            if not self.running:
                self._close()

    def leave(self) -> None:
        """Let it go on when this program ends; the next one finds it with :meth:`attach`."""
        if self._process is not None and self._process.stdin is not None and self.running:
            self._process.stdin.write(b"stay\n")
            self._process.stdin.flush()
            self._close()
            # nobody waits for it any more, and Python need not warn of that
            self._process.returncode = 0
            self._process = None

    def cancel(self) -> None:
        """End it within a second; its last whole epoch stays to go on from."""
        if self._process is None:
            pid = (training_in(self.folder) or {}).get("pid")
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            return
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(CANCEL_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        self._close()

    def _close(self) -> None:
        if self._process is None:
            return
        self._log.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def failure(self) -> str:
        """Why it died, in one sentence."""
        code = self.returncode
        told = [e for e in read_events(self._events, self._first)[0] if e["event"] == "failed"]
        if told:
            return str(told[-1]["error"])
        log = self.folder / "trainer.log"
        if code == 2 and (said := log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]):
            # where another trainer is at work, the events are that one's
            return said[-1]
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
            hint = " (often the system ran out of memory)" if name == "SIGKILL" else ""
            return f"Training was ended by signal {name}{hint}. Start it again; it goes on from its last epoch."
        return f"Training ended with code {code}; its log is {log}. Read the log's last lines."


def run_to_end(folder: Path, *, on_event: Any = None) -> None:
    """Run the trainer and wait.

    Parameters
    ----------
    folder : Path
    on_event : callable, optional
        Called with each event.

    Raises
    ------
    TrainingError
        If it failed; the message says why.
    """
    process = RunProcess(folder)
    try:
        for event in process.follow():
            if on_event is not None:
                on_event(event)
    except BaseException:
        process.cancel()
        raise

"""The trainer as a process of its own: started, followed, cancelled; its death in one sentence."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from napari_medseg.atomic import output_error
from napari_medseg.errors import TrainingError
from napari_medseg.project.lock import describe, training_in
from napari_medseg.project.runs import CANCEL_FILE, CHECKPOINT_FILE, EVENTS_FILE, finished, read_events

CANCEL_SECONDS, ASKED_SECONDS, POLL_SECONDS = 0.8, 10.0, 0.1


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
        self._offset = self._began = self._events.stat().st_size if self._events.exists() else 0

    @classmethod
    def attach(cls, folder: Path) -> RunProcess:
        """Follow a trainer that an earlier window left at work, or that has ended since; all its events are told."""
        found = cls.__new__(cls)
        found._look_at(folder)
        found._offset, found._process = 0, None
        if not found.running:
            # how it ended is told already
            found._began = 0
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

    def stay(self, wanted: bool = True) -> None:
        """Say whether it shall go on when this program ends; the last word counts, and until then it is followed."""
        if self._process is not None and self._process.stdin is not None and self.running:
            # it may have ended this moment
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"stay\n" if wanted else b"end\n")
                self._process.stdin.flush()

    def leave(self) -> None:
        """Let it go on alone from now; who comes next finds it with :meth:`attach`."""
        self.stay()
        if self._process is not None and self.running:
            self._close()
            # nobody waits for it any more, and Python need not warn of that
            self._process.returncode = 0
            self._process = None

    def cancel(self) -> None:
        """End it within a second; its last whole epoch stays to go on from.

        Raises
        ------
        TrainingError
            If it was started by another program and does not end.
        OutputError
            If it cannot be asked to.
        """
        if self._process is None:
            self._ask_to_end()
            return
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(CANCEL_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        self._close()

    def _ask_to_end(self) -> None:
        # by a file, not by the number in its lock: that may be another computer's, or a dead trainer's and given anew
        wish = self.folder / CANCEL_FILE
        end = time.monotonic() + ASKED_SECONDS
        while (holder := training_in(self.folder)) is not None:
            if time.monotonic() > end:
                raise TrainingError(
                    f"The run in {self.folder} is at work {describe(holder)} and did not end; expected it to within "
                    f"{ASKED_SECONDS:.0f} s. Cancel it again in a moment, or end it there."
                )
            try:
                wish.touch()
            except OSError as error:
                raise output_error(wish, error) from error
            time.sleep(POLL_SECONDS)
        with contextlib.suppress(OSError):
            wish.unlink()

    def _close(self) -> None:
        if self._process is None:
            return
        self._log.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def failure(self) -> str:
        """Why it died, in plain words; whether it can go on, the caller knows."""
        events, _ = read_events(self._events, self._began)
        # an earlier sitting may have failed too, for a reason of its own
        first = max((i for i, event in enumerate(events) if event["event"] == "start"), default=0)
        told = [e for e in events[first:] if e["event"] in ("failed", "cancelled")]
        if told:
            return str(told[-1].get("error") or told[-1].get("text"))
        code, log = self.returncode, self.folder / "trainer.log"
        if code == 2 and (said := log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]):
            # where another trainer is at work, the events are that one's
            return said[-1]
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
            hint = " (often the system ran out of memory)" if name == "SIGKILL" else ""
            return f"Training was ended by signal {name}{hint}. Close other programs that need much memory."
        how = "broke off" if self._process is None else f"ended with code {code}"
        return f"Training {how}; its log is {log}. Read the log's last lines."


def run_to_end(folder: Path, *, on_event: Any = None, go_on: str = "") -> None:
    """Run the trainer and wait.

    Parameters
    ----------
    folder : Path
    on_event : callable, optional
        Called with each event.
    go_on : str
        How to go on from the last whole epoch; said where there is one.

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
    except TrainingError as error:
        # 2: the spec or the checkpoint is no good, and would be none the next time
        if not go_on or process.returncode == 2 or not (folder / CHECKPOINT_FILE).exists():
            raise
        raise TrainingError(f"{error} {go_on}") from error
    except BaseException:
        process.cancel()
        raise

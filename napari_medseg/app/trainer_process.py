"""The trainer as a process of its own: started, followed, cancelled; its death in one sentence."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from napari_medseg.atomic import output_error
from napari_medseg.errors import TrainingError
from napari_medseg.project.lock import describe, training_in
from napari_medseg.project.runs import CANCEL_FILE, CHECKPOINT_FILE, EVENTS_FILE, finished, read_events
from napari_medseg.words import tr

CANCEL_SECONDS, ASKED_SECONDS, POLL_SECONDS = 0.8, 10.0, 0.1

Event = dict[str, Any]


class Trainer(Protocol):
    """A trainer at work in a run's folder, as a round sees it."""

    def follow(self, unwanted: Callable[[], bool] = ...) -> Iterator[Event]:
        """Events as they come, to the end or until it is not wanted; :class:`TrainingError` if it failed."""

    def stay(self, wanted: bool = True) -> None:
        """Say whether it shall go on when this program ends; the last word counts."""

    def leave(self) -> None:
        """Let it go on alone from now."""

    def cancel(self) -> None:
        """End it; its last whole epoch stays to go on from. Once more does no harm."""


class _Watched(ABC):
    """What a trainer tells in its folder.

    Parameters
    ----------
    folder : Path
        Holds the run's ``spec.json``; events and weights come out here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events = folder / EVENTS_FILE
        # a run that resumes appends: what was told before is not told again
        self._offset = self._began = self._events.stat().st_size if self._events.exists() else 0

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether the process lives."""

    @property
    @abstractmethod
    def returncode(self) -> int | None:
        """Exit code; None while it runs."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code."""

    def poll(self) -> list[Event]:
        """Events since the last call."""
        events, self._offset = read_events(self._events, self._offset)
        return events

    def follow(self, unwanted: Callable[[], bool] = lambda: False) -> Iterator[Event]:
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

    def failure(self) -> str:
        """Why it died, in plain words; whether it can go on, :func:`can_go_on` says."""
        events, _ = read_events(self._events, self._began)
        # an earlier sitting may have failed too, for a reason of its own
        first = max((i for i, event in enumerate(events) if event["event"] == "start"), default=0)
        told = [e for e in events[first:] if e["event"] in ("failed", "cancelled")]
        if told:
            return str(told[-1].get("error") or told[-1].get("text"))
        return self._death(self.returncode, self.folder / "trainer.log")

    @abstractmethod
    def _death(self, code: int | None, log: Path) -> str:
        """Of one that said nothing itself."""


class OwnTrainer(_Watched):
    """A trainer that this program starts, and that ends with it unless it is told to stay."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._log = (folder / "trainer.log").open("ab")
        command = [sys.executable, "-m", "src_train", "run", str(folder), "--with-parent"]
        # on Windows, without a console window of its own
        flags: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        self._process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, creationflags=flags
        )

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code."""
        try:
            return self._process.wait(timeout)
        finally:
            if not self.running:
                self._close()

    def stay(self, wanted: bool = True) -> None:
        """Say whether it shall go on when this program ends; the last word counts, and until then it is followed."""
        assert self._process.stdin is not None
        # it may have ended this moment
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(b"stay\n" if wanted else b"end\n")

    def leave(self) -> None:
        """Let it go on alone from now; who comes next finds it with :class:`FoundTrainer`."""
        self.stay()
        if self.running:
            self._close()
            # nobody waits for it any more, and Python need not warn of that
            self._process.returncode = 0

    def cancel(self) -> None:
        """End it within a second; its last whole epoch stays to go on from."""
        if self.running:
            # by the pipe: a signal would, on Windows, end it before it could write down that it was cancelled
            self.stay(False)
            self._close()
            try:
                self._process.wait(CANCEL_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        self._close()

    def _close(self) -> None:
        self._log.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _death(self, code: int | None, log: Path) -> str:
        if code == 2 and (said := log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]):
            # where another trainer is at work, the events are that one's
            return said[-1]
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else str(-code)
            hint = tr(" (often the system ran out of memory)") if name == "SIGKILL" else ""
            return tr(
                "Training was ended by signal {name}{hint}. Close other programs that need much memory.",
                name=name,
                hint=hint,
            )
        return tr("Training ended with code {code}; its log is {log}. Read the log's last lines.", code=code, log=log)


class FoundTrainer(_Watched):
    """A trainer that another program started and left at work, or that has ended since; all its events are told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._offset = 0
        if not self.running:
            # how it ended is told already
            self._began = 0

    @property
    def running(self) -> bool:
        """Whether a trainer is at work in the folder."""
        return training_in(self.folder) is not None

    @property
    def returncode(self) -> int | None:
        """0 where the run came to its end, else 1; None while it is at work."""
        return None if self.running else int(not finished(self.folder))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; see :attr:`returncode`."""
        end = time.monotonic() + (timeout or 1e9)
        while self.running:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("src_train", timeout or 0)
            time.sleep(POLL_SECONDS)
        return int(self.returncode or 0)

    def stay(self, wanted: bool = True) -> None:
        """It goes on whatever this program does."""

    def leave(self) -> None:
        """It is alone already."""

    def cancel(self) -> None:
        """End it within a few seconds; its last whole epoch stays to go on from.

        Raises
        ------
        TrainingError
            If it does not end.
        OutputError
            If it cannot be asked to.
        """
        # by a file, not by the number in its lock: that may be another computer's, or a dead trainer's and given anew
        wish = self.folder / CANCEL_FILE
        end = time.monotonic() + ASKED_SECONDS
        while (holder := training_in(self.folder)) is not None:
            if time.monotonic() > end:
                raise TrainingError(
                    tr(
                        "The run in {folder} is at work {where} and did not end; expected it to within "
                        "{seconds:.0f} s. Cancel it again in a moment, or end it there.",
                        folder=self.folder,
                        where=describe(holder),
                        seconds=ASKED_SECONDS,
                    )
                )
            try:
                wish.touch()
            except OSError as error:
                raise output_error(wish, error) from error
            time.sleep(POLL_SECONDS)
        with contextlib.suppress(OSError):
            wish.unlink()

    def _death(self, code: int | None, log: Path) -> str:
        return tr("Training broke off; its log is {log}. Read the log's last lines.", log=log)


def can_go_on(folder: Path, error: BaseException) -> bool:
    """Whether a run that ended with an error can go on from a whole epoch."""
    # 2: the spec or the checkpoint is no good, and would be none the next time
    return getattr(error, "exit_code", 1) != 2 and (folder / CHECKPOINT_FILE).exists()


def epoch_text(event: Event) -> str:
    """Of an event ``epoch``: how far it is, and how well it goes."""
    text = f"epoch {event['epoch']}/{event['epochs']}"
    for key in ("loss", "val_dice"):
        if event.get(key) is not None:
            text += f"  {key} {event[key]:.3f}"
    return text


def show_epochs(
    progress: Callable[[float, str], None], first: float = 0.0, last: float = 1.0
) -> Callable[[Event], None]:
    """What shows a trainer's events as a progress that goes from one fraction to another."""

    def show(event: Event) -> None:
        if event["event"] == "epoch":
            progress(first + (last - first) * event["epoch"] / max(1, event["epochs"]), epoch_text(event))

    return show


def run_to_end(folder: Path, *, on_event: Callable[[Event], None] | None = None, go_on: str = "") -> None:
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
    trainer = OwnTrainer(folder)
    try:
        for event in trainer.follow():
            if on_event is not None:
                on_event(event)
    except TrainingError as error:
        if not go_on or not can_go_on(folder, error):
            raise
        raise TrainingError(f"{error} {go_on}") from error
    except BaseException:
        trainer.cancel()
        raise

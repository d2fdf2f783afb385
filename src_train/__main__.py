"""``python -m src_train run FOLDER [--with-parent]``: train as FOLDER/spec.json says.

With ``--with-parent`` the run is cancelled when standard input ends: a viewer that is killed leaves no trainer behind.
A last line ``stay`` before that end lets it go on alone: the viewer was closed, and the person wants it to finish.
A file ``cancel`` in FOLDER cancels it too: a viewer that found the run need not be on this computer.

Exit code 0: done; 1: failed; 2: the spec or its files cannot be used; 130: cancelled. What happened is also the last
event in FOLDER/events.jsonl, and the last line on stderr.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import traceback
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType

from napari_medseg import log
from napari_medseg.errors import MedsegError, OutputError, ProjectError, sentence
from napari_medseg.project.lock import FileLock, lock_run
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import CANCEL_FILE, EVENTS_FILE, SPEC_FILE
from src_train.events import EventLog
from src_train.failures import in_words
from src_train.memory import keep_memory

# the parent's word that the run shall go on without it
STAY = b"stay\n"
LOOK_SECONDS = 0.2


class _Stop(BaseException):
    """Raised in the middle of a batch; no ``except Exception`` on its way may take it for a fault of its own."""


def _cancel(signum: int, frame: FrameType | None) -> None:
    # once is enough: Ctrl-C in a terminal comes to this process and, by its parent, once more
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    # the checkpoint of the last whole epoch is on the disk
    raise _Stop


def _end() -> None:
    """Stop the main thread from another one."""
    if sys.platform == "win32":
        # os.kill ends a process there on the spot, with nothing said; and only this signal wakes a sleep
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def _follow_parent() -> None:
    # ends when the other side of the pipe is closed, by the parent or with it
    told = b""
    while part := os.read(0, 1024):
        told += part
    if told.endswith(STAY):
        return
    _end()


def _follow_wish(wish: Path, ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        if wish.exists():
            _end()
            return


def main(arguments: list[str]) -> int:
    """Run the trainer; see the module's text."""
    if len(arguments) not in (2, 3) or arguments[0] != "run" or arguments[2:] not in ([], ["--with-parent"]):
        sys.stderr.write("usage: python -m src_train run FOLDER [--with-parent]\n")
        return 2
    folder = Path(arguments[1])
    held: FileLock | None = None
    ended = threading.Event()
    # of several processes, the first has the log too
    if os.environ.get("RANK", "0") == "0":
        log.set_up()
    try:
        if not (folder / SPEC_FILE).is_file():
            # says why; a folder that holds no run is not written to
            RunSpec.read(folder / SPEC_FILE)
        signal.signal(signal.SIGTERM, _cancel)
        signal.signal(signal.SIGINT, _cancel)
        if arguments[2:]:
            threading.Thread(target=_follow_parent, daemon=True).start()
        # of several processes, the first holds the folder
        if os.environ.get("RANK", "0") == "0":
            try:
                held = lock_run(folder)
            except ProjectError as error:
                # the events are those of the run that is at work
                sys.stderr.write(f"{error}\n")
                return error.exit_code
            wish = folder / CANCEL_FILE
            # was meant for whoever worked here before
            wish.unlink(missing_ok=True)
            threading.Thread(target=_follow_wish, args=(wish, ended), daemon=True).start()
        spec = RunSpec.read(folder / SPEC_FILE)
        if spec.budget.nice and hasattr(os, "nice"):
            os.nice(spec.budget.nice)
        from src_train.start_up import without_compiler
        from src_train.trainer import Trainer

        without_compiler()
        Trainer(spec, folder).run()
    except _Stop:
        _tell(folder, "cancelled", "Training was cancelled; its whole epochs are kept.")
        return 130
    except MedsegError as error:
        _tell(folder, "failed", sentence(error))
        return error.exit_code
    except Exception as error:
        log.tell(error, expected=False)
        words = in_words(error)
        if words is None:
            raise
        # the card's own words are for whoever looks after it
        traceback.print_exc()
        _tell(folder, "failed", words)
        return 1
    finally:
        ended.set()
        if held is not None:
            held.release()
    return 0


def _tell(folder: Path, kind: str, message: str) -> None:
    sys.stderr.write(message + "\n")
    # where the disk is full the line above has said so
    with suppress(OutputError):
        if folder.is_dir():
            with closing(EventLog(folder / EVENTS_FILE)) as events:
                events.write(kind, **({"error": message} if kind == "failed" else {"text": message}))


if __name__ == "__main__":
    if isinstance(sys.stderr, io.TextIOWrapper):
        # trainer.log is read as that; on Windows it would be written otherwise
        sys.stderr.reconfigure(encoding="utf-8", newline="\n")
    keep_memory()
    sys.exit(main(sys.argv[1:]))

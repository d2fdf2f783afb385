"""``python -m src_train run FOLDER [--with-parent]``: train as FOLDER/spec.json says.

With ``--with-parent`` the run is cancelled when standard input ends: a viewer that is killed leaves no trainer behind.
A line ``stay`` before that end lets it go on alone: the viewer was closed, and the person wants it to finish.

Exit code 0: done; 1: failed; 2: the spec or its files cannot be used; 130: cancelled. What happened is also the last
event in FOLDER/events.jsonl, and one line on stderr.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from napari_medseg.errors import ImageReadError, MedsegError, ProjectError
from napari_medseg.project.lock import FileLock, lock_run
from napari_medseg.project.runs import EVENTS_FILE, SPEC_FILE, RunSpec
from src_train.events import EventLog

# the parent's word that the run shall go on without it
STAY = b"stay\n"


class _Stop(BaseException):
    """Raised in the middle of a batch; no ``except Exception`` on its way may take it for a fault of its own."""


def _cancel(signum: int, frame: FrameType | None) -> None:
    # the checkpoint of the last whole epoch is on the disk
    raise _Stop


def _follow_parent() -> None:
    # ends when the other side of the pipe is closed, by the parent or with it
    told = b""
    while part := os.read(0, 1024):
        told += part
    if told.endswith(STAY):
        return
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str]) -> int:
    """Run the trainer; see the module's text."""
    if len(arguments) not in (2, 3) or arguments[0] != "run" or arguments[2:] not in ([], ["--with-parent"]):
        sys.stderr.write("usage: python -m src_train run FOLDER [--with-parent]\n")
        return 2
    folder = Path(arguments[1])
    held: FileLock | None = None
    try:
        try:
            text = (folder / SPEC_FILE).read_text(encoding="utf-8")
        except OSError as error:
            raise ImageReadError(
                f"{folder / SPEC_FILE} cannot be read ({error.strerror}). Name a run's folder."
            ) from error
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
        spec = RunSpec.from_json(text, where=str(folder / SPEC_FILE))
        if spec.nice and hasattr(os, "nice"):
            os.nice(spec.nice)
        from src_train.trainer import Trainer

        Trainer(spec, folder).run()
    except _Stop:
        _tell(folder, "cancelled", "Training was cancelled. Start the run again to go on from its last epoch.")
        return 130
    except MedsegError as error:
        _tell(folder, "failed", str(error))
        return error.exit_code
    except MemoryError:
        _tell(
            folder,
            "failed",
            "Training ran out of memory. Choose a smaller batch or image size and start again.",
        )
        return 1
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        _tell(
            folder,
            "failed",
            "Training ran out of device memory. Choose a smaller batch or the CPU and start again.",
        )
        return 1
    finally:
        if held is not None:
            held.release()
    return 0


def _tell(folder: Path, kind: str, message: str) -> None:
    sys.stderr.write(message + "\n")
    if folder.is_dir():
        log = EventLog(folder / EVENTS_FILE)
        log.write(kind, **({"error": message} if kind == "failed" else {"text": message}))
        log.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

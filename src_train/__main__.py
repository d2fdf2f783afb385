"""``python -m src_train run FOLDER``: train as FOLDER/spec.json says.

Exit code 0: done; 1: failed; 2: the spec or its files cannot be used; 130: cancelled. What happened is also the last
event in FOLDER/events.jsonl, and one line on stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from napari_medseg.errors import Cancelled, ImageReadError, MedsegError
from napari_medseg.project.runs import EVENTS_FILE, SPEC_FILE, RunSpec
from src_train.events import EventLog


def _cancel(signum: int, frame: FrameType | None) -> None:
    # raised in the middle of a batch: the checkpoint of the last whole epoch is on disk
    raise Cancelled("Training was cancelled. Start the run again to go on from its last epoch.")


def main(arguments: list[str]) -> int:
    """Run the trainer; see the module's text."""
    if len(arguments) != 2 or arguments[0] != "run":
        sys.stderr.write("usage: python -m src_train run FOLDER\n")
        return 2
    folder = Path(arguments[1])
    try:
        try:
            text = (folder / SPEC_FILE).read_text(encoding="utf-8")
        except OSError as error:
            raise ImageReadError(
                f"{folder / SPEC_FILE} cannot be read ({error.strerror}). Name a run's folder."
            ) from error
        signal.signal(signal.SIGTERM, _cancel)
        signal.signal(signal.SIGINT, _cancel)
        spec = RunSpec.from_json(text, where=str(folder / SPEC_FILE))
        if spec.nice and hasattr(os, "nice"):
            os.nice(spec.nice)
        from src_train.trainer import Trainer

        Trainer(spec, folder).run()
    except MedsegError as error:
        kind = "cancelled" if isinstance(error, Cancelled) else "failed"
        _tell(folder, kind, str(error))
        return 130 if isinstance(error, Cancelled) else error.exit_code
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
    return 0


def _tell(folder: Path, kind: str, message: str) -> None:
    sys.stderr.write(message + "\n")
    if folder.is_dir():
        log = EventLog(folder / EVENTS_FILE)
        log.write(kind, **({"error": message} if kind == "failed" else {"text": message}))
        log.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

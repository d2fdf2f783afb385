"""The command ``medseg``: results on stdout, progress on stderr, one line for an error."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import TracebackType

STOPPED = "medseg: stopped; what was written before is whole.\n"


class _LastHands:
    """Whatever error comes out of a command is told in one line, and written into the log; then the process ends."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from napari_medseg.atomic import OF_THE_DISK, output_error
        from napari_medseg.errors import MedsegError, PartlyDoneError, sentence
        from napari_medseg.names import one_line
        from napari_medseg.words import tr

        if isinstance(error, KeyboardInterrupt):
            sys.stderr.write(STOPPED)
            raise SystemExit(130) from None
        if isinstance(error, SystemExit):
            # typer says nothing when it is interrupted
            if error.code == 130:
                sys.stderr.write(STOPPED)
        elif isinstance(error, BrokenPipeError):
            raise SystemExit(0) from None
        elif isinstance(error, Exception):
            if isinstance(error, OSError) and error.errno in OF_THE_DISK:
                # such as what is printed into a file
                error = output_error(Path(str(error.filename or tr("What is printed"))), error)
            said = sentence(error)
            for line in error.problems if isinstance(error, PartlyDoneError) else (said,):
                sys.stderr.write(f"medseg: {one_line(line)}\n")
            raise SystemExit(error.exit_code if isinstance(error, MedsegError) else 1) from None


def _check_empty(arguments: list[str]) -> None:
    """A variable that a script never set comes as an empty text, and an empty path is the folder one stands in."""
    from napari_medseg.errors import InputError

    for number, text in enumerate(arguments, start=1):
        if not text or (text.startswith("--") and text.endswith("=")):
            before = text.rstrip("=") or (arguments[number - 2] if number > 1 else "medseg")
            raise InputError(f"what follows '{before}' is empty; expected a name or a path. Is a variable not set?")


def main() -> None:
    """Entry point; exit code 0 done, 1 failure, 2 bad usage or input, 130 interrupted."""
    # names that are no text, or that this terminal has no letters for, must not end what writes them
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with _LastHands():
        from napari_medseg import log

        log.set_up()
        _check_empty(sys.argv[1:])
        # a person may stop it while this still loads
        from napari_medseg.cli.commands import app

        app()


__all__ = ["main"]

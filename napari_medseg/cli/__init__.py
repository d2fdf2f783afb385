"""The command ``medseg``: results on stdout, progress on stderr, one line for an error."""

from __future__ import annotations

import sys

STOPPED = "medseg: stopped; what was written before is whole.\n"


def main() -> None:
    """Entry point; exit code 0 done, 1 failure, 2 bad usage or input, 130 interrupted."""
    from napari_medseg.errors import MedsegError

    try:
        # a person may stop it while this still loads
        from napari_medseg.cli.commands import app

        app()
    except MedsegError as error:
        sys.stderr.write(f"medseg: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write(STOPPED)
        raise SystemExit(130) from None
    except SystemExit as end:
        # typer says nothing when it is interrupted
        if end.code == 130:
            sys.stderr.write(STOPPED)
        raise
    except BrokenPipeError:
        raise SystemExit(0) from None


__all__ = ["main"]

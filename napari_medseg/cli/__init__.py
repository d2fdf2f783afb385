"""The command ``medseg``: results on stdout, progress on stderr, one line for an error."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point; exit code 0 done, 1 failure, 2 bad usage or input, 130 interrupted."""
    from napari_medseg.cli.commands import app
    from napari_medseg.errors import MedsegError

    try:
        app()
    except MedsegError as error:
        sys.stderr.write(f"medseg: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("medseg: interrupted; what was written before is whole.\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


__all__ = ["main"]

"""What a worker of this computer does first: Dask imports it there."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """A terminal's Ctrl+C reaches all processes: the one that a person waits for ends these in order."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)

"""How a trainer's process holds its memory."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# of mallopt, as glibc's malloc.h numbers them
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_memory() -> bool:
    """Let memory that was freed be used again, instead of being given back to the system and asked for anew.

    Maps of a step are large. Glibc returns each to the system when it is freed, and the pages of the next one are
    cleared again: a quarter of a round's processor time. To be called before threads are started, by a process that
    does nothing else than train.

    Returns
    -------
    bool
        Whether it is so now; only Linux with glibc can be told.
    """
    if not sys.platform.startswith("linux"):
        return False
    # musl has no mallopt
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # one heap for all threads: what only some of them have is small, and is given back
        wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, 2**30), (_TRIM_THRESHOLD, 2**31 - 1))
        return all(mallopt(name, value) for name, value in wanted)
    return False

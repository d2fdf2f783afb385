"""How a trainer's process holds its memory."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Any

# of mallopt, as glibc's malloc.h numbers them
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# of madvise, as Linux numbers it
_HUGE_PAGES = 14
_HUGE_PAGE, _HEAP = 1 << 21, (1 << 30) - (1 << 22)


def keep_memory() -> bool:
    """Let memory that was freed be used again, instead of being given back to the system and asked for anew.

    Maps of a step are large. Glibc returns each to the system when it is freed, and the pages of the next one are
    cleared again: a quarter of a round's processor time. The first gigabyte is asked for in pages of 2 MB where there
    are such, which takes fewer look-ups. To be called before threads are started, by a process that does nothing else
    than train.

    Returns
    -------
    bool
        Whether it is so now; only Linux with glibc can be told.
    """
    if not sys.platform.startswith("linux"):
        return False
    # musl has no mallopt
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        # one heap for all threads: what only some of them have is small, and is given back
        wanted = ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, 2**30), (_TRIM_THRESHOLD, 2**31 - 1))
        told = all(libc.mallopt(name, value) for name, value in wanted)
        if told:
            _ask_for_huge_pages(libc)
        return told
    return False


def _ask_for_huge_pages(libc: Any) -> None:
    """For the heap's next gigabyte, which is taken and freed untouched: what is said of its addresses holds."""
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    # none is given where a process may have less
    if block := libc.malloc(_HEAP):
        first = -(-block // _HUGE_PAGE) * _HUGE_PAGE
        libc.madvise(first, (block + _HEAP - first) // _HUGE_PAGE * _HUGE_PAGE, _HUGE_PAGES)
        libc.free(block)

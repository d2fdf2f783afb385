"""Files to read are plain files: a pipe would be waited for without end, a device gives bytes without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NoFileError(OSError):
    """There is something of that name, and it is no file."""

    def __init__(self) -> None:
        super().__init__("a pipe or a device, no file")
        # where others look for the reason
        self.strerror = str(self)


def open_plain(path: str | Path) -> BinaryIO:
    """Open a file for reading, whatever lies under its name by now.

    Raises
    ------
    OSError
        If it cannot be opened or is no file; with ``errno.EISDIR`` of a folder.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise NoFileError
    return os.fdopen(number, "rb")


def read_plain(path: str | Path) -> bytes:
    """All bytes of a file; errors are those of :func:`open_plain`."""
    with open_plain(path) as stream:
        return stream.read()


def check_plain(path: str | Path) -> None:
    """Make sure that a file can be read, before a library is given its name; errors are those of :func:`open_plain`."""
    open_plain(path).close()

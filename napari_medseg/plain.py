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


def kind_of(path: str | Path) -> str:
    """``file``, ``folder``, ``other`` (a pipe, a device), or nothing where there is none, or none that can be seen."""
    try:
        mode = Path(path).stat().st_mode
    # ValueError: a name that none can have
    except (OSError, ValueError):
        return ""
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def real_path(path: str | Path) -> Path:
    """The whole path with what links point to; of a link to itself the link, which is no file and stops nobody."""
    return Path(os.path.realpath(path))


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


def read_plain(path: str | Path, most: int = -1) -> bytes:
    """All bytes of a file, or so many at most; errors are those of :func:`open_plain`."""
    with open_plain(path) as stream:
        return stream.read(most)


def check_plain(path: str | Path) -> None:
    """Make sure that a file can be read, before a library is given its name; errors are those of :func:`open_plain`."""
    open_plain(path).close()

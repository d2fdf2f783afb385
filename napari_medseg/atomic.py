"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_medseg.errors import OutputError

# of a file's name, such as .nii.gz or .ome.zarr
LONGEST_ENDING = 12
_ADVICE = {
    errno.ENOSPC: ("the disk is full", "Free space or choose another folder."),
    errno.EDQUOT: ("the disk quota is used up", "Free space or choose another folder."),
    errno.EFBIG: ("it is larger than a file may be there", "Choose another folder, or have the limit raised."),
    errno.EACCES: ("no permission to write there", "Choose a folder you may write to."),
    errno.EPERM: ("no permission to write there", "Choose a folder you may write to."),
    errno.EROFS: ("the disk is read-only", "Choose a folder you may write to."),
    errno.ENOENT: ("the folder does not exist", "Create it or choose another folder."),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "Choose another folder."),
    errno.EISDIR: ("there is a folder of that name", "Choose another name."),
}
# what is wrong with a disk, whatever is written
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

# Windows' own numbers (error.winerror) where errno says no more than EACCES
_HELD = {
    5: ("no permission to write there, or another program has it open", "Close it there, or choose another folder."),
    32: ("another program has it open", "Close it there, and try again."),
    33: ("another program has it open", "Close it there, and try again."),
}
# for so long another program may look at a file on Windows: a scanner does so with each new one
_HELD_SECONDS = 2.0


def output_error(path: Path, error: OSError) -> OutputError:
    """The sentence for a failed write: file, reason, next step."""
    held = _HELD.get(getattr(error, "winerror", None) or 0)
    if held is not None:
        return OutputError(f"{path} cannot be written: {held[0]}. {held[1]}")
    reason, advice = _ADVICE.get(error.errno or 0, (str(error.strerror or error).lower(), "Choose another folder."))
    return OutputError(f"{path} cannot be written: {reason}. {advice}")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that replaces it when the block ends well.

    The temporary file ends alike, is flushed to the disk before it takes the name, and is removed when
    anything fails: a reader sees the old file or the new one.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder must exist.

    Yields
    ------
    Path
        Write here.

    Raises
    ------
    OutputError
        If writing fails; the message names the file, the reason and the next step.
    """
    path = Path(path)
    # not the whole name: the longest that a file can have leaves no room beside it; libraries look at how it ends
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.tmp.{path.name[-LONGEST_ENDING:].lower()}")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        replace(temporary, path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        # where the folder is none or cannot be written, there is nothing to remove and asking would raise again
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """As :func:`atomic_path`, of a folder: the yielded one is not there yet; what there is of the name is replaced.

    Two folders cannot change places in one step: should the computer stop in between, the old one lies beside, with a
    dot before its name.
    """
    path = Path(path)
    mark = uuid.uuid4().hex[:12]
    ending = path.name[-LONGEST_ENDING:].lower()
    temporary, old = (path.with_name(f".{mark}.{kind}.{ending}") for kind in ("tmp", "old"))
    try:
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb+") as stream:
                    os.fsync(stream.fileno())
        there = os.path.lexists(path)
        if there:
            replace(path, old)
        try:
            replace(temporary, path)
        except OSError:
            if there:
                replace(old, path)
            raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if os.path.lexists(path):
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old, ignore_errors=True)
            else:
                with suppress(OSError):
                    old.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Give a file the name of another, which it replaces; on Windows, once nobody has that one open.

    Raises
    ------
    OSError
        If it cannot be replaced.
    """
    end = time.monotonic() + _HELD_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if sys.platform != "win32" or target.is_dir() or time.monotonic() > end:
                raise
        time.sleep(0.05)


def check_writable(path: str | Path) -> None:
    """Make sure that a file can be written, before the work that leads to it.

    Raises
    ------
    OutputError
        If there is a folder of that name, or its folder is missing or cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise output_error(path, IsADirectoryError(errno.EISDIR, ""))
    # not a file of tempfile's: on Windows, where it may not write, that tries names without end
    probe = path.with_name(f".{uuid.uuid4().hex[:12]}.tmp")
    try:
        probe.open("xb").close()
        probe.unlink()
    except OSError as error:
        raise output_error(path, error) from error


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text, whole or not at all.

    Raises
    ------
    OutputError
        If writing fails.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)

"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
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
    errno.EACCES: ("no permission to write there", "Choose a folder you may write to."),
    errno.EPERM: ("no permission to write there", "Choose a folder you may write to."),
    errno.EROFS: ("the disk is read-only", "Choose a folder you may write to."),
    errno.ENOENT: ("the folder does not exist", "Create it or choose another folder."),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "Choose another folder."),
    errno.EISDIR: ("there is a folder of that name", "Choose another name."),
}


def output_error(path: Path, error: OSError) -> OutputError:
    """The sentence for a failed write: file, reason, next step."""
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
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        # where the folder is none or cannot be written, there is nothing to remove and asking would raise again
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
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

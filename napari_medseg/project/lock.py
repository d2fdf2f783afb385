"""One project, one window; one run, one trainer: locks of the operating system, gone with the process that has them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from filelock import lock_descriptor, unlock_descriptor

from napari_medseg.atomic import output_error
from napari_medseg.errors import ProjectError
from napari_medseg.words import tr

RUN_LOCK = "trainer.lock"
# more than process and computer take
_MOST = 1000


def _open(path: Path, flags: int) -> int:
    """A plain file, never what a link points to: that is not a lock's to write to.

    Raises
    ------
    OSError
        With ``errno.ELOOP`` where it is a link or anything else than a file.
    """
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, "a link", str(path))
    # a pipe would wait for a reader
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    number = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.ELOOP, tr("a link or no file"), str(path))
    return number


def _opened(path: Path) -> tuple[IO[str], bool]:
    """The file, made if need be, and whether it can be written; where there is none and none can be made: an error."""
    try:
        return os.fdopen(_open(path, os.O_RDWR | os.O_CREAT), "r+", encoding="utf-8", errors="replace"), True
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    return os.fdopen(_open(path, os.O_RDONLY), "r", encoding="utf-8", errors="replace"), False


class FileLock:
    """Held from construction to :meth:`release`.

    Parameters
    ----------
    path : Path
        Made if need be; holds the process number and the computer of who has it.
    what, hint : str
        For the message: what is locked, and what to do about it.
    read_only : bool
        Nothing will be written: where no lock can be made, there is none to be had, and none is needed.
    taken : callable, optional
        Says that it is held, from what :func:`holder` knows; default: a sentence with ``what`` and ``hint``.

    Raises
    ------
    ProjectError
        If another process or window holds it, or the path is a link.
    OutputError
        If the folder cannot be written to.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        hint: str,
        *,
        read_only: bool = False,
        taken: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        self._stream: IO[str] | None = None
        try:
            stream, writable = _opened(path)
        except OSError as error:
            if read_only and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
                return
            if error.errno == errno.ELOOP:
                raise ProjectError(
                    tr(
                        "{path} is a link to something else, or no file; expected a file of its own. Remove it.",
                        path=path,
                    )
                ) from error
            raise output_error(path, error) from error
        try:
            held = not lock_descriptor(stream.fileno(), blocking=False)
        except OSError as error:
            stream.close()
            if read_only:
                # a network drive that gives no locks to who may only read
                return
            raise ProjectError(
                tr(
                    "{what} lies where nothing can be locked ({why}); expected a drive that keeps two windows "
                    "apart. Copy it to another drive.",
                    what=what,
                    why=os.strerror(error.errno or 0).lower(),
                )
            ) from error
        if held:
            stream.close()
            facts = holder(path)
            told = tr(
                "{what} is open {where}; expected to be open once. {hint}",
                what=what,
                where=describe(facts),
                hint=hint,
            )
            raise ProjectError(told if taken is None else taken(facts))
        if not _still_there(stream, path):
            # it was removed between opening and locking it: whoever comes next locks another one
            stream.close()
            raise ProjectError(tr("{path} was removed meanwhile; expected to have it alone. Try again.", path=path))
        try:
            if writable and not read_only:
                _sign(stream)
        except OSError as error:
            # the name of the holder is a courtesy, the lock is what counts; but a full disk is said at once
            with contextlib.suppress(OSError):
                # it tries once more to write what it has
                stream.close()
            raise output_error(path, error) from error
        self._stream = stream

    def release(self) -> None:
        """Let others have it."""
        if self._stream is not None and not self._stream.closed:
            # closing does so too, but on Windows only when the system comes to it
            with contextlib.suppress(OSError):
                unlock_descriptor(self._stream.fileno())
            self._stream.close()


def _sign(stream: IO[str]) -> None:
    """Who has the lock now. What a lock never holds is left as it is."""
    stream.seek(0)
    before = stream.read(_MOST).strip("\x00 \r\n")
    if before and not (before.startswith('{"pid"') and len(before) < _MOST):
        return
    stream.seek(0)
    stream.truncate()
    # the first byte is locked, which Windows lets nobody read: it says nothing
    stream.write(" " + json.dumps({"pid": os.getpid(), "host": platform.node()}))
    stream.flush()


class FolderLock:
    """Of the folder itself, beside the file in it: a file may be removed while it is held, and made anew by the next.

    Where the system locks no folders, or the drive does not, the file alone has to do.

    Raises
    ------
    ProjectError
        If another process or window holds it.
    """

    def __init__(self, folder: Path, what: str, hint: str) -> None:
        self._number: int | None = None
        # Windows opens no folders, and lets nobody remove a file that is open
        with contextlib.suppress(OSError):
            flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
            self._number = os.open(folder, flags)
        if self._number is None:
            return
        with contextlib.suppress(OSError):
            if not lock_descriptor(self._number, blocking=False):
                self.release()
                raise ProjectError(
                    tr(
                        "{what} is open in another window, though its lock was removed; expected to be open once. "
                        "{hint}",
                        what=what,
                        hint=hint,
                    )
                )

    def release(self) -> None:
        """Let others have it."""
        if self._number is not None:
            os.close(self._number)
            self._number = None


class ProjectLock:
    """One window has a project; held from construction to :meth:`release`. Errors are those of :class:`FileLock`."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        what, hint = tr("project {folder}", folder=folder), tr("Close it there first.")

        def taken(facts: dict[str, Any]) -> str:
            text = tr("This project is already open in another window: {project}.", project=_whose(folder, facts))
            return f"{text} {hint}"

        self._file = FileLock(folder / "project.lock", what, hint, read_only=read_only, taken=taken)
        try:
            self._folder = None if read_only else FolderLock(folder, what, hint)
        except ProjectError:
            self._file.release()
            raise

    def release(self) -> None:
        """Let others have it."""
        self._file.release()
        if self._folder is not None:
            self._folder.release()


def _whose(folder: Path, facts: dict[str, Any]) -> str:
    """A project, and in which process it is open where that is known: a window on another computer is hard to find."""
    if "pid" not in facts or "host" not in facts:
        return str(folder)
    return tr(
        "{folder} is open in process {number} on {computer}", folder=folder, number=facts["pid"], computer=facts["host"]
    )


def _still_there(stream: IO[str], path: Path) -> bool:
    """Whether the file that was opened is the one that others would open."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except OSError:
        return False


def lock_project(folder: Path, *, read_only: bool = False) -> ProjectLock:
    """One window has a project."""
    return ProjectLock(folder, read_only=read_only)


def lock_run(folder: Path) -> FileLock:
    """One trainer works in a run's folder."""
    for _ in range(5):
        # whoever asks whether a trainer is at work holds the lock for a moment
        with contextlib.suppress(ProjectError):
            return FileLock(folder / RUN_LOCK, tr("run {folder}", folder=folder), "")
        time.sleep(0.1)
    return FileLock(folder / RUN_LOCK, tr("run {folder}", folder=folder), tr("Wait for it, or cancel it there."))


def training_in(folder: Path) -> dict[str, Any] | None:
    """Process number and computer of the trainer that works in a run's folder; None where none does."""
    path = folder / RUN_LOCK
    if not path.exists():
        return None
    try:
        stream, _ = _opened(path)
    except OSError as error:
        # a link is nothing that a trainer made; what is closed to this user may be another's
        return None if error.errno == errno.ELOOP else {}
    # where nothing can be locked, no trainer works either
    with stream, contextlib.suppress(OSError):
        if not lock_descriptor(stream.fileno(), blocking=False):
            return holder(path)
    return None


def holder(path: Path) -> dict[str, Any]:
    """Who wrote a lock's file last."""
    try:
        with os.fdopen(_open(path, os.O_RDONLY), encoding="utf-8") as stream:
            try:
                text = stream.read(_MOST)
            except PermissionError:
                stream.seek(1)
                text = stream.read(_MOST)
            facts = json.loads(text)
    # RecursionError: brackets without end
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def describe(facts: dict[str, Any]) -> str:
    """Where a lock's holder is, for a message."""
    if "pid" in facts and "host" in facts:
        return tr("in process {number} on {computer}", number=facts["pid"], computer=facts["host"])
    return tr("in another window")

"""Many items, of which some may be bad: the others are done all the same, and all that was not is told at the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_medseg.errors import (
    Cancelled,
    DeviceError,
    FilesThereError,
    InputError,
    MedsegError,
    OutputError,
    PartlyDoneError,
    UnknownNameError,
    WeightsError,
    sentence,
)
from napari_medseg.plain import real_path
from napari_medseg.words import tr, trn

# what is wrong for one is wrong for all: going on would take hours for nothing
_OF_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# a library that is missing, a terminal that nobody reads any more
_OF_THE_PROGRAM = (ImportError, BrokenPipeError)


class Batch:
    """Goes on past what one item cannot be done for.

    Parameters
    ----------
    of : int
        Items; the error of a single one is raised as it is.
    what : callable
        Says of a number of items that they were not done: ``2 masks were not written``.
    """

    def __init__(self, of: int, what: Callable[[int], str]) -> None:
        self._of, self._what, self._good = of, what, 0
        self.problems: list[str] = []
        self._done: list[Path] = []

    @contextmanager
    def item(self, called: object = "") -> Iterator[None]:
        """Around the work for one item.

        Also what nobody expected is that item's: it is told with its name, and the log gets where it came from.

        Parameters
        ----------
        called : str or Path
            The item's name.

        Raises
        ------
        MedsegError
            If it is wrong for all. Where others were refused before, a :class:`PartlyDoneError` that tells them too.
        """
        try:
            yield
        except Cancelled:
            raise
        except PartlyDoneError as error:
            # what came of it is told at the end
            cause = error.__cause__
            if self._of == 1 or (isinstance(cause, Exception) and _of_all(cause)):
                raise
            self.problems += error.problems
            self._done += [path for path in error.done if isinstance(path, Path)]
        except Exception as error:
            if self._of == 1 or (_of_all(error) and not self.problems):
                raise
            expected = isinstance(error, MedsegError) or not called
            self.problems.append(sentence(error) if expected else f"{called}: {sentence(error)}")
            if _of_all(error):
                raise PartlyDoneError(self.problems, self._what(self._of - self._good)) from error
        else:
            self._good += 1

    def end(self, done: Sequence[Path] = ()) -> None:
        """Tell what was not done, if anything.

        Raises
        ------
        PartlyDoneError
        """
        if self.problems:
            raise PartlyDoneError(self.problems, self._what(len(self.problems)), [*done, *self._done])


def _of_all(error: Exception) -> bool:
    """Whether what is wrong for one item is wrong for all."""
    cause = error.__cause__
    if not isinstance(error, MedsegError):
        return isinstance(error, _OF_THE_PROGRAM) or (isinstance(error, OSError) and error.errno in _OF_ALL)
    return (
        isinstance(error, WeightsError | UnknownNameError)
        or not isinstance(error, InputError | OutputError | DeviceError)
        or (isinstance(cause, OSError) and cause.errno in _OF_ALL)
        # a device that is not there; for one image, memory may have run out
        or (isinstance(error, DeviceError) and cause is None)
    )


def check_free(paths: Iterable[Path], *, overwrite: bool, otherwise: str = "") -> None:
    """Make sure, before the work, that no file is replaced unless that was asked for.

    Parameters
    ----------
    paths : iterable of Path
    overwrite : bool
    otherwise : str
        What else can be done where some are there.

    Raises
    ------
    FilesThereError
        If there are some; the message names the first.
    """
    paths = list(paths)
    # a link that leads nowhere would be replaced too
    there = [] if overwrite else [path for path in paths if os.path.lexists(path)]
    if there:
        told = trn(
            "{first} is there already; expected no file that would be replaced. Choose another folder, or say that "
            "files may be replaced (--overwrite).",
            "{n} files, first {first}, are there already; expected no file that would be replaced. Choose another "
            "folder, or say that files may be replaced (--overwrite).",
            len(there),
            first=there[0],
        )
        raise FilesThereError(f"{told} {otherwise}".rstrip(), there, len(paths))


def check_apart(targets: Iterable[Path], sources: Iterable[Path]) -> None:
    """Make sure, before the work, that no result takes the place of what is read; nobody asks for that.

    Raises
    ------
    InputError
        If one would; the message names it.
    """
    read = {real_path(path) for path in sources}
    for target in targets:
        if real_path(target) in read:
            raise InputError(
                tr(
                    "{target} is an image itself, and a result would take its place; expected results elsewhere. "
                    "Choose another folder.",
                    target=target,
                )
            )

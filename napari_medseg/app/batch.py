"""Many items, of which some may be bad: the others are done all the same, and all that was not is told at the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_medseg.errors import (
    DeviceError,
    InputError,
    OutputError,
    PartlyDoneError,
    UnknownNameError,
    WeightsError,
    sentence,
)

# what is wrong for one is wrong for all: going on would take hours for nothing
_OF_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Batch:
    """Goes on past what one item cannot be done for.

    Parameters
    ----------
    of : int
        Items; the error of a single one is raised as it is.
    what : str
        For the message: ``mask(s) were not written``.
    """

    def __init__(self, of: int, what: str) -> None:
        self._of, self._what = of, what
        self.problems: list[str] = []

    @contextmanager
    def item(self) -> Iterator[None]:
        """Around the work for one item."""
        try:
            yield
        except (InputError, OutputError, DeviceError) as error:
            cause = error.__cause__
            of_all = (
                isinstance(error, WeightsError | UnknownNameError)
                or (isinstance(cause, OSError) and cause.errno in _OF_ALL)
                # a device that is not there; for one image, memory may have run out
                or (isinstance(error, DeviceError) and cause is None)
            )
            if of_all or self._of == 1:
                raise
            self.problems.append(sentence(error))

    def end(self, done: Sequence[Path] = ()) -> None:
        """Tell what was not done, if anything.

        Raises
        ------
        PartlyDoneError
        """
        if self.problems:
            raise PartlyDoneError(self.problems, self._what, done)


def check_free(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Make sure, before the work, that no file is replaced unless that was asked for.

    Raises
    ------
    InputError
        If there are some; the message names the first.
    """
    # a link that leads nowhere would be replaced too
    there = [] if overwrite else [path for path in paths if os.path.lexists(path)]
    if there:
        which = str(there[0]) if len(there) == 1 else f"{len(there)} files, first {there[0]},"
        raise InputError(
            f"{which} {'is' if len(there) == 1 else 'are'} there already; expected no file that would be replaced. "
            "Choose another folder, or say that files may be replaced (--overwrite; in the window, tick it)."
        )


def check_apart(targets: Iterable[Path], sources: Iterable[Path]) -> None:
    """Make sure, before the work, that no result takes the place of what is read; nobody asks for that.

    Raises
    ------
    InputError
        If one would; the message names it.
    """
    read = {path.resolve() for path in sources}
    for target in targets:
        if target.resolve() in read:
            raise InputError(
                f"{target} is an image itself, and a result would take its place; expected results elsewhere. Choose "
                "another folder."
            )

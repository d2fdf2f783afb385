"""Every error a user can meet. Each message is one sentence: what is what, what was expected, what to do.

MedsegError
├── InputError                 bad usage or input: exit code 2
│   ├── UnknownNameError       no such network, weights, task, case
│   ├── ImageReadError         a file is missing, truncated, empty or of no known kind
│   ├── ShapeError             an array or mask has the wrong shape
│   ├── WeightsError           a weights file is for another network or does not match its checksum
│   ├── FilesThereError        files would be replaced, and nobody asked for that
│   └── ProjectError           a project is locked, damaged, of another version, or not there
└── OperationError             the request was fine but could not be carried out: exit code 1
    ├── OutputError            a file cannot be written (full disk, no permission)
    ├── DeviceError            a device is missing or out of memory
    ├── NoNumbersError         a network gives NaN: its weights are damaged or overflow
    ├── TrainingError          a training run died
    ├── PartlyDoneError        some of several things could not be done, the others are
    └── Cancelled              the user cancelled
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_medseg import log
from napari_medseg.names import one_line
from napari_medseg.words import tr


class MedsegError(Exception):
    """Base of all errors with a message meant for the user."""

    exit_code = 1


class InputError(MedsegError):
    """What was given cannot be used. Correct the named value and try again."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name is not registered. Choose one of the listed names."""

    def __init__(self, kind: str, value: str, allowed: tuple[str, ...] | list[str]) -> None:
        choices = ", ".join(allowed) or tr("none at hand")
        super().__init__(
            tr(
                "{kind} is '{value}'; expected one of: {choices}. Choose one of these.",
                kind=kind,
                value=value,
                choices=choices,
            )
        )


class ImageReadError(InputError):
    """A file cannot be read as an image. Check the file, or export it again."""


class FilesThereError(InputError):
    """Files would be replaced. Choose another folder, or say that they may be.

    Parameters
    ----------
    message : str
        As the command line says it.
    paths : sequence of Path
        Those that are there.
    of : int
        How many were to be written.
    """

    def __init__(self, message: str, paths: Sequence[Path], of: int) -> None:
        super().__init__(message)
        self.paths, self.of = tuple(paths), of


class ShapeError(InputError):
    """An array has the wrong shape. Pass an array of the shape named."""


class WeightsError(InputError):
    """Weights cannot be used. Choose weights of this network, or fetch the file again."""


class ProjectError(InputError):
    """A project cannot be opened. Close the other window, or check the folder."""


class OperationError(MedsegError):
    """The request could not be carried out. Follow the step named in the message."""


class OutputError(OperationError):
    """A file cannot be written. Free space or choose another folder."""


class DeviceError(OperationError):
    """A device cannot be used. Choose another device."""


class NoNumbersError(OperationError):
    """A network gives no numbers. Choose other weights, or roll back to an earlier version."""


class TrainingError(OperationError):
    """A training run died. Start it again; it resumes from its last checkpoint."""


class PartlyDoneError(OperationError):
    """Some of several things could not be done; the others are. Mend those that are named, and try them again.

    Parameters
    ----------
    problems : sequence of str
        A sentence for each.
    what : str
        That they were not: ``2 masks were not written``.
    done : sequence
        What came of the others.
    """

    def __init__(self, problems: Sequence[str], what: str, done: Sequence[object] = ()) -> None:
        self.problems, self.what, self.done = tuple(problems), what, tuple(done)
        super().__init__(tr("{what}; the first: {why}", what=what, why=problems[0]))


class Cancelled(OperationError):  # noqa: N818 - a cancellation is no fault
    """The user cancelled. Nothing was changed."""


def sentence(error: BaseException) -> str:
    """What to show of an error that was caught; the log gets where it came from."""
    expected = isinstance(error, MedsegError)
    log.tell(error, expected=expected)
    if expected:
        return str(error)
    file = log.path_in_use()
    # libraries write pages
    words = one_line(str(error))[:300].rstrip(". ")
    kind = type(error).__name__
    what = tr("Unexpected {kind}: {words}.", kind=kind, words=words) if words else tr("Unexpected {kind}.", kind=kind)
    report = (
        tr("Please report this; nothing stored was lost.")
        if file is None
        else tr("Please report this with {file}, which holds no names of images; nothing stored was lost.", file=file)
    )
    return f"{what} {report}"

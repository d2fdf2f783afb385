"""A log that can be sent to whoever mends the program: where it failed, and nothing about patients.

Names of files, layers and cases are patients' data, and the words of an error hold them. So the file gets what the code
itself says: the text of a record without the texts put into it, and of an error its kind and the lines of code that led
to it. What a person is shown, with the names, is theirs to send or to keep.
"""

from __future__ import annotations

import copy
import errno
import linecache
import logging
import platform
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

OURS = ("napari_medseg", "src_train")
_BYTES, _FILES = 1_000_000, 3
# once told, an error that goes through more hands is not told again
_TOLD = "_medseg_told"
_log = logging.getLogger(__name__)
_handlers: list[logging.Handler] = []
for _name in OURS:
    # a library says nothing by itself
    logging.getLogger(_name).addHandler(logging.NullHandler())


def default_path() -> Path:
    """The log in the user's own folder."""
    from platformdirs import user_log_path

    return user_log_path("napari-medseg", appauthor=False) / "medseg.log"


def set_up(path: str | Path | None = None, *, verbose: bool = False) -> None:
    """Write the log of this process; the app and the command line call this, a library does not.

    Where the file cannot be written there is no log: no work depends on it. A second call takes the place of the first.

    Parameters
    ----------
    path : path, optional
        Default: :func:`default_path`.
    verbose : bool
        All of it, and to stderr too, there with the words of errors.
    """
    tear_down()
    file = Path(path) if path is not None else default_path()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and not file.is_file():
        # a pipe would be waited for without end
        return
    handlers: list[logging.Handler] = [_QuietFile(file)]
    handlers[0].setFormatter(NamelessFormatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    if verbose:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[1].setFormatter(_FullFormatter("%(levelname)s %(name)s: %(message)s"))
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
        for handler in handlers:
            logger.addHandler(handler)
    _handlers[:] = handlers
    _log.info("started", extra={"known": f"{_versions()}, Python {platform.python_version()}, {platform.platform()}"})


def tear_down() -> None:
    """Undo :func:`set_up`."""
    for handler in _handlers:
        for name in OURS:
            logging.getLogger(name).removeHandler(handler)
        handler.close()
    _handlers.clear()


def path_in_use() -> Path | None:
    """The file that this process writes its log to; None where it writes none."""
    return next((Path(one.baseFilename) for one in _handlers if isinstance(one, _QuietFile) and one.works), None)


def tell(error: BaseException, *, expected: bool) -> None:
    """Write an error that was caught into the log, once.

    Parameters
    ----------
    error : BaseException
    expected : bool
        It has a sentence for the user, who can do something about it.
    """
    if getattr(error, _TOLD, False):
        return
    with suppress(AttributeError, TypeError):
        setattr(error, _TOLD, True)
    level = logging.INFO if expected else logging.ERROR
    # as text: a record that holds the error keeps alive all that its frames hold, windows too
    places = "\n".join(_lines(error, set()))
    words = "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()
    _log.log(level, "caught", extra={"places": places, "words": words})


class NamelessFormatter(logging.Formatter):
    """Records without the texts put into them, errors without their words.

    What a record is given as ``extra={"known": text}`` is the program's own, such as the name of a network, and stays.
    """

    def format(self, record: logging.LogRecord) -> str:
        """As :class:`logging.Formatter` does."""
        plain = copy.copy(record)
        plain.args = tuple(map(_nameless, record.args)) if isinstance(record.args, tuple) else ()
        # what another handler made of the error, with its words
        plain.exc_text = None
        known = getattr(record, "known", None)
        if known is not None:
            plain.msg, plain.args = "%s: %s", (plain.getMessage(), known)
        places = getattr(record, "places", None)
        return super().format(plain) + (f"\n{places}" if places else "")

    def formatException(self, ei: Any) -> str:
        """Kinds and places, the cause first."""
        return "\n".join(_lines(ei[1], set()))


class _FullFormatter(logging.Formatter):
    """With the words of errors, for the person who sits there."""

    def format(self, record: logging.LogRecord) -> str:
        words = getattr(record, "words", None)
        return super().format(record) + (f"\n{words}" if words else "")


def _nameless(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else "<text>"


def _lines(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    yield from _lines(before, seen)
    yield from _places(error.__traceback__)
    yield f"  {_kind(error)}"
    for inner in getattr(error, "exceptions", ()):
        yield from _lines(inner, seen)


def _kind(error: BaseException) -> str:
    facts = []
    if isinstance(error, OSError) and error.errno is not None:
        facts.append(errno.errorcode.get(error.errno, str(error.errno)))
    # sqlite's name for it
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        facts.append(name)
    return f"{type(error).__module__}.{type(error).__qualname__}" + (f" ({', '.join(facts)})" if facts else "")


def _places(trace: TracebackType | None) -> Iterator[str]:
    for frame, line in traceback.walk_tb(trace):
        module = str(frame.f_globals.get("__name__", ""))
        file = frame.f_code.co_filename
        if module.partition(".")[0] in OURS:
            yield f"  {module}:{line} {frame.f_code.co_name}: {linecache.getline(file, line).strip()}"
        elif _of_a_library(file):
            yield f"  {module}:{line} {frame.f_code.co_name}"
        else:
            # a script of the user's own, which may be called after anyone
            yield f"  other code:{line}"


def _of_a_library(file: str) -> bool:
    return file.startswith("<frozen ") or any(
        Path(file).is_relative_to(sysconfig.get_paths()[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib")
    )


def _versions() -> str:
    found = []
    for name in ("napari-medseg", "torch", "numpy", "napari", "PyQt6"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


class _QuietFile(RotatingFileHandler):
    """A log that cannot be written is done without: a full disk is told where it matters."""

    works = True

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", delay=True)

    def doRollover(self) -> None:
        """Another window may have the old file open, where that keeps it from being renamed."""
        with suppress(OSError):
            super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing; the path is not shown any more."""
        self.works = False

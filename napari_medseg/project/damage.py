"""Values that SQLite can hold and a project never writes: a flipped bit turns a number into text, bytes or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_medseg.errors import ProjectError


@contextmanager
def damage_told(where: str) -> Iterator[None]:
    """Turn what such a value does to the code that uses it into a sentence.

    Parameters
    ----------
    where : str
        What is read, for the message.

    Raises
    ------
    ProjectError
    """
    try:
        yield
    # a size or a place may also have grown beyond what the machine can hold, and JSON be other than what was written
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, MemoryError, RecursionError) as error:
        raise ProjectError(f"{where} is damaged ({error}). Restore the project from a backup.") from error

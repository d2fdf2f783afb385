"""What a damaged file does to whoever decodes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medseg.errors import ImageReadError


@contextmanager
def told_as_damaged(path: Path, title: str) -> Iterator[None]:
    """Around decoding a file: what fails inside, in whatever way, is told in one sentence that names file and format.

    Decoders of damaged files raise errors of all kinds, so all are caught. What was said of the file already, and a
    missing library, go through.

    Raises
    ------
    ImageReadError
    """
    try:
        yield
    except (ImageReadError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise ImageReadError(
            f"{path} is damaged or no {title} ({type(error).__name__}); expected a whole image or volume. Copy or "
            "export it again."
        ) from error

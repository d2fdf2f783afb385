"""Checksums of files, and whether a file is still the one that was read."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from napari_medseg.plain import open_plain

_BLOCK = 1 << 20
# file systems tell times as coarsely as two seconds (FAT): two changes that close together may look like one
SETTLED = 3.0


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal; a block at a time, however large it is.

    Raises
    ------
    OSError
        If the file cannot be read, or is none: a pipe would wait, a device give bytes without end.
    """
    digest = hashlib.sha256()
    with open_plain(path) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def file_state(path: Path) -> tuple[int, ...] | None:
    """What changes whenever a file does: which one it is, its size, and when it was changed.

    The second of the two times cannot be set back, as copying programs do with the first; Windows has no such time.

    Returns
    -------
    tuple of int or None
        None: it was changed less than :data:`SETTLED` seconds ago, and could be again without looking so.

    Raises
    ------
    OSError
        If there is no such file.
    """
    found = path.stat()
    if time.time() - max(found.st_mtime, found.st_ctime) < SETTLED:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

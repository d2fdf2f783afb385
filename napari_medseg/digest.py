"""Checksums of files, and whether a file is still the one that was read."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from napari_medseg.plain import open_plain

_BLOCK = 1 << 20
# files of so many bytes are known by their size and by parts of them: both ends, and others all through them
LARGE, ENDS, PART, PARTS = 1 << 30, 8 << 20, 256 << 10, 64
# of so many files, no more are read whole
FILES = 256
# before the hash of what is known by parts: it is no hash of all bytes, and says so
BY_PARTS = "parts-"
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


def file_identity(path: Path) -> str:
    """What a file is known by: SHA-256 of its bytes; from :data:`LARGE` bytes on, :data:`BY_PARTS` and a hash of its
    size and of parts of it, which takes no longer the larger it is. See docs/decisions/0071-known-by-parts.md.

    Raises
    ------
    OSError
        As :func:`file_sha256`.
    """
    with open_plain(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size >= LARGE:
            digest = hashlib.sha256(f"size {size}\n".encode())
            step = (size - PART) // (PARTS + 1)
            for start, length in ((0, ENDS), *((step * n, PART) for n in range(1, PARTS + 1)), (size - ENDS, ENDS)):
                stream.seek(max(0, start))
                digest.update(stream.read(length))
            return BY_PARTS + digest.hexdigest()
    return file_sha256(path)


def files_identity(folder: Path, files: Sequence[Path]) -> str | None:
    """What files of one folder, together of :data:`LARGE` bytes or more, are known by: the names and sizes of all of
    them, and the bytes of some; None where they are less.

    Raises
    ------
    OSError
        If one cannot be read.
    """
    sizes = {file.relative_to(folder).as_posix(): (file.stat().st_size, file) for file in files}
    if sum(size for size, _ in sizes.values()) < LARGE:
        return None
    digest = hashlib.sha256()
    # what describes the others is small, and has such a name
    told = [name for name in sizes if name.endswith((".json", ".zattrs", ".zarray", ".zgroup"))]
    names = sorted(set(sizes) - set(told))
    for name in sorted(sizes):
        digest.update(f"{name} {sizes[name][0]}\n".encode(errors="surrogateescape"))
    for name in (*sorted(told), *names[:: -(-len(names) // FILES) or 1]):
        digest.update(file_identity(sizes[name][1]).encode())
    return BY_PARTS + digest.hexdigest()


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

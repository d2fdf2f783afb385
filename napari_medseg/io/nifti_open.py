"""A NIfTI file whose header is read with care, before nibabel follows it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError

_AHEAD, _NOTE = 16_000_000, 16  # so many bytes may stand before the voxels; and the shortest note among them
CODES = range(6)  # of what an affine leads to: unknown, scanner, aligned, Talairach, MNI, another template


def open_header(path: Path) -> tuple[Any, tuple[int, ...]]:
    """A file whose header was read, and its shape with three axes where there are no more."""
    import nibabel

    try:
        read_header(path)
        # not mapped: a file that is open cannot be replaced on Windows, and one that is cut short ends the program
        file: Any = nibabel.load(path, mmap=False)
        shape = tuple(int(n) for n in file.shape)
        if not isinstance(file, nibabel.Nifti1Image):
            raise ValueError("another format")
    except ImageReadError:
        raise
    except Exception as error:
        raise damaged(path, error) from error
    if min(shape, default=0) < 1:
        raise ImageReadError(f"{path} has shape {shape}; expected at least one pixel along each axis. Export it again.")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return file, (*shape, 1) if len(shape) == 2 else shape


def damaged(path: Path, error: Exception) -> ImageReadError:
    return ImageReadError(
        f"{path} is damaged or no NIfTI ({type(error).__name__}); expected a whole volume. Copy or export it again."
    )


def read_header(path: Path) -> Any:
    """The header as it stands there, before nibabel follows it: what it puts before the voxels is read without measure.

    Raises
    ------
    ImageReadError
        If the voxels begin too far off, or a note before them is longer than the room for it.
    """
    import nibabel

    with _stream(path) as stream:
        block = stream.read(nibabel.Nifti2Header.sizeof_hdr)
        sizes = {int.from_bytes(block[:4], end) for end in ("little", "big")}
        kinds = [k for k in (nibabel.Nifti1Header, nibabel.Nifti2Header) if k.sizeof_hdr in sizes]
        if not kinds:
            raise ValueError("no header")
        kind = kinds[0]
        header = kind(block[: kind.sizeof_hdr], check=False)
        begins, least = float(header["vox_offset"]), kind.sizeof_hdr + 4
        # nibabel would read the header as voxels
        if not least <= begins <= _AHEAD:
            raise ImageReadError(
                f"{path} says that its voxels begin at byte {begins:.0f}; expected {least} to {_AHEAD}. It is damaged, "
                "or its voxels lie in another file: export it again as one."
            )
        for name in ("sform_code", "qform_code"):
            # programs differ in what they make of another, and nibabel sets it to 0
            if int(header[name]) not in CODES:
                raise ImageReadError(
                    f"{path} has the {name} {int(header[name])}; expected {CODES[0]} to {CODES[-1]}. Export the volume "
                    "again, or repair its header."
                )
        at = least
        stream.seek(kind.sizeof_hdr)
        noted = stream.read(4)[:1] not in (b"", b"\0")
        while noted and at + _NOTE <= begins:
            stream.seek(at)
            length = int(np.frombuffer(stream.read(4).ljust(4, b"\0"), header.endianness + "i4")[0])
            if not _NOTE <= length <= begins - at:
                raise ImageReadError(
                    f"{path} has a note of {length} bytes before its voxels; expected {_NOTE} to {begins - at:.0f}. "
                    "It is damaged: export it again."
                )
            at += length
    return header


def _stream(path: Path) -> Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")

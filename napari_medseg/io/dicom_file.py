"""DICOM files, opened and unpacked by pydicom: the one file that knows it.

Tags hold patients' names, and the library's own words hold what tags hold. So its warnings are not shown, its log is
not written, and its errors are told by their kind alone: nothing that it says goes on from here.
"""

from __future__ import annotations

import io
import logging
import os
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from napari_medseg.errors import Cancelled, ImageReadError
from napari_medseg.io.dicom_end import is_cut
from napari_medseg.io.inner import HEAD, picture_size
from napari_medseg.io.limits import FOLD, FREE, in_words
from napari_medseg.plain import open_plain

_BEGIN, _MAGIC = 128, b"DICM"
_META = 4096  # the transfer syntax stands among so many first bytes
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_RLE = "1.2.840.10008.1.2.5"
_CHUNK = 1 << 20
# without these, what was read by force is no DICOM
_SIGNS = ("SOPClassUID", "Rows", "Modality")
for _name in ("pydicom", "pylibjpeg", "openjpeg", "libjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


def is_dicom(path: Path) -> bool:
    """Whether a file says that it is DICOM, whatever it is called."""
    try:
        with open_plain(path) as stream:
            stream.seek(_BEGIN)
            return stream.read(len(_MAGIC)) == _MAGIC
    # closed to the user, a pipe, or a name that is none
    except (OSError, ValueError):
        return False


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Around all work with a file's tags, as each is understood only when it is asked for.

    Raises
    ------
    ImageReadError
        Whatever goes wrong; nothing that the library says about tags is shown.
    """
    try:
        with _quiet():
            yield
    except (ImageReadError, ModuleNotFoundError, Cancelled):
        raise
    except OSError as error:
        # of the disk; a decoder's have no number
        raise (damaged(path, error) if error.errno is None else gone(path, error)) from None
    # a damaged file fails in many ways; what the library says of it stays here
    except Exception as error:  # noqa: BLE001
        raise damaged(path, error) from None


@contextmanager
def _quiet() -> Iterator[None]:
    from pydicom import config

    before = config.settings.reading_validation_mode
    config.settings.reading_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.settings.reading_validation_mode = before


def open_header(path: Path, tags: Sequence[str] | None = None) -> Any:
    """The tags of a file without its pixels, as pydicom's Dataset.

    Parameters
    ----------
    path : Path
    tags : sequence of str, optional
        Only these, by their keywords.

    Raises
    ------
    ImageReadError
        If it is no DICOM, or damaged.
    """
    return _open(path, stop_before_pixels=True, specific_tags=None if tags is None else list(tags))


def open_listed(path: Path, tags: Sequence[str]) -> tuple[Any, bool]:
    """The header of a file, and whether its pixels are cut off; parameters and errors are those of :func:`open_header`.

    Of a file that is deflated as a whole, nobody can tell it before it is unfolded: it counts as whole.
    """
    with guarded(path), open_plain(path) as file:
        header = _read_tags(path, file, stop_before_pixels=True, specific_tags=list(tags))
        return header, not header.file_meta.TransferSyntaxUID.is_deflated and is_cut(file)


def open_whole(path: Path) -> Any:
    """The tags of a file, and its pixels as they are packed; errors are those of :func:`open_header`."""
    return _open(path)


def _open(path: Path, **how: Any) -> Any:
    with guarded(path), open_plain(path) as file:
        return _read_tags(path, file, **how)


def _read_tags(path: Path, file: BinaryIO, **how: Any) -> Any:
    from pydicom import dcmread

    found = dcmread(_unfolded(path, file), force=True, **how)
    if not (is_dicom(path) or any(name in found for name in _SIGNS)):
        raise ImageReadError(f"{path} is no DICOM; expected a DICOM file. Give the file that was exported.")
    if not getattr(found.file_meta, "TransferSyntaxUID", None):
        found.file_meta.TransferSyntaxUID = _plain_syntax(*found.original_encoding)
    return found


def gone(path: Path, error: OSError) -> ImageReadError:
    """What is told where the disk fails, or a file was there a moment ago."""
    return ImageReadError(
        f"{path} cannot be read ({os.strerror(error.errno or 0).lower()}); expected a file that stays while it is "
        "read. Check the drive, and open it again."
    )


def damaged(path: Path, error: Exception) -> ImageReadError:
    """What is told of a file on which the library failed: none of its words, as they hold what tags hold."""
    return ImageReadError(
        f"{path} is truncated or damaged ({type(error).__name__}); expected a whole DICOM file. Copy or export it "
        "again."
    )


def _unfolded(path: Path, file: BinaryIO) -> BinaryIO:
    """The file itself; of one that is deflated as a whole, make sure that it does not unfold without end."""
    head = file.read(_META)
    file.seek(0)
    if _DEFLATED not in head:
        return file
    length = head.find(b"\x02\x00\x00\x00UL\x04\x00")
    if length < 0:
        raise ImageReadError(
            f"{path} is deflated, and does not say from where on; expected its length. Export it again."
        )
    begins = length + 12 + int.from_bytes(head[length + 8 : length + 12], "little")
    whole = file.read()
    most, found, unpack = max(FREE["image"], FOLD["image"] * len(whole)), 0, zlib.decompressobj(-zlib.MAX_WBITS)
    left = whole[begins:]
    while left:
        found += len(unpack.decompress(left, _CHUNK))
        left = unpack.unconsumed_tail
        if found > most:
            raise ImageReadError(
                f"{path} unfolds to more than {in_words(most)} from {in_words(len(whole))}; expected less. It is "
                "damaged: export it again."
            )
    return io.BytesIO(whole)


def _plain_syntax(implicit: bool | None, little: bool | None) -> Any:
    from pydicom import uid

    if not little and little is not None:
        return uid.ExplicitVRBigEndian
    return uid.ExplicitVRLittleEndian if implicit is False else uid.ImplicitVRLittleEndian


def kind_of(header: Any) -> str:
    """What a file is by its class, in DICOM's public words: none of the file's own."""
    from pydicom.uid import UID_dictionary

    known = UID_dictionary.get(str(header.get("SOPClassUID", "")))
    return f"of the kind '{known[0].removesuffix(' Storage')}'" if known else "of an unknown kind"


def syntax_of(header: Any) -> str:
    """How the pixels are packed, in DICOM's public words."""
    from pydicom.uid import UID_dictionary

    number = str(header.file_meta.TransferSyntaxUID)
    known = UID_dictionary.get(number)
    return known[0] if known else f"'{number}'" if re.fullmatch(r"[0-9.]{1,64}", number) else "an unknown way"


def is_packed(header: Any) -> bool:
    """Whether the pixels, or the whole file, are packed; of what is unknown, nobody can say it, and they are."""
    from pydicom.uid import UID_dictionary

    syntax = header.file_meta.TransferSyntaxUID
    return str(syntax) not in UID_dictionary or bool(syntax.is_compressed or syntax.is_deflated)


def unpack(whole: Any, path: Path) -> np.ndarray:
    """The pixels as stored, colours as RGB.

    Parameters
    ----------
    whole : Dataset
        Of :func:`open_whole`; sizes in its tags were weighed.

    Returns
    -------
    np.ndarray
        (N, Y, X) or (N, Y, X, 3), of native order of bytes.

    Raises
    ------
    ImageReadError
        If they are packed in a way that nobody here can unpack, or damaged.
    """
    from pydicom.pixels import get_decoder, pixel_array

    frames, shape = int(whole.get("NumberOfFrames") or 1), (int(whole.Rows), int(whole.Columns))
    try:
        decoder = get_decoder(whole.file_meta.TransferSyntaxUID)
        able = not decoder.is_encapsulated or decoder.is_available
    except NotImplementedError:
        able = False
    if not able:
        raise ImageReadError(
            f"{path} is packed as {syntax_of(whole)}, which nothing here can unpack; expected JPEG, JPEG-LS, JPEG "
            "2000, RLE or plain pixels. Export it without compression."
        )
    try:
        if decoder.is_encapsulated:
            _check_inner(whole, path, frames, shape)
        data = pixel_array(whole, decoding_plugin=_plugin(decoder))
    except ImageReadError:
        raise
    # each decoder fails in ways of its own
    except Exception as error:  # noqa: BLE001
        raise ImageReadError(
            f"{path} has pixels, packed as {syntax_of(whole)}, that cannot be unpacked ({type(error).__name__}); "
            "expected as many as its tags say. It is truncated or damaged: copy or export it again."
        ) from None
    data = data.reshape(frames, *shape, *((data.shape[-1],) if int(whole.get("SamplesPerPixel") or 1) > 1 else ()))
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _plugin(decoder: Any) -> str:
    """Which of the decoders that are installed unpacks; nothing: whichever is there."""
    # the quicker one of RLE panics on damaged files, which no program outlives in peace; another one of JPEG prints
    wanted = "pydicom" if str(decoder.UID) == _RLE else "pylibjpeg"
    return wanted if decoder.is_encapsulated and wanted in decoder.available_plugins else ""


def _check_inner(whole: Any, path: Path, frames: int, shape: tuple[int, int]) -> None:
    """A picture inside may claim to be larger than the tags say, and would be unpacked so."""
    from pydicom.encaps import generate_frames

    for packed in generate_frames(whole.PixelData, number_of_frames=frames):
        size = picture_size(packed[:HEAD])
        if size is not None and size != shape:
            raise ImageReadError(
                f"{path} holds a picture of {size[1]} x {size[0]} px; expected {shape[1]} x {shape[0]}, as its tags "
                "say. It is damaged: export it again."
            )


def coloured(numbers: np.ndarray, whole: Any) -> np.ndarray:
    """Numbers of a palette as the colours of it: (..., 3), uint8."""
    from pydicom.pixels import apply_color_lut

    colours = apply_color_lut(numbers, whole)
    # most palettes have sixteen bits, of which eight say something
    return colours[..., :3] if colours.dtype == np.uint8 else (colours[..., :3] >> 8).astype(np.uint8)


def by_table(stored: np.ndarray, whole: Any) -> np.ndarray:
    """Stored numbers by the modality's table of values."""
    from pydicom.pixels import apply_modality_lut

    return np.asarray(apply_modality_lut(stored, whole))

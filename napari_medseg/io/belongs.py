"""Is a mask of ours the mask of this image? What its file says of its image is held against the one that is given."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from napari_medseg.digest import BY_PARTS, file_identity, file_sha256, file_state, files_identity
from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io.formats import files_of, name_of, told_of
from napari_medseg.io.table import format_of, stem_of
from napari_medseg.names import name_key


def image_sha256(path: Path, *, whole: bool = False) -> str:
    """Hash of a file's bytes, or of those of all slices of a series, whatever they are called; of a gigabyte and more
    in one file, or of a Zarr, what :func:`napari_medseg.digest.file_identity` says.

    Parameters
    ----------
    whole : bool
        Of all bytes, however many.

    Raises
    ------
    OSError
        If a file cannot be read.
    ImageReadError
        If it is a folder that is no image.
    """
    files = files_of(path)
    if files == (path,):
        return file_sha256(path) if whole else file_identity(path)
    format = format_of(path)
    if not whole and format is not None and format.open_large is not None:
        found = files_identity(path, files)
        if found is not None:
            return found
    digests = sorted(file_sha256(file) for file in files)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def is_image(path: Path, digest: str) -> bool:
    """Whether such a hash was of this file, by whichever rule it was made; errors are those of :func:`image_sha256`."""
    # what is small now and was large is another; of a damaged project it may be anything
    by_parts = isinstance(digest, str) and digest.startswith(BY_PARTS)
    return image_sha256(path, whole=not by_parts) == digest


def kept_sha256(path: Path) -> str:
    """As :func:`image_sha256`, made once of a file as long as nobody changes it.

    Raises
    ------
    ImageReadError
        If it cannot be read.
    """
    return _hash(path, False)


def image_of(mask: Path) -> str | None:
    """Hash of the image that a mask of ours was made on; None where its file does not say it.

    Raises
    ------
    ImageReadError
        If the mask cannot be read.
    """
    found = told_of(mask).get("image_sha256")
    return found if isinstance(found, str) and found else None


def check_image(image: Path, mask: Path) -> str | None:
    """Make sure that a mask is not that of another image, by what its file says.

    The hash of the image decides. Where it is another, the image may have been saved anew: then it has its name still,
    and that is told. COCO of other programs says the name alone.

    Returns
    -------
    str or None
        What to tell.

    Raises
    ------
    InputError
        If it is the mask of an image of another name.
    ImageReadError
        If one of the two cannot be read.
    """
    told = told_of(mask)
    wanted, name = image_of(mask), told.get("image") or told.get("file_name")
    if wanted is None and told.get("file_name") is None:
        return None
    if wanted is not None and wanted == _hash(image, not wanted.startswith(BY_PARTS)):
        return None
    if not isinstance(name, str) or not _is_called(image, name):
        other = "another image" if not isinstance(name, str) else f"the image '{name}'"
        saved = "" if wanted is None else " If it is that image saved anew, give it the name it had."
        raise InputError(
            f"mask {mask} says that it was made on {other}; it is given with {image}. Give it with its own image."
            f"{saved}"
        )
    if wanted is None:
        return None
    return (
        f"{mask} was made on another file of the name '{name}' than {image}, or that was saved anew since: make sure "
        "that the mask is that of this image."
    )


def _is_called(path: Path, name: str) -> bool:
    """Whether an image is called so, in whatever format it is."""
    own = {path.name, stem_of(path), name_of(path), name_of(path, alone=True)}
    return not {name_key(one) for one in own}.isdisjoint({name_key(name), name_key(stem_of(name))})


def _hash(path: Path, whole: bool) -> str:
    try:
        state = file_state(path) if path.is_file() and files_of(path) == (path,) else None
        return image_sha256(path, whole=whole) if state is None else _kept(path, state, whole)
    except OSError as error:
        raise ImageReadError(f"{path} cannot be read ({error.strerror}). Check the path.") from error


@lru_cache(4096)
def _kept(path: Path, state: tuple[int, ...], whole: bool) -> str:
    """The hash of a file that is as ``state`` says: masks of a set are looked at more than once."""
    return file_sha256(path) if whole else file_identity(path)

"""Of which image a DICOM-SEG is: by the pictures that it refers to, and the space in which it lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_medseg.errors import InputError
from napari_medseg.io.dicom_file import guarded, open_header
from napari_medseg.io.dicom_paths import is_many, series_of_path
from napari_medseg.io.dicom_source import is_dicom_image

_OWN = ("SOPInstanceUID", "FrameOfReferenceUID")


def check_image(path: Path, *, image: Path) -> None:
    """Make sure that a segmentation is of an image: two patients' scans may lie at the same coordinates.

    Parameters
    ----------
    path : Path
        The DICOM-SEG.
    image : Path
        Of any format; one that is no DICOM says nothing of whose it is.

    Raises
    ------
    InputError
        If it refers to other pictures, or lies in another space. What is empty in both is the same in both.
    ImageReadError
        If one of them cannot be read.
    """
    if not is_dicom_image(image):
        return
    with guarded(path):
        header = open_header(path)
        referred, space = set(_referred(header)), _text(header, "FrameOfReferenceUID")
    pictures, own = _image(image)
    if referred and not referred & pictures:
        wrong = f"none of the image's {len(pictures)} picture(s) is among the {len(referred)} to which it refers"
    # a space is made up for an image that names none
    elif (space and own and space != own) or (not referred and space != own):
        wrong = "it lies in another space, by its FrameOfReferenceUID"
    else:
        return
    raise InputError(
        f"mask {path} was not drawn on {image}: {wrong}; expected the mask of this image. Give that one; if you are "
        "sure that it belongs here, give it as NIfTI."
    )


def _image(path: Path) -> tuple[set[str], str]:
    """UIDs of an image's pictures, and of the space of all of them."""
    files = series_of_path(path).files if is_many(path) else (path,)
    pictures, space = set[str](), ""
    for file in files:
        with guarded(file):
            header = open_header(file, _OWN)
            # as masks of ours refer to one whose tags were blanked
            pictures.add(_text(header, "SOPInstanceUID") or _text(header.file_meta, "MediaStorageSOPInstanceUID"))
            space = _text(header, "FrameOfReferenceUID") or space
    return pictures - {""}, space


def _referred(header: Any) -> Iterator[str]:
    """UIDs of the pictures that were segmented: by the lists of them, else by each frame."""
    listed = list(_listed(header))
    yield from listed or _by_frame(header)


def _listed(header: Any) -> Iterator[str]:
    studies = header.get("StudiesContainingOtherReferencedInstancesSequence") or []
    for holder in (header, *studies):
        for series in holder.get("ReferencedSeriesSequence") or []:
            for name in ("ReferencedInstanceSequence", "ReferencedSOPSequence"):
                yield from _uids(series.get(name))


def _by_frame(header: Any) -> Iterator[str]:
    groups = [
        *(header.get("SharedFunctionalGroupsSequence") or []),
        *(header.get("PerFrameFunctionalGroupsSequence") or []),
    ]
    for group in groups:
        for derived in group.get("DerivationImageSequence") or []:
            yield from _uids(derived.get("SourceImageSequence"))


def _uids(items: Any) -> Iterator[str]:
    return (uid for item in items or [] if (uid := _text(item, "ReferencedSOPInstanceUID")))


def _text(header: Any, name: str) -> str:
    return str(header.get(name) or "").strip()

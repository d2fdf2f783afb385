"""Whose picture a DICOM file is, and of what: slices that differ in it are no one volume, whatever their series says.

Names and numbers of patients are made into digests here, only to see that two differ, and go no further.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from napari_medseg.io.dicom_tags import code

# what files of one patient have in common
PATIENT = ("PatientID", "PatientName", "PatientBirthDate")
# all that is looked at
OF_WHOSE = (*PATIENT, "StudyInstanceUID", "FrameOfReferenceUID", "Modality", "PhotometricInterpretation")
# so that nobody finds a name by its digest
_SALT = secrets.token_bytes(16)


class Whose(NamedTuple):
    """What is one for all slices of a volume; an empty tag is a value like others.

    Parameters
    ----------
    patient : str
        A digest, of this run of the program alone.
    study, frame : str
        UIDs of the study, and of the space in which it lies.
    modality, pixels : str
        Such as ``CT`` and ``MONOCHROME2``.
    """

    patient: str
    study: str
    frame: str
    modality: str
    pixels: str


_WORDS = Whose("patient", "study", "frame of reference", "modality", "PhotometricInterpretation")


def whose(header: Any) -> Whose:
    """What a header with :data:`OF_WHOSE` says."""
    # "Doe^Jane^^" is "doe^jane"
    people = ["=".join(one.strip(" ^") for one in _text(header, name).casefold().split("=")) for name in PATIENT]
    return Whose(
        hashlib.blake2b("\n".join(people).encode(), key=_SALT).hexdigest(),
        _text(header, "StudyInstanceUID"),
        _text(header, "FrameOfReferenceUID"),
        code(header, "Modality"),
        code(header, "PhotometricInterpretation"),
    )


def _text(header: Any, name: str) -> str:
    return str(header.get(name) or "").strip()


def differing(several: Iterable[Whose]) -> tuple[str, ...]:
    """In what they differ, in words that name nobody; nothing of those that belong together."""
    values = zip(*several, strict=True)
    return tuple(word for word, found in zip(_WORDS, values, strict=False) if len(set(found)) > 1)

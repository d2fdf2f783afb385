"""What a DICOM image is called: nothing that names anybody.

Tags that name people are looked at here, only to see that another text does not say the same, and go no further.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any

from napari_medseg.io.dicom_tags import code, count

# of whoever is on it, and whoever made it
PEOPLE = (
    *("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"),
    *("PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName"),
    *("RequestingPhysician", "NameOfPhysiciansReadingStudy", "InstitutionName", "StudyID", "PatientAddress"),
)
_DATES = ("PatientBirthDate",)
# shorter pieces of a name stand in many words
_LEAST = 3
_TITLES = frozenset(("dr", "prof", "med", "herr", "frau", "mrs", "test", "anonymous", "anon", "none", "unknown"))
_GERMAN = str.maketrans(dict(zip("äöüøå", ("ae", "oe", "ue", "oe", "aa"), strict=True)))
# what digits and letters of a SeriesInstanceUID come to
_KEY = 8
NAMED = re.compile(rf"[A-Za-z0-9_]+(?:-series\d+)?-\d+(?:slices?|pictures?)-(?P<key>[0-9a-f]{{{_KEY}}})")


def key_of(uid: str) -> str:
    """Some letters that stand for a series, and do not tell its number."""
    return hashlib.sha256(uid.encode()).hexdigest()[:_KEY]


def neutral(modality: str, number: int, pictures: int, *, volume: bool) -> str:
    """What a series is called: ``CT-series3-20slices``; its description may hold a name, and stays on the screen."""
    kind = re.sub(r"[^A-Z0-9]+", "_", modality) or "DICOM"
    which = f"-series{number}" if number > 0 else ""
    what = "slice" if volume else "picture"
    return f"{kind}{which}-{pictures}{what}{'' if pictures == 1 else 's'}"


def neutral_of(header: Any, pictures: int) -> str:
    """The same of one file, by its tags: with the end of its key, as many of a series may be called so."""
    words = neutral(code(header, "Modality"), count(header, "SeriesNumber"), pictures, volume=False)
    return f"{words}-{key_of(str(header.get('SOPInstanceUID') or ''))}"


def without_key(name: str) -> str:
    """The words of a name by which a series is found in its folder."""
    return name[: -_KEY - 1] if NAMED.fullmatch(name) else name


def names_people(text: str, header: Any) -> bool:
    """Whether a text holds what the tags say of a person: a part of a name, a number, a day of birth.

    Parameters
    ----------
    text : str
        Such as a description, or what a file or a folder is called.
    header : Dataset
        With :data:`PEOPLE`.
    """
    words = _words(text)
    plain = {form: form.replace(" ", "") for form in words}
    for name in PEOPLE:
        for value in _values(header.get(name)):
            for piece in _dates(value) if name in _DATES else _pieces(value):
                if any(_holds(form, tight, piece) for form, tight in plain.items()):
                    return True
    return False


def _holds(spaced: str, tight: str, piece: str) -> bool:
    # short ones only as words of their own
    return piece in tight if len(piece) > _LEAST else piece in spaced.split()


def _values(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return [str(one) for one in value]
    return [str(value)]


def _pieces(value: str) -> set[str]:
    """Words of a name or number, in both ways to write an umlaut."""
    return {
        word
        for form in _words(value)
        for word in (*form.split(), form.replace(" ", ""))
        if len(word) >= _LEAST and word not in _TITLES and not _is_nothing(word)
    }


def _is_nothing(word: str) -> bool:
    """Zeros and the like, which stand where nothing is known."""
    return len(set(word)) == 1


def _dates(value: str) -> set[str]:
    digits = re.sub(r"\D", "", value)
    if len(digits) != 8 or _is_nothing(digits):
        return set()
    year, month, day = digits[:4], digits[4:6], digits[6:]
    return {year + month + day, day + month + year, month + day + year, day + month + year[2:]}


def _words(text: str) -> set[str]:
    """Letters and digits of a text, in words, without accents: with ``ue`` for an umlaut, and with ``u``."""
    folded = unicodedata.normalize("NFC", text).casefold()
    german = folded.translate(_GERMAN)
    found = set()
    for form in (folded, german):
        bare = "".join(sign for sign in unicodedata.normalize("NFD", form) if not unicodedata.combining(sign))
        found.add(" ".join(re.findall(r"[^\W_]+", bare)))
    return found

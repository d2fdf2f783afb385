"""Names are data: a layer, a file, weights may be called anything. Cleaned once, where a file is called after them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

MOST_BYTES = 200
"""Of a cleaned name in UTF-8. File systems take 255; endings such as ``_disagreement.nii.gz`` come on top."""

# what leads to another folder or drive, what Windows takes in no file name, what turns the text around it
_UNSAFE = re.compile(r'[/\\:<>"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')
# devices of Windows, whatever follows behind a dot
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# control, half of a pair (a byte that is no UTF-8), no character at all, ends of line and paragraph
_NO_TEXT = ("Cc", "Cs", "Cn", "Zl", "Zp")


def clean_name(name: str, *, default: str = "image") -> str:
    """A name that a file can have everywhere: it stays in its folder, is not hidden, and is the same however typed.

    Parameters
    ----------
    name : str
        Whatever a person, a file or a program called something; no path: of one, each ``/`` becomes ``_``.
    default : str
        Where nothing is left.

    Returns
    -------
    str
        In NFC, at most :data:`MOST_BYTES`; one that is too long keeps its beginning and ends in a hash of the whole,
        the same at each call. Cleaning a clean name changes nothing.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if unicodedata.category(sign) in _NO_TEXT else sign for sign in _UNSAFE.sub("_", text))
    return short_name(_DEVICE.sub(r"\1_", text.strip(" .")) or default)


def short_name(name: str) -> str:
    """The stem of a file that is there already, for files beside it: in NFC, and short enough for an ending.

    One that is too long keeps its beginning and ends in a hash of the whole, the same at each call.
    """
    text = unicodedata.normalize("NFC", name)
    # bytes that are no text are as good a name as any to some file systems
    whole = text.encode(errors="surrogateescape")
    if len(whole) <= MOST_BYTES:
        return text
    digest = hashlib.sha256(whole).hexdigest()[:8]
    # a sign that was cut in two goes
    start = whole[: MOST_BYTES - len(digest) - 1].decode(errors="ignore")
    return f"{start.rstrip(' .')}-{digest}"


def name_key(name: str) -> str:
    """What two names share that a file system, or the eye, takes for one: ``A`` and ``a``, one accent written twice."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def distinct_names(names: Sequence[str]) -> list[str]:
    """Clean names, one for each in order, of which no two are one file: later ones get ``_2``, ``_3``.

    A name that is clean already and stands there once is never given to another.
    """
    cleaned = [clean_name(name) for name in names]
    own = {name_key(name) for name in cleaned}
    taken: set[str] = set()
    found = []
    for name in cleaned:
        free, number = name, 1
        while name_key(free) in taken or (number > 1 and name_key(free) in own):
            number += 1
            free = clean_name(f"{name}_{number}")
        taken.add(name_key(free))
        found.append(free)
    return found


def one_line(text: str) -> str:
    """Text of any origin as it can be shown, compared and stored: in NFC, on one line, all of it UTF-8.

    What steers a terminal, and bytes that are no text, are written out, so that nothing is mistaken for something else.
    """
    return "".join(
        sign.encode("unicode_escape").decode()
        if _TURNING.match(sign) or unicodedata.category(sign) in _NO_TEXT
        else sign
        for sign in unicodedata.normalize("NFC", text)
    )

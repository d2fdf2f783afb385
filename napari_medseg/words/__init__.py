"""Every text that a person reads passes here, and can be translated: marked where it is used, by gettext.

``tr("Accept")``, ``tr("Image {n} of {total}", n=2, total=9)``, ``trn("{n} image", "{n} images", count)``. A text that
is made while a module is imported is only marked, ``mark("as listed")``, and goes through :func:`tr` where it is shown.
All marked texts stand in ``medseg.pot``, which ``make words`` writes; a translation is a ``medseg.mo`` of it, see
CONTRIBUTING.md.
"""

from __future__ import annotations

import gettext
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path

DOMAIN = "medseg"
LANGUAGE, FOLDER = "MEDSEG_LANGUAGE", "MEDSEG_WORDS"
"""Of the environment: languages, best first (``de:fr``), and a folder of translations beside those that are shipped."""

# in gettext's order, ours first
_ASKED = (LANGUAGE, "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
# in use; None: no text was asked for yet
_texts: gettext.NullTranslations | None = None


def tr(text: str, /, **fields: object) -> str:
    """A text in the person's language, its fields filled in.

    Parameters
    ----------
    text : str
        English, with named fields: ``"{n} of {total}"``. A literal, or one that was marked by :func:`mark`.
    **fields : object
        What stands in them. Without any, braces are braces.
    """
    # of the empty text gettext gives the catalogue's header
    return _filled(_catalogue().gettext(text), text, fields) if text else ""


def trn(one: str, many: str, number: int, /, **fields: object) -> str:
    """A text that depends on a number, which is its field ``n``; languages have other plurals than one and many."""
    fields = {"n": number, **fields}
    return _filled(_catalogue().ngettext(one, many, number), one if number == 1 else many, fields)


def mark(text: str) -> str:
    """The text itself: it is to be collected here, and shown by :func:`tr` elsewhere."""
    return text


def use(languages: Sequence[str], folder: Path | None = None) -> bool:
    """Take the first of these languages that there is a translation for; English where there is none.

    Parameters
    ----------
    languages : sequence of str
        Such as ``de_CH``, best first; a ``de`` stands for all its kinds, and ``en`` for no translation.
    folder : Path, optional
        Looked in first: ``<folder>/<language>/LC_MESSAGES/medseg.mo``.

    Returns
    -------
    bool
        Whether one was found.
    """
    global _texts
    _texts = gettext.NullTranslations()
    wanted = [language.replace("-", "_") for language in languages if language]
    for place in filter(None, (folder, Path(__file__).parent)):
        for language in wanted:
            if re.split("[_.@]", language)[0] in ("en", "C", "POSIX"):
                break
            try:
                _texts = gettext.translation(DOMAIN, str(place), [language])
            except (LookupError, OSError, ValueError, struct.error):
                # none, or no catalogue: what is written here is good English
                continue
            return True
    return False


def begin(system: Sequence[str] = ()) -> None:
    """Take the language that the environment asks for.

    Parameters
    ----------
    system : sequence of str
        Languages of the computer, best first: where the environment says nothing, as on Windows and macOS.
    """
    asked = next((value for name in _ASKED if (value := os.environ.get(name))), "")
    folder = os.environ.get(FOLDER)
    use(asked.split(":") if asked else system, Path(folder) if folder else None)


def _catalogue() -> gettext.NullTranslations:
    if _texts is None:
        begin()
    return _texts or gettext.NullTranslations()


def _filled(translated: str, text: str, fields: dict[str, object]) -> str:
    if not fields:
        return translated
    try:
        return translated.format(**fields)
    except (AttributeError, IndexError, KeyError, ValueError):
        # a translation with fields that there are none of
        return text.format(**fields)

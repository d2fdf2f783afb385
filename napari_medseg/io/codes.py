"""What a class is, and where in the body, as coded concepts: a short list of SNOMED CT that can be searched.

The list is ``codes.csv``; its codes and meanings are those that DICOM names (PS3.16), as pydicom has them.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from napari_medseg.errors import InputError

_FILE = Path(__file__).with_name("codes.csv")
SCHEME = "SCT"
# what an entry of the list can say: what is marked, where in the body, or both
WHAT, WHERE = "what", "where"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Concept:
    """An entry of the list.

    Parameters
    ----------
    id : str
        As the command line and projects name it.
    code, meaning : str
        Of SNOMED CT.
    kind : str
        Id of the concept that is its category; empty of a category itself.
    use : str
        ``what``, ``where``, ``both``, or ``kind`` of a category.
    words : str
        Also found by these.
    """

    id: str
    use: str
    kind: str
    code: str
    meaning: str
    words: str

    @property
    def category(self) -> Concept:
        """What kind of a thing it is, such as an anatomical structure."""
        return _all()[self.kind]


@dataclass(frozen=True, slots=True)
class Coding:
    """What a class is, and where in the body; None where the one says the other, or nobody said it."""

    what: Concept
    where: Concept | None = None

    def to_plain(self) -> dict[str, str]:
        """For a project, or the provenance of a mask."""
        return {WHAT: self.what.id, WHERE: "" if self.where is None else self.where.id}

    @classmethod
    def from_plain(cls, facts: Mapping[str, Any]) -> Coding:
        """Of :meth:`to_plain`.

        Raises
        ------
        InputError
            If it is not of the list.
        """
        where = str(facts.get(WHERE) or "")
        return cls(concept(str(facts.get(WHAT)), WHAT), concept(where, WHERE) if where else None)


# what is marked in images of our tasks
_OF_TASKS = {
    "brain-mri": ("neoplasm", "brain"),
    "breast-ultrasound": ("lesion", "breast"),
    "dermoscopy": ("skin-lesion", "skin"),
    "hippocampus": ("hippocampus", ""),
    "kidney-stones": ("renal-stone", "kidney"),
    "nuclei": ("nucleus", ""),
    "polyp": ("polyp-of-colon", "colon"),
    "stained-nuclei": ("nucleus", ""),
    "thyroid-ultrasound": ("thyroid-nodule", "thyroid"),
}
_GENERIC = "tissue"


@lru_cache(maxsize=1)
def _all() -> dict[str, Concept]:
    with _FILE.open(encoding="utf-8", newline="") as stream:
        return {row["id"]: Concept(**row) for row in csv.DictReader(stream)}


def concepts(use: str) -> tuple[Concept, ...]:
    """Entries that say ``what`` is marked, or ``where`` it lies, by their meaning."""
    return tuple(sorted((one for one in _all().values() if one.use in (use, "both")), key=lambda one: one.meaning))


def search(text: str, use: str = WHAT) -> tuple[Concept, ...]:
    """Entries that hold all words of a text, or begin some of theirs with them; the closest first."""
    wanted = text.casefold().replace("-", " ").replace("_", " ").split()
    found = [(_far(wanted, one), one) for one in concepts(use)]
    return tuple(one for far, one in sorted(found, key=lambda pair: pair[0] or 0) if far is not None)


def _far(wanted: list[str], one: Concept) -> int | None:
    """How far an entry is from words, None where they are not all in it."""
    name, more = one.meaning.casefold().replace(",", "").split(), one.words.casefold().split()
    if one.code in wanted or wanted == name:
        return 0
    parts = [*name, *more]
    if not all(any(part.startswith(word) for part in parts) for word in wanted):
        return None
    whole = all(word in parts for word in wanted)
    # its own name before its other words, and a short one before a long one
    own = all(any(part.startswith(word) for part in name) for word in wanted)
    return 1 + 4 * (not whole) + 2 * (not own) + (len(name) > 1)


def concept(text: str, use: str = WHAT) -> Concept:
    """The entry that a person names: by its id, its code, or its meaning.

    Raises
    ------
    InputError
        If it is none of the list; entries that are near are named.
    """
    wanted = text.strip().casefold()
    for one in concepts(use):
        if wanted in (one.id, one.code, one.meaning.casefold()):
            return one
    near = search(text, use) or concepts(use)
    named = ", ".join(one.id for one in near[:_SHOWN])
    what = "what a class is" if use == WHAT else "where it lies in the body"
    raise InputError(f"'{text}' says {what}; expected one of the list, such as {named}. See 'medseg codes'.")


def default_coding(name: str, task: str = "", thing: str = "", own: Collection[str] = ()) -> Coding:
    """What a class most likely is, by its name and what proposed it: a start that a person can change.

    Parameters
    ----------
    name : str
        Of the class.
    task : str
        Of the weights that proposed the mask; empty where nothing did. What is chosen for other masks says nothing of
        this one.
    thing : str
        What is marked in images of the task where there is one class.
    own : collection of str
        What these weights call their classes.

    Returns
    -------
    Coding
        Tissue, of which nothing more is said, where nothing tells.
    """
    of_task = _OF_TASKS.get(task)
    plain = name.strip().casefold()
    if of_task is not None and plain in ("", "foreground", "label 1", thing.casefold()):
        return _coding(*of_task)
    # only what bears the name as a whole: a guess that is too clever is a wrong code
    found = [one for one in search(name) if (_far(plain.split(), one) or 0) < 5] if plain else []
    if found:
        place = of_task[1] if of_task is not None and found[0].kind == "morphologically-abnormal-structure" else ""
        return _coding(found[0].id, place)
    return _coding(*(of_task if of_task is not None and name in own else (_GENERIC, "")))


def _coding(what: str, where: str) -> Coding:
    every = _all()
    return Coding(every[what], every[where] if where else None)


def parse_codes(texts: list[str]) -> dict[int, Concept]:
    """What ``--code`` says of classes: ``1=spleen``, one each.

    Raises
    ------
    InputError
        If it is no number and an entry of the list.
    """
    found: dict[int, Concept] = {}
    for text in texts:
        number, sign, name = text.partition("=")
        if not sign or not number.strip().isdigit():
            raise InputError(f"--code is '{text}'; expected NUMBER=CONCEPT, such as 1=spleen. See 'medseg codes'.")
        found[int(number)] = concept(name, WHAT)
    return found

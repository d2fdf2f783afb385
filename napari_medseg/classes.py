"""What a class is: a number with a name, the same wherever it is drawn, learned, predicted or written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from napari_medseg.errors import InputError

Classes = Mapping[int, str]
"""Name of each class by its number."""

# a byte holds a project's labels and a network's classes
MOST_CLASS = 255
# a class of this name is none: what bears its number counts neither in training nor in scores
IGNORED = "ignore"
# so many numbers and names are told in a message
SHOWN = 8
# bright on dark and on bright images alike; napari's own first label is a dark brown
COLOURS = ("#ff9f1c", "#2ec4ff", "#7be04b", "#ff4fa3", "#ffe14d", "#b58cff", "#ff6b4a", "#3ddbb3")


def colour_of(label: int) -> str:
    """The colour of a label that nobody gave one."""
    return COLOURS[(label - 1) % len(COLOURS)]


def class_labels(classes: Sequence[str], labels: Sequence[int]) -> tuple[int, ...]:
    """Numbers of classes; where none are given, 1, 2, ...

    Raises
    ------
    ValueError
        If there are others than one for each class, from 1 to 255, in ascending order.
    """
    found = tuple(labels) or tuple(range(1, len(classes) + 1))
    fitting = len(found) == len(classes) and all(1 <= number <= MOST_CLASS for number in found)
    if not fitting or tuple(sorted(set(found))) != found:
        shown = ", ".join(map(str, found[:SHOWN]))
        raise ValueError(
            f"{len(classes)} class(es) have the numbers {shown}; expected one each, from 1 to {MOST_CLASS}, ascending"
        )
    return found


def parse_classes(texts: Sequence[str]) -> dict[int, str]:
    """Classes as they are written on the command line: ``NUMBER=NAME`` each, or names, which are numbered from 1.

    Raises
    ------
    InputError
        If a name or number comes twice, is empty or out of range, only some have numbers, or what is in front of a
        ``=`` is none.
    """
    pairs = [re.fullmatch(r"(\d{1,9})=(.*)", text, flags=re.DOTALL) for text in texts]
    if any(pairs) and not all(pairs):
        bare = next(text for text, pair in zip(texts, pairs, strict=True) if pair is None)
        raise InputError(f"--classes is '{bare}' beside others with a number; expected NUMBER=NAME. Add the number.")
    # kidney=2 would be a name, and the number of the class its place in the row
    turned = next((text for text, pair in zip(texts, pairs, strict=True) if pair is None and "=" in text), None)
    if turned is not None:
        raise InputError(
            f"--classes is '{turned}'; expected NUMBER=NAME, the number first, from 1 to {MOST_CLASS}. Correct it."
        )
    # --map takes commas, JSON has colons: here either would become part of a name
    several = next((text for text in texts if re.search(r"[,;{}]|^\s*\d+\s*:", text)), None)
    if several is not None:
        raise InputError(
            f"--classes is '{several}'; expected one NUMBER=NAME, without commas, colons or brackets. Say --classes "
            "once for each class."
        )
    numbered = [(int(p[1]), p[2]) for p in pairs if p] or list(enumerate(texts, start=1))
    classes = {number: " ".join(name.split()) for number, name in numbered}
    for number, name in classes.items():
        if not 1 <= number <= MOST_CLASS or not name:
            raise InputError(
                f"--classes is '{number}={name}'; expected a number from 1 to {MOST_CLASS} and a name. Correct it."
            )
        if name.casefold() == IGNORED:
            raise InputError(
                f"--classes is '{number}={name}'; what bears that name is no class. Say --ignore {number} instead."
            )
    if len(classes) < len(texts) or len(set(classes.values())) < len(texts):
        raise InputError(f"--classes names {', '.join(texts)}; expected each number and each name once. Correct it.")
    return dict(sorted(classes.items()))


def listed(numbers: Iterable[int]) -> str:
    """Numbers as a message names them."""
    every = sorted(numbers)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return f"label{'s' if len(every) > 1 else ''} {', '.join(map(str, every[:SHOWN]))}{more}"


def named(classes: Classes) -> str:
    """Classes as a message names them."""
    shown = [f"{number} '{name}'" for number, name in classes.items()]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")

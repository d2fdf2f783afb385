"""Which numbers a mask may hold: one rule for everyone who reads masks.

A class is a number with a name and keeps its number from the drawing to the exported file. Nothing here is guessed: a
number that is no class is refused, unless the person said which class it is (``--map``) or that it does not count
(``--ignore``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.classes import MOST_CLASS, Classes, listed, named
from napari_medseg.errors import InputError
from napari_medseg.io.formats import names_of, read_mask
from napari_medseg.io.mask import WHITE

# a file's numbers take two bytes
MOST_NUMBER = 65535


@dataclass(frozen=True, slots=True)
class Found:
    """What a mask holds.

    Attributes
    ----------
    numbers : frozenset of int
        Without the background and what is to be ignored.
    white : bool
        It is black and white only, and no word was said of what white is.
    names : mapping of int to str
        What the file calls those of the numbers of which the person said nothing.
    """

    numbers: frozenset[int]
    white: bool = False
    names: Mapping[int, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class MaskLabels:
    """A mask as classes.

    Attributes
    ----------
    numbers : np.ndarray
        (Y, X) or (Z, Y, X), uint8 or uint16: number of the class, 0 for the background and where it is ignored.
    ignored : np.ndarray or None
        Of the same shape, bool: what does not count; None where all does.
    """

    numbers: np.ndarray
    ignored: np.ndarray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """What a person said of the numbers in masks.

    Parameters
    ----------
    mapping : tuple of (first, last, number of the class)
        These numbers stand for that class.
    ignore : int or None
        Pixels of this number, as mapped, count neither in training nor in scores.

    Raises
    ------
    InputError
        If a number is out of range, or two things are said of it.
    """

    mapping: tuple[tuple[int, int, int], ...] = ()
    ignore: int | None = None

    def __post_init__(self) -> None:
        last_seen = -1
        for first, last, number in sorted(self.mapping):
            if not (0 <= first <= last <= MOST_NUMBER and 0 <= number <= MOST_CLASS):
                raise InputError(
                    f"--map says {_part(first, last, number)}; expected numbers from 0 to {MOST_NUMBER} and classes "
                    f"from 0 to {MOST_CLASS}. Correct it."
                )
            if first <= last_seen:
                raise InputError(f"--map names the number {first} twice; expected one class for it. Leave one out.")
            last_seen = last
        if self.ignore is None:
            return
        if not 1 <= self.ignore <= MOST_CLASS:
            raise InputError(f"--ignore is {self.ignore}; expected 1 to {MOST_CLASS}. Correct it, or use --map.")
        for first, last, number in self.mapping:
            if first <= self.ignore <= last and number != self.ignore:
                raise InputError(
                    f"{self.ignore} is ignored and stands for class {number} by --map; expected one of these. "
                    "Leave one out."
                )

    def find(self, mask: np.ndarray, names: Mapping[int, str] | None = None) -> Found:
        """What a mask holds, as :func:`read_numbers` gave it; ``names``: what its file calls its numbers."""
        mask = self._white_as_told(mask)
        if mask.dtype == bool:
            return Found(frozenset(), white=True)
        mapped = {self._class_of(number) for number in _numbers_in(mask)}
        # the background may stand for a class too: a mask may be drawn the other way round
        if self._class_of(0) and (mask == 0).any():
            mapped.add(self._class_of(0))
        numbers = frozenset(mapped - {0, self.ignore})
        mine = {n: name for n, name in (names or {}).items() if n in numbers and not self._says(n)}
        return Found(numbers, names=mine)

    def _white_as_told(self, mask: np.ndarray) -> np.ndarray:
        """White of a mask in black and white as a number, if something is said of that or of black; else as it is."""
        if mask.dtype != bool:
            return mask
        said = [n for n in WHITE if n == self.ignore or any(first <= n <= last for first, last, _ in self.mapping)]
        # who says what black is has to say what white is: then it is a number like any other
        said += [WHITE[0]] if self._class_of(0) else []
        return mask.astype(np.uint16) * np.uint16(said[0]) if said else mask

    def apply(self, mask: np.ndarray, *, classes: Classes | None = None, path: Path | None = None) -> MaskLabels:
        """The classes of a mask.

        Parameters
        ----------
        mask : np.ndarray
            (Y, X) or (Z, Y, X), uint8, uint16 or bool, as :func:`read_numbers` gave it.
        classes : mapping of int to str, optional
            That there are; white of a mask in black and white is the class where there is one. Default: any number is
            one, and white is 1.
        path : Path, optional
            It was read from, for messages.

        Raises
        ------
        InputError
            If the mask holds a number that is no class.
        """
        mask = self._white_as_told(mask)
        found = self.find(mask)
        check_numbers({path or "the mask": found}, classes)
        if found.white:
            number = 1 if classes is None else next(iter(classes))
            return MaskLabels(mask.astype(np.uint8) * np.uint8(number))
        mapped = self._mapped(mask)
        if self.ignore is None:
            return MaskLabels(mapped)
        ignored = mapped == self.ignore
        return MaskLabels(np.where(ignored, mapped.dtype.type(0), mapped), ignored if ignored.any() else None)

    def drawn(self, labels: MaskLabels) -> np.ndarray:
        """As it is drawn and stored: what is to be ignored has its number, as any label has."""
        if labels.ignored is None or self.ignore is None:
            return labels.numbers
        return np.where(labels.ignored, labels.numbers.dtype.type(self.ignore), labels.numbers)

    def _says(self, number: int) -> bool:
        return any(first <= number <= last for first, last, _ in self.mapping)

    def _class_of(self, number: int) -> int:
        return next((to for first, last, to in self.mapping if first <= number <= last), number)

    def _mapped(self, mask: np.ndarray) -> np.ndarray:
        if not self.mapping:
            return mask
        table = np.arange(MOST_NUMBER + 1, dtype=np.uint16)
        for first, last, number in self.mapping:
            table[first : last + 1] = number
        mapped = table[mask]
        return mapped.astype(np.uint8) if mapped.max(initial=0) <= MOST_CLASS else mapped

    def check(self, classes: Classes | None) -> None:
        """Make sure that what is to be ignored is not named as a class too.

        Raises
        ------
        InputError
        """
        if self.ignore is not None and self.ignore in (classes or {}):
            raise InputError(
                f"{self.ignore} is ignored and is the class '{(classes or {})[self.ignore]}'; expected one of these. "
                "Leave out --ignore, or the class."
            )


PLAIN = LabelRule()


def _numbers_in(mask: np.ndarray) -> list[int]:
    """The numbers in a mask but for the background, sorted."""
    if mask.dtype in (np.uint8, np.uint16):
        # far faster than sorting all pixels
        return [n for n in np.flatnonzero(np.bincount(mask.ravel())).tolist() if n]
    return [n for n in np.unique(mask).tolist() if n]


def read_numbers(path: str | Path) -> np.ndarray:
    """Read a mask, its numbers as they stand in the file; one in black and white, of which nothing says what white is,
    is bool.

    Errors are those of :func:`read_mask`.
    """
    return read_mask(path, white=False)


def survey(
    paths: Sequence[Path], rule: LabelRule = PLAIN, *, progress: Callable[[float, str], None] | None = None
) -> dict[Path, Found]:
    """What each mask of a set holds; ``progress`` is told the share that was read.

    Raises
    ------
    ImageReadError
        If one cannot be read.
    """
    found = {}
    for number, path in enumerate(paths):
        if progress is not None:
            progress(number / len(paths), f"reading {path.name}")
        found[path] = find_in(path, read_numbers(path), rule)
    return found


def find_in(path: Path, mask: np.ndarray, rule: LabelRule = PLAIN) -> Found:
    """What a mask holds that :func:`read_numbers` read from a file, with what that calls its numbers."""
    return rule.find(mask, names_of(path))


def check_names(found: Mapping[Any, Found], classes: Classes | None) -> None:
    """Check that no number bears the name of another: a mask of that class would lie under the wrong one.

    Names are one in whatever case. A name that several numbers of one mask have says nothing.

    Parameters
    ----------
    found : mapping of path or name to Found
    classes : mapping of int to str or None
        That there are; beside them, each mask is held against those before it.

    Raises
    ------
    InputError
    """
    bearer = {name.casefold(): (number, "") for number, name in (classes or {}).items()}
    for path, one in found.items():
        keys = [name.casefold() for name in one.names.values()]
        for number, name in one.names.items():
            if keys.count(name.casefold()) > 1:
                continue
            other, where = bearer.setdefault(name.casefold(), (number, f", as in {path}"))
            if other != number:
                raise InputError(
                    f"mask {path} calls its number {number} '{name}'; expected class {other}{where}. Say which "
                    f"class it is with --map {number}={other}, or rename it."
                )


def check_numbers(found: Mapping[Any, Found], classes: Classes | None) -> None:
    """Check the masks of a set, together: what one of them means hangs on the others.

    Parameters
    ----------
    found : mapping of path or name to Found
    classes : mapping of int to str or None
        That there are; None: any number is one.

    Raises
    ------
    InputError
        If a mask holds a number that is no class or bears the name of another, or it cannot be known what white is: a
        class, or 255.
    """
    check_white(found, classes)
    check_names(found, classes)
    if classes is None:
        return
    outside = all_numbers(found) - set(classes)
    if outside:
        first = next(path for path, one in found.items() if one.numbers & outside)
        raise InputError(
            f"{listed(outside)} in masks, first in {first}; the classes are {named(classes)}. "
            f"Say which class it is with --map {min(outside)}={next(iter(classes))}, leave it out with --ignore, name "
            "it as a class, or correct the mask."
        )


def check_white(found: Mapping[Any, Found], classes: Classes | None) -> None:
    """Check that it is known what white is in masks of a set that are in black and white.

    Raises
    ------
    InputError
        If others of the set hold numbers, or there are several classes: it could be a class, or what is to be ignored.
    """
    white = [path for path, one in found.items() if one.white]
    numbers = all_numbers(found)
    if white and (numbers or (classes is not None and len(classes) > 1)):
        others = f"others of the set have {listed(numbers)}" if numbers else f"the classes are {named(classes or {})}"
        other = next((path for path, one in found.items() if one.numbers), None)
        # to the eye, one of 1 bit a pixel is black and white as well
        why = (
            ""
            if other is None
            else f"{other} has numbers, as masks of 1 bit a pixel have too, whatever they look like. "
        )
        raise InputError(
            f"mask {white[0]} is black and white only, and {others}; expected to know what white is. {why}"
            "Say it with --map 255=1 (or another class), or --ignore 255."
        )


def all_numbers(found: Mapping[Any, Found]) -> set[int]:
    """The numbers of all masks of a set together; white of masks in black and white is none."""
    return reduce(set.union, (one.numbers for one in found.values()), set())


def parse_rule(mapping: str | None = None, ignore: int | None = None) -> LabelRule:
    """What ``--map`` and ``--ignore`` say: ``100=1,200=2``, ``1-65535=1``, and a number.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    parts = []
    for text in (mapping or "").split(",") if mapping is not None else ():
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?=\s*(\d{1,9})\s*", text)
        if match is None:
            raise InputError(
                f"--map is '{mapping}'; expected NUMBER=CLASS, separated by commas, such as 100=1,200=2 or 1-65535=1. "
                "Correct it."
            )
        first, last, number = match.groups()
        parts.append((int(first), int(last or first), int(number)))
    return LabelRule(mapping=tuple(parts), ignore=ignore)


def _part(first: int, last: int, number: int) -> str:
    return f"{first}={number}" if first == last else f"{first}-{last}={number}"

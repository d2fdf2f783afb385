"""What others wrote, parsed field by field: JSON of any origin, and checks of what a field may hold.

A check is a test with the words for what it expects. A number has its bounds: one beyond them is no number that anyone
meant, and would be computed with, allocated or waited for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Check = tuple[Callable[[Any], bool], str]

LARGEST_SIDE = {2: 4096, 3: 1024}
"""Of what a network sees at once, px, by dimensions."""
# of a text, a list, what lies within what
_LONG, _MANY, _DEEP = 100_000, 100_000, 8
_WHOLE, _NUMBER = 10**9, 1e12


def parse_json(text: str | bytes, *, unique: bool = False) -> Any:
    """JSON whatever it holds.

    Parameters
    ----------
    unique : bool
        A name that stands twice in an object is none: which of both counts cannot be known.

    Raises
    ------
    ValueError
        In a few words, if it is none: no UTF-8, nested without end, a number of thousands of digits.
    """
    try:
        hook = _once if unique else None
        return json.loads(text.decode() if isinstance(text, bytes) else text, object_pairs_hook=hook)
    except RecursionError:
        raise ValueError("brackets within brackets without end") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from None
    except (json.JSONDecodeError, _TwiceError):
        raise
    # the advice of Python's own message is for programmers
    except ValueError:
        raise ValueError("a number of thousands of digits") from None


class _TwiceError(ValueError):
    """Two entries of one name."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(f"{shown(next(name for name in names if names.count(name) > 1))} stands there twice")
    return found


def wrong_field(
    values: Mapping[str, Any], checks: Mapping[str, Check], where: str, required: tuple[str, ...] = ()
) -> str | None:
    """The first field that cannot be what it is, as a sentence; None: all can. Fields without a check are passed over.

    Parameters
    ----------
    where : str
        Named in the sentence.
    required : tuple of str
        Looked at though they are missing.
    """
    for key, (fits, expected) in checks.items():
        if (key in values or key in required) and not fits(values.get(key)):
            return f"'{key}' in {where} is {shown(values.get(key))}; expected {expected}."
    return None


def shown(value: object) -> str:
    """A value in a message, cut where it is long."""
    try:
        return f"{value!r:.80}"
    # Python writes no number of thousands of digits
    except (ValueError, RecursionError):
        return f"a value of type {type(value).__name__}"


def text(value: object) -> bool:
    """Text; a zero byte would end a path in the middle."""
    return isinstance(value, str) and len(value) <= _LONG and "\x00" not in value


def texts(value: object) -> bool:
    """A list of texts."""
    return isinstance(value, list | tuple) and len(value) <= _MANY and all(text(one) for one in value)


def flag(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def _is_whole(value: object) -> bool:
    # Python counts True as 1
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    # compared, not converted: a whole number may be beyond what a float holds; not a number compares false
    return isinstance(value, int | float) and not isinstance(value, bool) and -_NUMBER <= value <= _NUMBER


def whole(least: int = 0, most: int = _WHOLE) -> Check:
    """A whole number between two, both included."""
    return (lambda value: _is_whole(value) and least <= value <= most), f"a whole number from {least} to {most}"


def number(least: float = -_NUMBER, most: float = _NUMBER) -> Check:
    """A number between two, both included."""
    return (lambda value: _is_number(value) and least <= value <= most), f"a number from {least:g} to {most:g}"


def optional(check: Check) -> Check:
    """That, or null."""
    fits, expected = check
    return (lambda value: value is None or fits(value)), f"{expected}, or null"


def numbers(value: object) -> bool:
    """A list of numbers."""
    return isinstance(value, list | tuple) and len(value) <= _MANY and all(_is_number(one) for one in value)


def sides(value: Any) -> bool:
    """Two or three sides in px, of which none is too large to be computed with."""
    return (
        isinstance(value, list | tuple)
        and len(value) in LARGEST_SIDE
        and all(_is_whole(one) and 1 <= one <= LARGEST_SIDE[len(value)] for one in value)
    )


def spacing(value: Any) -> bool:
    """Three sizes in mm."""
    return numbers(value) and len(value) == 3 and all(1e-6 <= one <= 1e6 for one in value)


def window(value: Any) -> bool:
    """Two intensities, the lower one first."""
    return numbers(value) and len(value) == 2 and value[0] < value[1]


def plain(value: object, depth: int = 0) -> bool:
    """An object of plain values; it may be nested a little."""
    if isinstance(value, Mapping):
        return depth < _DEEP and all(text(key) and _value(one, depth + 1) for key, one in value.items())
    return False


def _value(value: object, depth: int) -> bool:
    if isinstance(value, list | tuple):
        return depth < _DEEP and len(value) <= _MANY and all(_value(one, depth + 1) for one in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return -_NUMBER <= value <= _NUMBER
    return value is None or isinstance(value, float | bool) or text(value) or plain(value, depth)


TEXT: Check = (text, "text")
TEXTS: Check = (texts, "a list of names")
NAMES: Check = ((lambda value: texts(value) and 0 < len(value) <= 255), "a list of 1 to 255 names")
CLASSES: Check = (
    lambda value: isinstance(value, list | tuple) and len(value) <= 255 and all(whole(1, 255)[0](one) for one in value),
    "a list of whole numbers from 1 to 255",
)
FLAG: Check = (flag, "true or false")
SIDES: Check = (sides, f"a list of two sides up to {LARGEST_SIDE[2]} px or three up to {LARGEST_SIDE[3]} px")
SPACING: Check = (spacing, "a list of three sizes in mm")
WINDOW: Check = (window, "a list of two intensities, the lower one first")
OBJECT: Check = (plain, "an object")

"""Dataclasses whose fields say of themselves what they may hold.

Checks, a flat file and a fingerprint follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any

from napari_medseg import fields
from napari_medseg.errors import InputError


def told(
    check: fields.Check,
    *,
    key: str | None = None,
    read: Callable[[Any], Any] | None = None,
    free: bool = False,
    later: bool | Callable[[Any], Any] = False,
    rare: bool = False,
) -> dict[str, Any]:
    """What a field says of itself.

    Parameters
    ----------
    check : Check
        Of what it may hold.
    key : str or None
        In the file, where this is not its own name.
    read : callable or None
        From JSON's lists and objects to what is kept.
    free : bool
        It changes how long and where a run computes, not what it computes on the CPU: a run may go on with another.
    later : bool or callable
        It came after checkpoints had been written, and counts only where it is other than its default, so that these
        stay good; a function of the group gives a default that hangs on other fields.
    rare : bool
        Of an object in a list: it is written only where it is other than its default. Earlier versions, which refuse
        objects with fields that they do not know, read all others.
    """
    return {"check": check, "key": key, "read": read, "free": free, "later": later, "rare": rare}


def key_of(one: Field[Any]) -> str:
    """Name of a field in a file."""
    return one.metadata["key"] or one.name


@lru_cache(maxsize=64)
def checks(kind: type) -> dict[str, fields.Check]:
    """What each field of a class may hold, by its name in a file."""
    return {key_of(one): one.metadata["check"] for one in dataclass_fields(kind) if one.metadata}


@lru_cache(maxsize=64)
def required(kind: type) -> tuple[str, ...]:
    """Fields that have no default."""
    return tuple(
        key_of(one)
        for one in dataclass_fields(kind)
        if one.metadata and one.default is MISSING and one.default_factory is MISSING
    )


class Declared:
    """A dataclass of such fields; it is checked when it is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        check_made(self)


def check_made(part: Any) -> None:
    """Check the fields of a group that was just made, and keep tuples where lists were given.

    Raises
    ------
    InputError
        If one cannot be what it is.
    """
    kind: type = type(part)
    known = [one for one in dataclass_fields(kind) if one.metadata]
    wrong = fields.wrong_field({key_of(one): getattr(part, one.name) for one in known}, checks(kind), "the run")
    if wrong is not None:
        raise InputError(f"{wrong} Correct it.")
    for one in known:
        read, value = one.metadata["read"], getattr(part, one.name)
        if read is not None and value is not None:
            object.__setattr__(part, one.name, read(value))


def written(part: Any) -> dict[str, Any]:
    """The fields of an object in a list, for a file."""
    return {
        key_of(one): value
        for one in dataclass_fields(part)
        if (value := getattr(part, one.name)) != one.default or not one.metadata.get("rare")
    }


def counted(part: Any) -> dict[str, Any]:
    """The fields of a group that decide the outcome."""
    found = {}
    for one in dataclass_fields(part):
        if not one.metadata or one.metadata["free"]:
            continue
        value, later = getattr(part, one.name), one.metadata["later"]
        if later:
            default = one.default if one.default_factory is MISSING else one.default_factory()
            if value == (later(part) if callable(later) else default):
                continue
        found[key_of(one)] = value
    return found


def list_of(kind: type) -> Callable[[Any], bool]:
    """Whether a list holds such objects, made or as the file has them, and nothing else."""

    def fits(value: Any) -> bool:
        return isinstance(value, list | tuple) and all(
            isinstance(one, kind)
            or (
                isinstance(one, Mapping)
                and set(one) <= set(checks(kind))
                and fields.wrong_field(one, checks(kind), "", required(kind)) is None
            )
            for one in value
        )

    return fits


def tuple_of(kind: type) -> Callable[[Any], Any]:
    """Make such objects of what a file has."""
    return lambda values: tuple(one if isinstance(one, kind) else kind(**one) for one in values)


def own(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of all fields of a file those of one group, by their own names."""
    return {one.name: values[key_of(one)] for one in dataclass_fields(kind) if one.metadata and key_of(one) in values}
